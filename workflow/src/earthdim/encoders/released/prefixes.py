"""Find the prefix of an encoder's tensors in a checkpoint, by the longest common suffix of names."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, equal

from earthdim.encoders.released.sources import CheckpointError

# Parts that wrappers of a module add before or between the names of its tensors.
_WRAPPERS = frozenset(
    {"module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
)
# Parts of names that mark a running mean of the weights.
_COPY = re.compile(r"(^|_)(ema|swa|averaged?|avg|mean|shadow)(_|$)")


@dataclass(frozen=True)
class Place:
    """A prefix in a checkpoint below which tensors have the wanted names.

    Parameters
    ----------
    path : Path
        The file.
    common : tuple of str
        Common prefix of all published names.
    before : tuple of str
        The prefix that replaces it here, without parts of wrappers.
    names : dict
        Published name -> name in the checkpoint, for those that exist.
    ends : tuple of str
        Published names without `common`.
    """

    path: Path
    common: tuple[str, ...]
    before: tuple[str, ...]
    names: dict[str, str]
    ends: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """The prefix as a string with its last dot."""
        return "".join(f"{part}." for part in self.before)

    @property
    def shared(self) -> int:
        """Number of trailing parts that the prefix shares with the published one."""
        count = 0
        for ours, theirs in zip(reversed(self.common), reversed(self.before), strict=False):
            if ours != theirs:
                break
            count += 1
        return count

    @property
    def rank(self) -> tuple[int, int, int]:
        """Sort key: the most likely place has the smallest rank."""
        copy = any(_COPY.search(part.lower()) for part in self.before)
        return (-self.shared, int(copy), len(self.before) - self.shared)

    def shown(self, name: str) -> str:
        """Name of a wanted tensor in the checkpoint, whether or not it exists."""
        end = name[len("".join(f"{part}." for part in self.common)) :]
        return self.names.get(name, f"{self.prefix}{end}")

    def is_inside(self, name: str) -> bool:
        """Whether an unwanted tensor, by its name in `unwrapped`, would belong to the encoder."""
        if not name.startswith(self.prefix):
            return False
        if self.shared:
            return True
        first = name[len(self.prefix) :].partition(".")[0]
        return _without_digits(first) in {_without_digits(end.partition(".")[0]) for end in self.ends}

    def error(self, message: str) -> CheckpointError:
        """Error with the name of the file."""
        return CheckpointError(f"{self.path}: {message}")


def choose(published: Mapping[str, Any], wanted: Mapping[str, tuple[int, ...]], path: Path) -> Place:
    """Find the place whose names share the longest suffix with the published ones.

    Parameters
    ----------
    published : mapping
        The checkpoint, name -> tensor.
    wanted : mapping
        Published name -> shape.
    path : Path
        The file, for errors.

    Returns
    -------
    Place
        It has at least half of the wanted names; if there is none, the published prefix without names.

    Raises
    ------
    CheckpointError
        If several places are equally likely and hold different tensors.
    """
    places = _places(published, wanted, path)
    if not places:
        common = _common(list(wanted))
        return Place(path, common, common, {}, ())
    best = min(place.rank for place in places)
    likely = [place for place in places if place.rank == best]
    whole = [place for place in likely if _is_whole(place, published, wanted)] or likely
    first = whole[0]
    if any(not _alike(first, other, published) for other in whole[1:]):
        where = " and ".join(repr(place.prefix) for place in whole[:2])
        raise first.error(
            f"{where} both have the names of this model's location encoder and hold different tensors; save the right "
            "one in a separate file"
        )
    return first


def _places(published: Mapping[str, Any], wanted: Mapping[str, tuple[int, ...]], path: Path) -> list[Place]:
    common = _common(list(wanted))
    cut = len("".join(f"{part}." for part in common))
    ends = {name[cut:]: name for name in wanted}
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for bare, name in unwrapped(published).items():
        parts = bare.split(".")
        for start in range(len(parts)):
            end = ".".join(parts[start:])
            if end in ends:
                found[".".join(parts[:start])][ends[end]] = name
    return [
        Place(path, common, tuple(before.split(".")) if before else (), names, tuple(ends))
        for before, names in sorted(found.items())
        if 2 * len(names) >= len(wanted)
    ]


def unwrapped(published: Mapping[str, Any]) -> dict[str, str]:
    """Name without parts of wrappers -> name; names that would collide are kept unchanged."""
    alike = defaultdict(list)
    for name in published:
        alike[_bare(name)].append(name)
    return {(bare if len(names) == 1 else name): name for bare, names in alike.items() for name in names}


def _bare(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _common(names: Sequence[str]) -> tuple[str, ...]:
    """Leading parts that all names share, excluding the last two parts of each."""
    split = [name.split(".")[:-2] for name in names]
    common = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return tuple(common)


def _without_digits(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def _is_whole(place: Place, published: Mapping[str, Any], wanted: Mapping[str, tuple[int, ...]]) -> bool:
    return all(
        name in place.names and tuple(getattr(published[place.names[name]], "shape", ())) == shape
        for name, shape in wanted.items()
    )


def _alike(one: Place, other: Place, published: Mapping[str, Any]) -> bool:
    """Whether two places hold equal tensors, as in a model that registers one network twice."""
    if one.names.keys() != other.names.keys():
        return False
    pairs = [(published[one.names[name]], published[other.names[name]]) for name in one.names]
    return all(
        isinstance(a, Tensor) and isinstance(b, Tensor) and a.shape == b.shape and equal(a, b)
        for a, b in pairs
    )
