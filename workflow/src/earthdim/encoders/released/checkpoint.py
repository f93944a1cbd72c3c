"""What a file of released weights holds: tensors by name, and plain data beside them. Nothing of it is run."""

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


def contents(path: Path, sha256: str | None, key: str = "weights.sha256") -> dict[str, Any]:
    """Read a checkpoint as plain data and tensors, after its sum was checked.

    Parameters
    ----------
    path : Path
        A safetensors file, or one that torch saved; its first bytes tell which, whatever it is called.
    sha256 : str or None
        Its digest; None is refused.
    key : str
        What config calls the digest.

    Returns
    -------
    dict
        An object that is neither a tensor nor plain data, such as a path among hyperparameters, is a
        `earthdim.encoders.released.pickles.StandIn`; a warning names it.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    CheckpointError
        If it has another sum, is damaged or of another format, or is an object instead of tensors by name.
    """
    verify(path, sha256, key)
    if kind_of(path) == "safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise CheckpointError(f"{path} is no whole safetensors file: {error}") from None
    found = _torch_contents(path)
    if isinstance(found, pickles.StandIn):
        raise CheckpointError(
            f"{path} is one object of {found.name}, not tensors by name, and nothing of it was run; save its "
            "state_dict() instead"
        )
    if not isinstance(found, Mapping):
        raise CheckpointError(f"{path} holds a {type(found).__name__}, not tensors by name")
    tensors = found.get("state_dict")
    if isinstance(tensors, pickles.StandIn) and pickles.as_mapping(tensors) is None:
        raise CheckpointError(
            f"{path}: state_dict is an object of {tensors.name}, not tensors by name; nothing of it was run"
        )
    return dict(found)


def state(found: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Find the tensors of what `contents` read: those below ``state_dict``, where most scripts save them, or all.

    Where neither holds any, those of mappings inside, such as ``model`` or ``ema``, whose names then come first.

    Returns
    -------
    dict
        Name -> tensor. What stands among them and is none is kept; `layout.take` refuses it if it is wanted.

    Raises
    ------
    CheckpointError
        If there is no tensor at all.
    """
    tensors = found.get("state_dict", found)
    held = pickles.as_mapping(tensors)
    if not held:
        raise CheckpointError(f"{path}: state_dict holds no tensors by name")
    for candidate in (held, _flat(held)):
        if any(isinstance(value, torch.Tensor) for value in candidate.values()):
            return {str(name): value for name, value in candidate.items()}
    name, value = next(iter(held.items()))
    raise CheckpointError(f"{path}: {name} is {not_a_tensor(value)}")


def read(path: Path, sha256: str | None, key: str = "weights.sha256") -> dict[str, Any]:
    """Read the tensors of a checkpoint by name; see `contents` for its parameters and errors."""
    return state(contents(path, sha256, key), path)


def not_a_tensor(value: object) -> str:
    """Say what a value is that should be a tensor."""
    if isinstance(value, pickles.StandIn):
        return f"an object of {value.name}, not a tensor; nothing of it was run"
    return f"a {type(value).__name__}, not a tensor"


def some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _flat(held: Mapping[Any, Any], before: str = "") -> dict[str, Any]:
    """All tensors of nested mappings, by names with dots."""
    flat: dict[str, Any] = {}
    for name, value in held.items():
        if isinstance(value, torch.Tensor):
            flat[f"{before}{name}"] = value
        elif isinstance(name, str) and isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}.")
    return flat


def _torch_contents(path: Path) -> Any:
    """What torch saved, by its loader that builds tensors and plain data and runs nothing."""
    try:
        with torch.serialization.safe_globals(_plain_globals()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Torch's own message advises to load the file with its code: never repeat that.
        named = re.search(r"GLOBAL (\S+)", str(error))
        if kind_of(path) == "torch":
            return _tensors_alone(path)
        what = f"holds {named[1]}, which is" if named else "is damaged or holds something that is"
        raise CheckpointError(
            f"{path} {what} neither a tensor nor plain data; nothing of it was run"
        ) from None
    except _DAMAGED as error:
        if "TorchScript" in str(error):
            raise CheckpointError(
                f"{path} is a TorchScript program, not weights by name; bring it as weights of the kind own, by "
                "earthdim.encoders.custom.exported.torchscript"
            ) from None
        raise CheckpointError(f"{path} is no whole file of weights: {_first(error)}") from None


def _tensors_alone(path: Path) -> Any:
    """What torch's own loader refused as a whole, with a stand-in for each object that is no plain data."""
    try:
        found, names = pickles.read(path)
    except pickles.UNREADABLE as error:
        raise CheckpointError(
            f"{path} is damaged or holds something that is neither a tensor nor plain data; nothing of it was run "
            f"({_first(error)})"
        ) from None
    if names:
        warnings.warn(
            f"{path} holds objects that are neither tensors nor plain data, which were passed over and not run: "
            f"{some(names)}",
            UserWarning,
            stacklevel=5,
        )
    return found


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _plain_globals() -> list[Any]:
    """Numbers of numpy, which training scripts leave among hyperparameters: a dtype and bytes, no code."""
    import numpy as np
    from numpy._core.multiarray import scalar

    kinds = [
        np.dtype(code) for code in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
    ]
    # Before numpy 2 the same function was saved under another name.
    return [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype, *(type(kind) for kind in kinds)]
