"""Find the input format of an exported network and which of its outputs are embeddings, by probing it."""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from earthdim.encoders.custom.encoder import (
    BATCH_TOLERANCE,
    PROBE_PLACES,
    CustomEncoder,
    Inputs,
    batched,
    checked_encoder,
)

LATITUDE = re.compile(r"(^|[^a-z])(lat|lats|latitude|latitudes)([^a-z]|$)")
LONGITUDE = re.compile(r"(^|[^a-z])(lon|lons|lng|long|longitude|longitudes)([^a-z]|$)")
_ROUNDINGS = 4
# Spacing of the half types near 180, degrees.
_STEPS = {"float16": "0.125", "bfloat16": "1"}


class RunError(RuntimeError):
    """A network cannot run on its inputs; the message is one line."""


@dataclass(frozen=True)
class Form:
    """Layout in which coordinates are passed.

    Parameters
    ----------
    axes : tuple of int
        Columns of (longitude, latitude) in the order in which they are passed.
    apart : bool
        Two arrays instead of one (n, 2).
    columns : bool
        Two arrays (n, 1) instead of (n,).
    """

    axes: tuple[int, int] = (0, 1)
    apart: bool = False
    columns: bool = False

    def __call__(self, lonlat: Tensor) -> list[Tensor]:
        """Convert coordinates (n, 2), longitude first, to the arrays that are passed."""
        if not self.apart:
            parts = [lonlat if self.axes == (0, 1) else lonlat.flip(1)]
        else:
            parts = [lonlat[:, axis : axis + 1] if self.columns else lonlat[:, axis] for axis in self.axes]
        # Contiguous: matrix products of other strides are rounded differently for one place and for many.
        return [part.clone(memory_format=torch.contiguous_format) for part in parts]


@dataclass(frozen=True)
class Program:
    """A network that runs in another interpreter.

    Parameters
    ----------
    run : callable
        Tensors -> outputs. Converts errors of the interpreter to `RunError`.
    names : sequence of str
        Names of its inputs.
    dtypes : sequence of str
        Types to probe; the first that runs is used.
    key : str
        Prefix of errors.
    weights : str or None
        Type of its weights, if known.
    ranks : sequence of int, optional
        Numbers of axes of its inputs, if known.
    """

    run: Callable[[list[Tensor]], Any]
    names: Sequence[str]
    dtypes: Sequence[str]
    key: str
    weights: str | None = None
    ranks: Sequence[int] = ()


@dataclass(frozen=True)
class Leaf:
    """Keys of a leaf for an exported network; see `earthdim.encoders.custom.exported.torchscript`."""

    takes: str | None
    order: str | None
    units: str
    output: str | int | None
    batch: int
    places: Sequence[Sequence[float]] | None


def encoder(program: Program, leaf: Leaf, parameters: int | None = None) -> CustomEncoder:
    """Build an encoder from a network, with the first dtype and form for which it returns embeddings.

    Raises
    ------
    ValueError
        If there is none, its inputs are not two coordinates, or it fails the checks of
        `earthdim.encoders.custom.encoder.checked_encoder`.
    """
    given = torch.tensor(PROBE_PLACES if leaf.places is None else leaf.places, dtype=torch.float64)[
        : leaf.batch
    ]
    failures: list[str] = []
    for dtype in program.dtypes:
        inputs = Inputs("lonlat", leaf.units, dtype)
        for form in forms(program, leaf):
            try:
                with torch.no_grad(), torch._C.DisableTorchFunction():
                    result = program.run(form(inputs(given)))
                select = _selection(result, len(given), leaf.output, program.key)
            except (RunError, EmbeddingError) as error:
                failures.append(str(error))
                continue
            return _checked_encoder(program, leaf, inputs, form, select, select(result), parameters)
    raise ValueError(f"{program.key}: {_failure_reason(program, failures)}")


def _checked_encoder(
    program: Program,
    leaf: Leaf,
    inputs: Inputs,
    form: Form,
    select: Callable[[Any], Any],
    first: Any,
    parameters: int | None,
) -> CustomEncoder:
    if inputs.dtype in _STEPS:
        warnings.warn(
            f"{program.key}: takes {inputs.dtype}, which resolves degrees near 180 only to {_STEPS[inputs.dtype]}, so "
            "closer places coincide; export it with a float32 input",
            UserWarning,
            stacklevel=4,
        )
    types = {inputs.dtype, program.weights, str(getattr(first, "dtype", "")).removeprefix("torch.")}
    half = max((torch.finfo(getattr(torch, name)).eps for name in types if name in _STEPS), default=0.0)

    def function(coordinates: Tensor) -> Any:
        return select(program.run(form(coordinates)))

    compute = batched(function, inputs, leaf.batch, program.key)
    tolerance = max(BATCH_TOLERANCE, _ROUNDINGS * half)
    return checked_encoder(compute, program.key, leaf.places, parameters, tolerance)


def forms(program: Program, leaf: Leaf) -> list[Form]:
    """Possible forms of a network's coordinates, from the names of its inputs and its leaf.

    Raises
    ------
    ValueError
        If neither identifies longitude and latitude, or they contradict each other.
    """
    if len(program.names) == 1:
        if leaf.takes is not None and ", " in leaf.takes:
            raise ValueError(
                f"weights.takes: {leaf.takes!r} means two arrays, but {_file(program)} takes one, {program.names[0]!r}"
            )
        return [Form(_together(program.names[0], leaf))]
    named = ", ".join(program.names)
    if len(program.names) != 2:
        raise ValueError(
            f"{program.key}: takes {len(program.names)} inputs ({named}); it must take longitude and latitude, in one "
            "array or two"
        )
    axes = _apart(program, leaf, named)
    ranks = program.ranks or (None, None)
    return [Form(axes, True, columns) for columns in (False, True) if set(ranks) & {None, 1 + columns}]


def _together(name: str, leaf: Leaf) -> tuple[int, int]:
    """Column order of one array: that of the leaf, else that in the input's name."""
    order = leaf.takes or leaf.order
    if order is None:
        squeezed = name.lower().replace("latlon", "lat_lon").replace("latlng", "lat_lon")
        latitude, longitude = LATITUDE.search(squeezed), LONGITUDE.search(squeezed)
        both = latitude is not None and longitude is not None
        order = "latlon" if both and latitude.start() < longitude.start() else "lonlat"
    return (1, 0) if order == "latlon" else (0, 1)


def _apart(program: Program, leaf: Leaf, named: str) -> tuple[int, int]:
    """Order of two inputs: by their names, else by the leaf."""
    axes = [_axis(name) for name in program.names]
    if axes in ([0, 1], [1, 0]):
        return axes[0], axes[1]
    if leaf.takes is None:
        raise ValueError(
            f"{program.key}: takes 2 inputs, {named}, whose names do not identify longitude and latitude; set "
            "weights.takes: 'lon, lat' or 'lat, lon'"
        )
    if ", " not in leaf.takes:
        raise ValueError(
            f"weights.takes: {leaf.takes!r} means one array, but {_file(program)} takes two, {named}; set 'lon, lat' "
            "or 'lat, lon'"
        )
    return (1, 0) if leaf.takes == "lat, lon" else (0, 1)


def _axis(name: str) -> int | None:
    """Column (0 longitude, 1 latitude) that an input's name refers to; None if unclear."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    found = LONGITUDE.search(words) is not None, LATITUDE.search(words) is not None
    return {(True, False): 0, (False, True): 1}.get(found)


def _file(program: Program) -> str:
    return program.key.removeprefix("weights.file: ")


class EmbeddingError(RuntimeError):
    """A network returned no array with one row per place."""


def _selection(result: Any, rows: int, output: str | int | None, key: str) -> Callable[[Any], Any]:
    """Return a function that selects the embeddings from a network's result, given one result for `rows` places.

    Raises
    ------
    EmbeddingError
        If no output is an embedding.
    ValueError
        If several are, or the requested one does not exist.
    """
    parts = _parts(result)
    if parts is None:
        if output is not None:
            raise ValueError(
                f"weights.output: {key.removeprefix('weights.file: ')} has a single unnamed output; omit the key"
            )
        if not _is_embedding(result, rows):
            raise EmbeddingError(f"returned {_described(result)} for {rows} places; it must be ({rows}, d)")
        return lambda result: result
    if output is not None:
        wanted = next((name for name in parts if str(name) == str(output)), None)
        if wanted is None:
            raise ValueError(
                f"weights.output: {key.removeprefix('weights.file: ')} has no {output!r}; it has "
                f"{', '.join(map(str, parts))}"
            )
        return lambda result: _parts(result)[wanted]
    fit = [name for name, part in parts.items() if _is_embedding(part, rows)]
    if not fit:
        shown = ", ".join(f"{name}: {_described(part)}" for name, part in parts.items())
        raise EmbeddingError(f"returned {shown} for {rows} places; one of them must be ({rows}, d)")
    if len(fit) > 1:
        shown = ", ".join(f"{name} (n, {parts[name].shape[1]})" for name in fit)
        raise ValueError(
            f"weights.output: {key.removeprefix('weights.file: ')} has several outputs, {shown}: name one"
        )
    return lambda result: _parts(result)[fit[0]]


def _parts(result: Any) -> dict[Any, Any] | None:
    """Outputs of a result by name, or by number if unnamed; None for a single array."""
    if isinstance(result, Mapping):
        return dict(result)
    if isinstance(result, tuple | list):
        return dict(zip(getattr(result, "_fields", range(len(result))), result, strict=True))
    return None


def _is_embedding(part: Any, rows: int) -> bool:
    shape = tuple(getattr(part, "shape", ()))
    return len(shape) == 2 and shape[0] == rows and shape[1] > 0


def _described(part: Any) -> str:
    if hasattr(part, "shape"):
        return f"the shape {tuple(part.shape)}"
    return f"a {type(part).__name__}"


def _failure_reason(program: Program, failures: Sequence[str]) -> str:
    """Reason why a network returns no embeddings."""
    weights = program.weights
    if weights is not None and weights not in program.dtypes:
        return f"{failures[0]} (its weights are {weights}; set weights.dtype: {weights}, or omit dtype)"
    return "; or ".join(dict.fromkeys(failures))
