"""Exported networks, TorchScript and ONNX files, as location encoders."""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earthdim.encoders.custom.dependencies import EXPORTED_WORDS, check_values
from earthdim.encoders.custom.encoder import CustomEncoder
from earthdim.encoders.custom.program import Leaf, Program, RunError, encoder, forms

Places = Sequence[Sequence[float]] | None
_ONNX_TYPES = {
    "tensor(float16)": "float16",
    "tensor(bfloat16)": "bfloat16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
}


def torchscript(
    file: str,
    sha256: str | None = None,
    takes: str | None = None,
    order: str | None = None,
    units: str = "degrees",
    dtype: str | None = None,
    output: str | int | None = None,
    batch: int = 4096,
    places: Places = None,
    files: Sequence[str] | None = None,
) -> CustomEncoder:
    """Wrap a TorchScript file, written by `torch.jit.save`.

    Such a file contains a program. It runs in torch's interpreter, whose operators can read and write files with your
    rights: treat it as code, use only files from sources you trust, and set `sha256`.

    Parameters
    ----------
    file : str
        Relative to the working directory.
    sha256 : str, optional
        Hexadecimal digest that the file must have.
    takes : {"lonlat", "latlon", "lon, lat", "lat, lon"}, optional
        One array (n, 2), in this order of its columns, or two arrays, (n,) or (n, 1) as the file requires. If two
        inputs are named after longitude and latitude, their names take precedence.
    order : {"lonlat", "latlon"}, optional
        Order of the columns of one array, as `takes`; longitude first by default.
    units : {"degrees", "radians"}
    dtype : {"float16", "bfloat16", "float32", "float64"}, optional
        Type of its input; by default found by probing. A half type is used only if no other runs.
    output : str or int, optional
        Name or number of the output to read, if it returns several arrays (n, d).
    batch : int
        Number of places per call.
    places : sequence of pairs, optional
        Places at which it is checked: two or more [longitude, latitude] in degrees. Needed for a regional encoder.
    files : sequence of str, optional
        Other files that it reads. Not used here: the workflow recomputes the embeddings when one changes.

    Returns
    -------
    CustomEncoder
        In evaluation mode; embeddings in half precision become float32.

    Raises
    ------
    ValueError
        If the file is missing, has another digest than `sha256`, is not TorchScript, or is not an encoder; see
        `earthdim.encoders.custom.program.encoder`.

    Warns
    -----
    UserWarning
        If it accepts coordinates only in half precision, which resolves degrees coarsely.
    """
    _check(sha256, takes, order, units, dtype, batch, places)
    key = f"weights.file: {file}"
    content = _content(file, sha256, key)
    try:
        network = torch.jit.load(io.BytesIO(content), map_location="cpu")
    except RuntimeError as error:
        reason = str(error).partition(". ")[0]
        raise ValueError(f"{key}: cannot be read as TorchScript ({reason})") from error

    network.eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    weights = next(
        (str(p.dtype).removeprefix("torch.") for p in network.parameters() if p.is_floating_point()), None
    )
    program = Program(_scripted(network), _argument_names(network), _dtypes(dtype, weights), key, weights)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return encoder(program, Leaf(takes, order, units, output, batch, places), parameters)


def onnx(
    file: str,
    sha256: str | None = None,
    takes: str | None = None,
    order: str | None = None,
    units: str = "degrees",
    dtype: str | None = None,
    output: str | int | None = None,
    batch: int = 4096,
    places: Places = None,
    files: Sequence[str] | None = None,
) -> CustomEncoder:
    """Wrap an ONNX file, evaluated by onnxruntime on one thread.

    Parameters
    ----------
    file : str
        Relative to the working directory. Files of external weights must be in the same folder.
    sha256 : str, optional
        Hexadecimal digest that the file must have; it does not cover external weights.
    takes, order, units, batch, places
        As for `torchscript`. A file whose first axis is fixed at 1 is called with one place at a time.
    dtype : {"float16", "float32", "float64"}, optional
        Type of its input; must agree with the file.
    output : str, optional
        Name of the output to read, if several are arrays (n, d).
    files : sequence of str, optional
        As for `torchscript`: files of external weights, except one named as the file with the suffix ``.data``.

    Returns
    -------
    CustomEncoder
        Not differentiable; embeddings in half precision become float32.

    Raises
    ------
    ValueError
        As for `torchscript`, and if the graph does not take two coordinates, in one array or two.

    Warns
    -----
    UserWarning
        As for `torchscript`.
    """
    _check(sha256, takes, order, units, dtype, batch, places)
    key = f"weights.file: {file}"
    _content(file, sha256, key)
    session = _session(file, key)
    inputs = session.get_inputs()
    kind = _check_type(inputs, dtype, key)
    ranks = tuple(len(given.shape) for given in inputs)
    program = Program(
        _graph(session, output, key), [given.name for given in inputs], [kind], key, ranks=ranks
    )
    leaf = Leaf(takes, order, units, output, batch, places)
    # Errors about the inputs' names take precedence over errors about their shapes.
    forms(program, leaf)
    rows = _check_shapes(inputs, key)
    return encoder(program, replace(leaf, batch=rows or batch))


def _check(
    sha256: str | None,
    takes: str | None,
    order: str | None,
    units: str,
    dtype: str | None,
    batch: int,
    places: Places,
) -> None:
    values = {
        "sha256": sha256,
        "takes": takes,
        "order": order,
        "units": units,
        "dtype": dtype,
        "batch": batch,
    }
    check_values({**values, "places": places}, words=EXPORTED_WORDS)
    if order is not None and takes not in (None, order):
        raise ValueError(
            f"weights.order: {order!r} contradicts weights.takes: {takes!r}; set only one of them"
        )


def _dtypes(required: str | None, weights: str | None) -> list[str]:
    """Types to probe, in order: only that of the leaf, if set; else float64 and float32, that of the weights first."""
    if required is not None:
        return [required]
    first = ["float64", "float32"] if weights == "float64" else ["float32", "float64"]
    return first if weights in (None, *first) else [*first, weights]


def _argument_names(network: Any) -> list[str]:
    """Names of the required arguments of a script."""
    return [
        argument.name for argument in network.forward.schema.arguments[1:] if not argument.has_default_value()
    ]


def _scripted(network: Any) -> Callable[[list[Tensor]], Any]:
    def run(given: list[Tensor]) -> Any:
        try:
            # Without the optimiser, which recompiles after the first calls, so that early results may differ.
            with torch.jit.optimized_execution(False):
                return network(*given)
        except RuntimeError as error:
            # The reason follows the interpreter's trace.
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = (lines or [type(error).__name__])[-1].removeprefix("RuntimeError: ")
            passed = ", ".join(f"{str(one.dtype).removeprefix('torch.')} {_shape(one)}" for one in given)
            raise RunError(f"cannot be run on {passed}: {reason}") from error

    return run


def _shape(given: Tensor) -> str:
    return "(n,)" if given.ndim == 1 else f"(n, {given.shape[1]})"


def _content(file: str, sha256: str | None, key: str) -> bytes:
    """Read the file and check its digest before anything interprets it."""
    if not Path(file).is_file():
        raise ValueError(f"{key}: there is no such file")
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256:
        raise ValueError(f"weights.build.sha256: {file} has the digest {digest}, not {sha256}")
    return content


def _onnx_errors() -> tuple[type[Exception], ...]:
    """Error types of onnxruntime, which have no common base except Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    return (
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
        errors.RuntimeException,
    )


def _session(file: str, key: str):
    from onnxruntime import ExecutionMode, InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    # By default it also prints raised errors to standard error.
    options.log_severity_level = 4
    try:
        return InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except _onnx_errors() as error:
        raise ValueError(f"{key}: cannot be loaded by onnxruntime as ONNX ({error})") from error


def _check_type(inputs: Sequence[Any], dtype: str | None, key: str) -> str:
    """Return the common dtype of a graph's inputs."""
    kinds = {_ONNX_TYPES.get(given.type, given.type) for given in inputs}
    kind = " and ".join(sorted(kinds))
    if dtype is not None and kinds != {dtype}:
        raise ValueError(f"weights.dtype: the file's input is {kind}, not {dtype}; omit dtype")
    if kind not in _ONNX_TYPES.values() or kind == "bfloat16":
        raise ValueError(f"{key}: takes {kind}, not float16, float32 or float64")
    return kind


def _check_shapes(inputs: Sequence[Any], key: str) -> int | None:
    """Check that a graph takes rows of coordinates; return the number of rows if it is fixed at one."""
    columns, wanted = (2, "(n, 2)") if len(inputs) == 1 else (1, "(n,) or (n, 1)")
    for given in inputs:
        shape = given.shape
        free = len(shape) == 2 and (shape[1] in (columns, None) or isinstance(shape[1], str))
        if not free and (len(inputs) == 1 or len(shape) != 1):
            raise ValueError(f"{key}: takes an array of the shape {shape}, not {wanted}")
        if isinstance(shape[0], int) and shape[0] > 1:
            raise ValueError(f"{key}: takes exactly {shape[0]} places; export it with a dynamic first axis")
    return 1 if any(given.shape[0] == 1 for given in inputs) else None


def _graph(session: Any, output: str | int | None, key: str) -> Callable[[list[Tensor]], Any]:
    given = session.get_inputs()
    ranks = [len(one.shape) for one in given]
    names = [found.name for found in session.get_outputs()]
    if output is not None and output not in names:
        raise ValueError(
            f"weights.output: {key.removeprefix('weights.file: ')} has no {output!r}; it has {', '.join(names)}"
        )
    wanted = names if output is None else [output]
    errors = _onnx_errors()

    def run(parts: list[Tensor]) -> Any:
        # Two inputs may differ in their number of axes.
        shaped = [
            part.reshape(len(part), *[-1] * (rank - 1)) for part, rank in zip(parts, ranks, strict=True)
        ]
        feed = {one.name: part.detach().contiguous().numpy() for one, part in zip(given, shaped, strict=True)}
        try:
            return dict(zip(wanted, session.run(wanted, feed), strict=True))
        except errors as error:
            raise RunError(f"cannot be run by onnxruntime ({' '.join(str(error).split())})") from error

    return run
