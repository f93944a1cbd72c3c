"""A Python callable of the user's as a location encoder."""

import sys
from collections.abc import Callable, Sequence
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from earthdim.encoders.custom.dependencies import check_values, no_module, split_callable
from earthdim.encoders.custom.encoder import Inputs, OwnEncoder, called, tried


def location_encoder(
    callable: str,
    takes: str = "lonlat",
    units: str = "degrees",
    dtype: str = "float64",
    array: str | None = None,
    batch: int = 4096,
    places: Sequence[Sequence[float]] | None = None,
    files: Sequence[str] = (),
) -> OwnEncoder:
    """Wrap a callable: a function, a `torch.nn.Module`, or any object that can be called.

    It is called with n coordinates and returns n embeddings: an array or tensor (n, d). Code runs as it would when
    imported by hand, with all rights of the user. A module of torch is put in evaluation mode, and its
    parameters keep no gradients (coordinates do).

    Parameters
    ----------
    callable : str
        ``module:callable``, imported from the working directory or the environment.
    takes : {"lonlat", "latlon", "lon, lat", "lat, lon"}
        One array (n, 2), in this order of its columns, or two arrays (n,).
    units : {"degrees", "radians"}
    dtype : {"float64", "float32"}
        Of the coordinates. In float32 a longitude is exact to 1e-5 degrees, about a metre.
    array : {"numpy", "torch"}, optional
        What coordinates come in. Without it a tensor for a `torch.nn.Module`, else a NumPy array.
    batch : int
        How many places are embedded by one call, at most.
    places : sequence of pairs, optional
        Where the callable is tried: two or more [longitude, latitude] in degrees, for an encoder of one region.
    files : sequence of str
        Files that it reads, such as weights. A change in them makes the workflow embed again, as a change in its
        module does.

    Returns
    -------
    OwnEncoder

    Raises
    ------
    ValueError
        If the callable cannot be found or called, or is no encoder; see `earthdim.encoders.custom.encoder.tried`.
    """
    check_values(
        {"takes": takes, "units": units, "dtype": dtype, "array": array, "batch": batch, "places": places}
    )
    key = f"weights.callable: {callable!r}"
    function = _imported(callable, key)
    network = isinstance(function, nn.Module)
    if network:
        function.eval().requires_grad_(False)
    inputs = Inputs("lonlat" if takes.startswith("lon") else "latlon", units, dtype)
    tensors = array == "torch" or (array is None and network)
    compute = called(_adapted(function, ", " in takes, tensors), inputs, batch, key)
    parameters = sum(parameter.numel() for parameter in function.parameters()) if network else None
    return tried(compute, key, places, parameters)


def _imported(path: str, key: str) -> Callable[..., Any]:
    """The object that ``module:callable`` names."""
    module, name = split_callable(path)
    here = str(Path.cwd())
    if here not in sys.path:
        # For good: the module may import its neighbours as late as in a call.
        sys.path.insert(0, here)
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise ValueError(f"{key}: {no_module(module)}") from error
        raise ValueError(f"{key}: {module} imports {error.name!r}, which is not installed") from error
    try:
        found = reduce(getattr, name.split("."), found)
    except AttributeError as error:
        raise ValueError(f"{key}: {module} has no {name!r}") from error
    if isinstance(found, type):
        raise ValueError(f"{key}: is a class; name an object made of it, or a function")
    if not hasattr(found, "__call__"):  # noqa: B004 (the name of the built-in is a key of the leaf elsewhere)
        raise ValueError(f"{key}: is a {type(found).__name__}, which cannot be called")
    return found


def _adapted(function: Callable[..., Any], split: bool, tensors: bool) -> Callable[[Tensor], Any]:
    """The callable as a function of one tensor (n, 2)."""

    def adapted(coordinates: Tensor) -> Any:
        given = coordinates if tensors else coordinates.detach().numpy()
        return function(given[:, 0], given[:, 1]) if split else function(given)

    return adapted
