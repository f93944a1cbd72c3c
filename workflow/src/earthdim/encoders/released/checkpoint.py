"""Read tensors and plain data from a file of released weights, without running code in it."""

import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from earthdim.encoders.released import pickles
from earthdim.encoders.released.sources import CheckpointError, kind_of, verify

_NAMED = 5
_DAMAGED = (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, TypeError, struct.error)


def contents(path: Path, sha256: str | None, key: str = "weights.build.sha256") -> dict[str, Any]:
    """Read a checkpoint as plain data and tensors, after verifying its digest.

    Parameters
    ----------
    path : Path
        A safetensors or torch file, recognised by its first bytes, not by its suffix.
    sha256 : str or None
        Its digest; None is rejected.
    key : str
        Config key of the digest.

    Returns
    -------
    dict
        An object that is neither a tensor nor plain data, such as a path among hyperparameters, is replaced by a
        `earthdim.encoders.released.pickles.StandIn`; a warning names it.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    CheckpointError
        If it has another digest, is damaged or of another format, or is not a mapping of tensors.
    """
    verify(path, sha256, key)
    if kind_of(path) == "safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise CheckpointError(f"{path}: is not a complete safetensors file: {error}") from None
    found = _torch_contents(path)
    if isinstance(found, pickles.StandIn):
        raise CheckpointError(
            f"{path}: is an object of {found.name}, not a mapping of tensors; it was not run. Save its state_dict() "
            "instead"
        )
    if not isinstance(found, Mapping):
        raise CheckpointError(f"{path}: holds a {type(found).__name__}, not a mapping of tensors")
    tensors = found.get("state_dict")
    if isinstance(tensors, pickles.StandIn) and pickles.as_mapping(tensors) is None:
        raise CheckpointError(
            f"{path}: state_dict is an object of {tensors.name}, not a mapping of tensors; it was not run"
        )
    return dict(found)


def state(found: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Find the tensors in the result of `contents`: those in ``state_dict``, or else at the top level.

    If neither has any, tensors of nested mappings such as ``model`` or ``ema``, whose names become prefixes.

    Returns
    -------
    dict
        Name -> tensor. Other values among them are kept; `layout.take` rejects them if they are needed.

    Raises
    ------
    CheckpointError
        If there is no tensor.
    """
    tensors = found.get("state_dict", found)
    held = pickles.as_mapping(tensors)
    if not held:
        raise CheckpointError(f"{path}: state_dict holds no tensors")
    for candidate in (held, _flat(held)):
        if any(isinstance(value, torch.Tensor) for value in candidate.values()):
            return {str(name): value for name, value in candidate.items()}
    name, value = next(iter(held.items()))
    raise CheckpointError(f"{path}: {name} is {not_a_tensor(value)}")


def read(path: Path, sha256: str | None, key: str = "weights.build.sha256") -> dict[str, Any]:
    """Read the tensors of a checkpoint by name; see `contents` for the parameters and errors."""
    return state(contents(path, sha256, key), path)


def not_a_tensor(value: object) -> str:
    """Describe a value that should be a tensor."""
    if isinstance(value, pickles.StandIn):
        return f"an object of {value.name}, not a tensor; it was not run"
    return f"a {type(value).__name__}, not a tensor"


def some(names: list[str]) -> str:
    """List the first few names and the number of others."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _flat(held: Mapping[Any, Any], before: str = "") -> dict[str, Any]:
    """All tensors of nested mappings, by dotted names."""
    flat: dict[str, Any] = {}
    for name, value in held.items():
        if isinstance(value, torch.Tensor):
            flat[f"{before}{name}"] = value
        elif isinstance(name, str) and isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}.")
    return flat


def _torch_contents(path: Path) -> Any:
    """Read a file of torch with its restricted loader, which builds only tensors and plain data."""
    try:
        with torch.serialization.safe_globals(_plain_globals()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Torch's message advises to load the file with its code, so it is not repeated.
        named = re.search(r"GLOBAL (\S+)", str(error))
        if kind_of(path) == "torch":
            return _tensors_alone(path)
        what = f"holds {named[1]}, which is" if named else "is damaged or holds an object that is"
        raise CheckpointError(f"{path}: {what} neither a tensor nor plain data; it was not run") from None
    except _DAMAGED as error:
        if "TorchScript" in str(error):
            raise CheckpointError(
                f"{path}: is a TorchScript program, not a mapping of tensors; use weights of the kind own with "
                "earthdim.encoders.custom.exported.torchscript"
            ) from None
        raise CheckpointError(f"{path}: is not a complete file of weights: {_first(error)}") from None


def _tensors_alone(path: Path) -> Any:
    """Read a file that torch's loader rejects, with a stand-in for each object that is not plain data."""
    try:
        found, names = pickles.read(path)
    except pickles.UNREADABLE as error:
        raise CheckpointError(
            f"{path}: is damaged or holds an object that is neither a tensor nor plain data; it was not run "
            f"({_first(error)})"
        ) from None
    if names:
        warnings.warn(
            f"{path}: holds objects that are neither tensors nor plain data; they were ignored and not run: "
            f"{some(names)}",
            UserWarning,
            stacklevel=5,
        )
    return found


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _plain_globals() -> list[Any]:
    """NumPy scalars, which training scripts leave among hyperparameters: a dtype and bytes, no code."""
    import numpy as np
    from numpy._core.multiarray import scalar

    kinds = [
        np.dtype(code) for code in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
    ]
    # Before numpy 2 the same function was saved under another name.
    return [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype, *(type(kind) for kind in kinds)]
