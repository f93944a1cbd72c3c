"""From the names, shapes and hyperparameters of a published checkpoint to one of our encoders."""

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
    """Give an encoder the published weights, and put it into evaluation mode.

    Parameters
    ----------
    encoder : LocationEncoder
        With weights of the right shapes.
    published : mapping of Tensor
        The checkpoint; see `take`.
    names : mapping of str
        Name in the encoder's state -> name in the published checkpoint.
    path : Path
        The file, for errors.
    aside : sequence of str
        Beginnings of the names that belong to other parts of the published model, such as its image encoder.

    Raises
    ------
    CheckpointError
        See `take`.
    """
    found = take(published, shapes(encoder, names), path, aside)
    encoder.load_state_dict({ours: found[theirs] for ours, theirs in names.items()})
    return encoder.eval()


def shapes(encoder: LocationEncoder, names: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor that an encoder wants, by its published name; see `fill` for the parameters."""
    own = encoder.state_dict()
    return {theirs: tuple(own[ours].shape) for ours, theirs in names.items()}


def take(
    published: Mapping[str, Any],
    wanted: Mapping[str, tuple[int, ...]],
    path: Path,
    aside: Sequence[str] = (),
) -> dict[str, Tensor]:
    """Take the tensors of a location encoder out of a checkpoint, whatever stands before their names.

    Parameters
    ----------
    published : mapping
        Name -> tensor. Names may carry what wrappers add (``module.``, ``_orig_mod.``), more before them than
        published, or less: they are matched by their longest common end.
    wanted : mapping
        Published name -> shape.
    path : Path
        The file, for errors.
    aside : sequence of str
        Beginnings of names of other published parts, which nobody needs to be told of.

    Returns
    -------
    dict of Tensor
        Published name -> tensor.

    Raises
    ------
    CheckpointError
        If a tensor is missing, has another shape or is not finite; if the encoder has one more in the checkpoint, since
        that is another architecture; or if two places hold different tensors and neither is the published one.

    Warns
    -----
    UserWarning
        Names the tensors that belong to something else and are passed over.
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
            f"{inside[0]} is not known among the weights of this model's location encoder, so it is of another "
            "architecture"
        )
    describe = [name for name in rest if not any(f".{part}" in f".{name}" for part in aside)]
    if describe:
        where = (
            f"those of {place.prefix!r} were taken" if place.prefix else "those without a prefix were taken"
        )
        warnings.warn(
            f"{place.path}: {len(describe)} tensors are no part of the location encoder and were passed over; {where}: "
            f"{some(describe)}",
            UserWarning,
            stacklevel=4,
        )


def check_tensor(tensor: object, shape: Sequence[int], name: str, place: Place) -> None:
    """Raise CheckpointError unless a published tensor has the shape that is expected and is finite."""
    if not isinstance(tensor, Tensor):
        raise place.error(f"{name} is {not_a_tensor(tensor)}")
    if tuple(tensor.shape) != tuple(shape):
        raise place.error(f"{name} has the shape {tuple(tensor.shape)}, not {tuple(shape)}")
    if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
        raise place.error(f"{name} holds values that are not finite numbers")


def check_hyperparameters(found: object, expected: Mapping[str, Any], path: Path) -> None:
    """Raise CheckpointError if a checkpoint says of itself something else than the adapter computes.

    Parameters
    ----------
    found : object
        What the checkpoint has in the place of its hyperparameters: a mapping, which may hold them deeper inside, or an
        object that held them by name. None is no contradiction, since a checkpoint that was converted carries tensors
        alone.
    expected : mapping
        Published name -> value. A number may stand as a text or in another type.
    path : Path
        The file, for errors.

    Warns
    -----
    UserWarning
        Names hyperparameters that could not be compared, since they are objects that were not read.
    """
    if found is None:
        return
    held = as_mapping(found)
    if held is None and not isinstance(found, StandIn):
        raise CheckpointError(f"{path}: its hyperparameters are a {type(found).__name__}, not values by name")
    describe = _most_telling(held or {}, expected)
    values = {name: as_value(describe[name]) for name in expected if name in describe}
    unread = [name for name, value in values.items() if isinstance(value, StandIn)]
    for name, value in values.items():
        if name not in unread and not _same(value, expected[name]):
            raise CheckpointError(f"{path}: its hyperparameter {name} is {value!r}, not {expected[name]!r}")
    if unread or (held is None and isinstance(found, StandIn)):
        what = f"the hyperparameters {', '.join(unread)}" if unread else "hyperparameters"
        warnings.warn(
            f"{path}: {what} are objects that were not read, so they were not compared", stacklevel=3
        )


def _most_telling(held: Mapping[Any, Any], expected: Mapping[str, Any]) -> Mapping[Any, Any]:
    """The mapping that has most of the names: this one, or one inside it that has at least half of them."""

    def describe(mapping: Mapping[Any, Any]) -> int:
        return sum(name in mapping and as_mapping(as_value(mapping[name])) is None for name in expected)

    best, level = held, [held]
    for _ in range(_DEPTH):
        inside = [as_mapping(as_value(value)) for mapping in level for value in mapping.values()]
        level = [mapping for mapping in inside if mapping]
        for mapping in level:
            if describe(mapping) > describe(best) and 2 * describe(mapping) >= len(expected):
                best = mapping
    return best


def _same(value: Any, expected: Any) -> bool:
    """Whether two values say the same: 5, 5.0 and '5' do, and True and 'true'."""
    if isinstance(expected, bool):
        return str(value).strip().lower() in ({"true", "1"} if expected else {"false", "0"})
    if isinstance(expected, int | float):
        try:
            return not isinstance(value, bool) and float(value) == float(expected)
        except (TypeError, ValueError, RuntimeError):
            return False
    return isinstance(value, str) and value.strip() == expected
