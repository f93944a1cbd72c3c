"""Load a published checkpoint into an encoder, checking names, shapes and hyperparameters."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.released.checkpoint import not_a_tensor, some
from earthdim.encoders.released.pickles import StandIn, as_mapping, as_value
from earthdim.encoders.released.prefixes import Place, choose, unwrapped
from earthdim.encoders.released.sources import CheckpointError

_DEPTH = 4


def fill(
    encoder: LocationEncoder,
    published: Mapping[str, Any],
    names: Mapping[str, str],
    path: Path,
    aside: Sequence[str] = (),
) -> LocationEncoder:
    """Load published weights into an encoder and set it to evaluation mode.

    Parameters
    ----------
    encoder : LocationEncoder
        An encoder of the same architecture.
    published : mapping of Tensor
        The checkpoint; see `take`.
    names : mapping of str
        Name in the encoder's state -> name in the published checkpoint.
    path : Path
        The file, for errors.
    aside : sequence of str
        Prefixes of the names of other parts of the published model, such as its image encoder.

    Raises
    ------
    CheckpointError
        See `take`.
    """
    found = take(published, shapes(encoder, names), path, aside)
    encoder.load_state_dict({ours: found[theirs] for ours, theirs in names.items()})
    return encoder.eval()


def shapes(encoder: LocationEncoder, names: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """Expected shape of each tensor, by its published name; see `fill` for the parameters."""
    state = encoder.state_dict()
    return {theirs: tuple(state[ours].shape) for ours, theirs in names.items()}


def take(
    published: Mapping[str, Any],
    wanted: Mapping[str, tuple[int, ...]],
    path: Path,
    aside: Sequence[str] = (),
) -> dict[str, Tensor]:
    """Select the tensors of a location encoder from a checkpoint, with any prefix of their names.

    Parameters
    ----------
    published : mapping
        Name -> tensor. Names may have prefixes of wrappers (``module.``, ``_orig_mod.``) and longer or shorter prefixes
        than published: they are matched by their longest common suffix.
    wanted : mapping
        Published name -> shape.
    path : Path
        The file, for errors.
    aside : sequence of str
        Prefixes of names of other published parts, which cause no warning.

    Returns
    -------
    dict of Tensor
        Published name -> tensor.

    Raises
    ------
    CheckpointError
        If a tensor is missing, has another shape or is not finite; if the checkpoint has an additional tensor of the
        encoder, which means another architecture; or if two prefixes hold different tensors and neither is the
        published one.

    Warns
    -----
    UserWarning
        If there are other tensors, which are ignored; the message names them.
    """
    place = choose(published, wanted, path)
    found = {name: published.get(place.names.get(name, "")) for name in wanted}
    for name, shape in wanted.items():
        shown = place.shown(name)
        if name not in place.names:
            raise place.error(f"{shown} is missing")
        check_tensor(found[name], shape, shown, place)
    _pass_over(published, place, aside)
    return found


def _pass_over(published: Mapping[str, Any], place: Place, aside: Sequence[str]) -> None:
    taken = set(place.names.values())
    rest = sorted(name for name in published if name not in taken)
    inside = sorted(
        name for bare, name in unwrapped(published).items() if name not in taken and place.is_inside(bare)
    )
    if inside:
        raise place.error(
            f"{inside[0]} is not a weight of this model's location encoder; the checkpoint has another architecture"
        )
    ignored = [name for name in rest if not any(f".{part}" in f".{name}" for part in aside)]
    if ignored:
        where = (
            f"the prefix {place.prefix!r} was used" if place.prefix else "names without a prefix were used"
        )
        warnings.warn(
            f"{place.path}: {len(ignored)} tensors are not part of the location encoder and were ignored ({where}): "
            f"{some(ignored)}",
            UserWarning,
            stacklevel=4,
        )


def check_tensor(tensor: object, shape: Sequence[int], name: str, place: Place) -> None:
    """Raise CheckpointError unless a published tensor has the expected shape and is finite."""
    if not isinstance(tensor, Tensor):
        raise place.error(f"{name} is {not_a_tensor(tensor)}")
    if tuple(tensor.shape) != tuple(shape):
        raise place.error(f"{name} has the shape {tuple(tensor.shape)}, not {tuple(shape)}")
    if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
        raise place.error(f"{name} holds values that are not finite numbers")


def check_hyperparameters(found: object, expected: Mapping[str, Any], path: Path) -> None:
    """Raise CheckpointError if the hyperparameters stored in a checkpoint differ from the expected ones.

    Parameters
    ----------
    found : object
        The hyperparameters of the checkpoint: a mapping, possibly nested, or an object with attributes. None is
        accepted, because a converted checkpoint contains only tensors.
    expected : mapping
        Published name -> value. A number may be stored as a string or in another type.
    path : Path
        The file, for errors.

    Warns
    -----
    UserWarning
        If hyperparameters could not be compared because they are objects that are not read; the message names them.
    """
    if found is None:
        return
    held = as_mapping(found)
    if held is None and not isinstance(found, StandIn):
        raise CheckpointError(f"{path}: its hyperparameters are a {type(found).__name__}, not a mapping")
    stored = _best_match(held or {}, expected)
    values = {name: as_value(stored[name]) for name in expected if name in stored}
    unread = [name for name, value in values.items() if isinstance(value, StandIn)]
    for name, value in values.items():
        if name not in unread and not _same(value, expected[name]):
            raise CheckpointError(f"{path}: its hyperparameter {name} is {value!r}, not {expected[name]!r}")
    if unread or (held is None and isinstance(found, StandIn)):
        what = f"the hyperparameters {', '.join(unread)}" if unread else "hyperparameters"
        warnings.warn(
            f"{path}: {what} are objects that are not read, so they were not compared", stacklevel=3
        )


def _best_match(held: Mapping[Any, Any], expected: Mapping[str, Any]) -> Mapping[Any, Any]:
    """Mapping with most of the expected names: this one, or a nested one with at least half of them."""

    def known_names(mapping: Mapping[Any, Any]) -> int:
        return sum(name in mapping and as_mapping(as_value(mapping[name])) is None for name in expected)

    best, level = held, [held]
    for _ in range(_DEPTH):
        inside = [as_mapping(as_value(value)) for mapping in level for value in mapping.values()]
        level = [mapping for mapping in inside if mapping]
        for mapping in level:
            if known_names(mapping) > known_names(best) and 2 * known_names(mapping) >= len(expected):
                best = mapping
    return best


def _same(value: Any, expected: Any) -> bool:
    """Whether two values are equal up to type: 5, 5.0 and '5' are, and True and 'true'."""
    if isinstance(expected, bool):
        return str(value).strip().lower() in ({"true", "1"} if expected else {"false", "0"})
    if isinstance(expected, int | float):
        try:
            return not isinstance(value, bool) and float(value) == float(expected)
        except (TypeError, ValueError, RuntimeError):
            return False
    return isinstance(value, str) and value.strip() == expected
