"""User-supplied Python callables as location encoders."""

import sys
from collections.abc import Callable, Sequence
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from earthdim.encoders.custom.dependencies import check_values, missing_module, split_callable
from earthdim.encoders.custom.encoder import CustomEncoder, Inputs, batched, checked_encoder


def location_encoder(
    callable: str,
    takes: str = "lonlat",
    units: str = "degrees",
    dtype: str = "float64",
    array: str | None = None,
    batch: int = 4096,
    places: Sequence[Sequence[float]] | None = None,
    files: Sequence[str] = (),
) -> CustomEncoder:
    """Wrap a callable: a function, a `torch.nn.Module`, or any object that can be called.

    It is called with n coordinates and returns n embeddings: an array or tensor (n, d). The code is imported and run
    with all rights of the user. A torch module is set to evaluation mode, and its parameters do not require gradients
    (coordinates may).

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
        Type of the coordinates passed. By default a tensor for a `torch.nn.Module`, else a NumPy array.
    batch : int
        Largest number of places per call.
    places : sequence of pairs, optional
        Places at which the callable is checked: two or more [longitude, latitude] in degrees. Needed for a regional
        encoder.
    files : sequence of str
        Files that it reads, such as weights. When one changes, the workflow recomputes the embeddings, as it does when
        the module changes.

    Returns
    -------
    CustomEncoder

    Raises
    ------
    ValueError
        If the callable cannot be found or called, or fails the checks of
        `earthdim.encoders.custom.encoder.checked_encoder`.
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
    compute = batched(_adapt(function, ", " in takes, tensors), inputs, batch, key)
    parameters = sum(parameter.numel() for parameter in function.parameters()) if network else None
    return checked_encoder(compute, key, places, parameters)


def _imported(path: str, key: str) -> Callable[..., Any]:
    """Import the object named by ``module:callable``."""
    module, name = split_callable(path)
    here = str(Path.cwd())
    if here not in sys.path:
        # Kept for the life of the process: the module may import others only when it is called.
        sys.path.insert(0, here)
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise ValueError(f"{key}: {missing_module(module)}") from error
        raise ValueError(f"{key}: {module} imports {error.name!r}, which is not installed") from error
    try:
        found = reduce(getattr, name.split("."), found)
    except AttributeError as error:
        raise ValueError(f"{key}: {module} has no {name!r}") from error
    if isinstance(found, type):
        raise ValueError(f"{key}: is a class; name an instance of it, or a function")
    if not hasattr(found, "__call__"):  # noqa: B004 (`callable` is shadowed by a key of the leaf)
        raise ValueError(f"{key}: is a {type(found).__name__}, which is not callable")
    return found


def _adapt(function: Callable[..., Any], split: bool, tensors: bool) -> Callable[[Tensor], Any]:
    """Wrap the callable as a function of one tensor (n, 2)."""

    def adapted(coordinates: Tensor) -> Any:
        given = coordinates if tensors else coordinates.detach().numpy()
        return function(given[:, 0], given[:, 1]) if split else function(given)

    return adapted
