"""Where in a checkpoint the tensors of an encoder stand: below which prefix, by the longest common end of names."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, equal

from earthdim.encoders.released.sources import CheckpointError

# What wrappers of a module put before, or between, the names of its tensors.
_WRAPPERS = frozenset(
    {"module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
)
# Words of a running mean of weights that is kept beside them.
_COPY = re.compile(r"(^|_)(ema|swa|averaged?|avg|mean|shadow)(_|$)")


@dataclass(frozen=True)
class Place:
    """One place of a checkpoint that has tensors of the wanted names.

    Parameters
    ----------
    path : Path
        The file.
    common : tuple of str
        What all published names begin with.
    before : tuple of str
        What stands in its place here, without the parts of wrappers.
    names : dict
        Published name -> name in the checkpoint, of those that are there.
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
        """What stands before the wanted names, as text with its last dot."""
        return "".join(f"{part}." for part in self.before)

    @property
    def shared(self) -> int:
        """How many parts at its end the prefix has in common with the published one."""
        count = 0
        for ours, theirs in zip(reversed(self.common), reversed(self.before), strict=False):
            if ours != theirs:
                break
            count += 1
        return count

    @property
    def rank(self) -> tuple[int, int, int]:
        """The smaller, the more likely it is the place that is meant."""
        copy = any(_COPY.search(part.lower()) for part in self.before)
        return (-self.shared, int(copy), len(self.before) - self.shared)

    def shown(self, name: str) -> str:
        """A wanted name as it is, or would be, in the checkpoint."""
        end = name[len("".join(f"{part}." for part in self.common)) :]
        return self.names.get(name, f"{self.prefix}{end}")

    def is_inside(self, name: str) -> bool:
        """Whether a tensor that is not wanted, by its name of `unwrapped`, would be one more of the encoder's own."""
        if not name.startswith(self.prefix):
            return False
        if self.shared:
            return True
        first = name[len(self.prefix) :].partition(".")[0]
        return _without_digits(first) in {_without_digits(end.partition(".")[0]) for end in self.ends}

    def error(self, message: str) -> CheckpointError:
        """What is wrong at this place, with the name of the file."""
        return CheckpointError(f"{self.path}: {message}")


def choose(published: Mapping[str, Any], wanted: Mapping[str, tuple[int, ...]], path: Path) -> Place:
    """Find the place whose names have the longest end in common with the published ones.

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
        It has at least half of the wanted names; the published place with no names where there is none.

    Raises
    ------
    CheckpointError
        If several places are as likely and hold different tensors.
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
            f"{where} both have the names of this model's location encoder and hold different tensors; save the one "
            "that is meant in a file of its own"
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
    """Name without those of wrappers -> name; where two would become one, both stay as they are."""
    alike = defaultdict(list)
    for name in published:
        alike[_bare(name)].append(name)
    return {(bare if len(names) == 1 else name): name for bare, names in alike.items() for name in names}


def _bare(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _common(names: Sequence[str]) -> tuple[str, ...]:
    """The parts that all names begin with, but for the last two parts of any."""
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
    """Whether two places hold the same tensors, as where a model registers one network twice."""
    if one.names.keys() != other.names.keys():
        return False
    pairs = [(published[one.names[name]], published[other.names[name]]) for name in one.names]
    return all(
        isinstance(a, Tensor) and isinstance(b, Tensor) and a.shape == b.shape and equal(a, b)
        for a, b in pairs
    )
