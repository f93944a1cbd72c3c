"""From the names, shapes and hyperparameters of a published checkpoint to one of our encoders."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earthdim.encoders import LocationEncoder
from earthdim.released.sources import CheckpointError


def fill(
    encoder: LocationEncoder,
    published: Mapping[str, Tensor],
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
        The checkpoint.
    names : mapping of str
        Name in the encoder's state -> name in the checkpoint.
    path : Path
        The file, for errors.
    aside : sequence of str
        Beginnings of the names that belong to other parts of the published model, such as its image encoder.

    Raises
    ------
    CheckpointError
        If a tensor is missing, has another shape or is not finite, or the checkpoint holds one that is not known.
    """
    own = encoder.state_dict()
    for ours, theirs in names.items():
        if theirs not in published:
            raise CheckpointError(f"{path}: {theirs} is missing")
        check_tensor(published[theirs], own[ours].shape, theirs, path)
    known = set(names.values())
    unknown = sorted(name for name in published if name not in known and not name.startswith(tuple(aside)))
    if unknown:
        raise CheckpointError(f"{path}: {unknown[0]} is not known among the weights of this model")
    encoder.load_state_dict({ours: published[theirs] for ours, theirs in names.items()})
    return encoder.eval()


def check_tensor(tensor: Tensor, shape: Sequence[int], name: str, path: Path) -> None:
    """Raise CheckpointError unless a published tensor has the shape that is expected and is finite."""
    if tuple(tensor.shape) != tuple(shape):
        raise CheckpointError(f"{path}: {name} has the shape {tuple(tensor.shape)}, not {tuple(shape)}")
    if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
        raise CheckpointError(f"{path}: {name} holds values that are not finite numbers")


def check_hyperparameters(found: object, expected: Mapping[str, Any], path: Path) -> None:
    """Raise CheckpointError if a checkpoint says of itself something else than the adapter computes.

    Parameters
    ----------
    found : object
        What the checkpoint has in the place of its hyperparameters; none is no contradiction, since a checkpoint that
        was converted carries tensors alone.
    expected : mapping
        Published name -> value.
    path : Path
        The file, for errors.
    """
    if found is None:
        return
    if not isinstance(found, Mapping):
        raise CheckpointError(f"{path}: its hyperparameters are a {type(found).__name__}, not values by name")
    for name, value in expected.items():
        if name in found and found[name] != value:
            raise CheckpointError(f"{path}: its hyperparameter {name} is {found[name]!r}, not {value!r}")
