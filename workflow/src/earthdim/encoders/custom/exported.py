"""Networks that users exported: TorchScript and ONNX files as location encoders."""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earthdim.encoders.custom.dependencies import EXPORTED_WORDS, check_values
from earthdim.encoders.custom.encoder import OwnEncoder
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
) -> OwnEncoder:
    """Wrap a TorchScript file, written by `torch.jit.save`.

    Such a file holds a program. It runs in torch's own interpreter, whose operators can read and write files with your
    rights: treat it as code, take it from people you trust, and say its sum.

    Parameters
    ----------
    file : str
        Relative to the working directory.
    sha256 : str, optional
        Hexadecimal digest that the file must have.
    takes : {"lonlat", "latlon", "lon, lat", "lat, lon"}, optional
        One array (n, 2), in this order of its columns, or two arrays, (n,) or (n, 1) as the file wants. Where two
        inputs are named after longitude and latitude, their names decide.
    order : {"lonlat", "latlon"}, optional
        Of the columns of one array, as `takes`; longitude first if nothing says otherwise.
    units : {"degrees", "radians"}
    dtype : {"float16", "bfloat16", "float32", "float64"}, optional
        Of its input; what the file takes unless it is said. A half type is fed only where no other runs.
    output : str or int, optional
        The name or number of what to read, where it gives several arrays (n, d).
    batch : int
        How many places it takes at once.
    places : sequence of pairs, optional
        Where it is tried: two or more [longitude, latitude] in degrees, for an encoder of one region.
    files : sequence of str, optional
        Other files that it reads, whose change is a change of the encoder. Not used here: the workflow watches them.

    Returns
    -------
    OwnEncoder
        In evaluation mode; embeddings in half precision become float32.

    Raises
    ------
    ValueError
        If the file is missing, is not the one that `sha256` names or no TorchScript, or holds no encoder; see
        `earthdim.encoders.custom.program.encoder`.

    Warns
    -----
    UserWarning
        If it takes coordinates in half precision only, where degrees are steps.
    """
    _check(sha256, takes, order, units, dtype, batch, places)
    key = f"weights.file: {file}"
    content = _content(file, sha256, key)
    try:
        network = torch.jit.load(io.BytesIO(content), map_location="cpu")
    except RuntimeError as error:
        reason = str(error).partition(". ")[0]
        raise ValueError(f"{key}: is no TorchScript file that can be read ({reason})") from error

    network.eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    weights = next(
        (str(p.dtype).removeprefix("torch.") for p in network.parameters() if p.is_floating_point()), None
    )
    program = Program(_scripted(network), _arguments(network), _dtypes(dtype, weights), key, weights)
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
) -> OwnEncoder:
    """Wrap an ONNX file, which onnxruntime computes on one thread.

    Parameters
    ----------
    file : str
        Relative to the working directory; weights that it keeps in files of their own stand beside it.
    sha256 : str, optional
        Hexadecimal digest that the file must have; it says nothing of weights in other files.
    takes, order, units, batch, places
        As for `torchscript`. A file whose first axis is fixed at 1 is given one place at a time.
    dtype : {"float16", "float32", "float64"}, optional
        Of its input, which the file tells.
    output : str, optional
        The output to read, where several are arrays (n, d).
    files : sequence of str, optional
        As for `torchscript`: weights in files of their own, but for one named as the file with ``.data`` behind.

    Returns
    -------
    OwnEncoder
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
    # First what the inputs are, then what their shapes are.
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
        raise ValueError(f"weights.order: {order!r} contradicts weights.takes: {takes!r}; say one of them")


def _dtypes(said: str | None, weights: str | None) -> list[str]:
    """The types to try: what the leaf says, else the most precise that goes with the weights, else what they are."""
    if said is not None:
        return [said]
    first = ["float64", "float32"] if weights == "float64" else ["float32", "float64"]
    return first if weights in (None, *first) else [*first, weights]


def _arguments(network: Any) -> list[str]:
    """The names of what a script must be given."""
    return [
        argument.name for argument in network.forward.schema.arguments[1:] if not argument.has_default_value()
    ]


def _scripted(network: Any) -> Callable[[list[Tensor]], Any]:
    def run(given: list[Tensor]) -> Any:
        try:
            # Else the interpreter compiles itself anew while it runs, and a first result may differ from a later one.
            with torch.jit.optimized_execution(False):
                return network(*given)
        except RuntimeError as error:
            # Above the reason stands the interpreter's own trace.
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = (lines or [type(error).__name__])[-1].removeprefix("RuntimeError: ")
            passed = ", ".join(f"{str(one.dtype).removeprefix('torch.')} {_shape(one)}" for one in given)
            raise RunError(f"cannot be run on {passed}: {reason}") from error

    return run


def _shape(given: Tensor) -> str:
    return "(n,)" if given.ndim == 1 else f"(n, {given.shape[1]})"


def _content(file: str, sha256: str | None, key: str) -> bytes:
    """The file's bytes, their sum checked before anything reads them."""
    if not Path(file).is_file():
        raise ValueError(f"{key}: there is no such file")
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256:
        raise ValueError(f"weights.sha256: {file} has the digest {digest}, not {sha256}")
    return content


def _onnx_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises: its errors have no common base but Exception."""
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
    # Else it writes to standard error what is raised besides.
    options.log_severity_level = 4
    try:
        return InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except _onnx_errors() as error:
        raise ValueError(f"{key}: is no ONNX file that onnxruntime can run ({error})") from error


def _check_type(inputs: Sequence[Any], dtype: str | None, key: str) -> str:
    """The type of numbers that all inputs of a graph have."""
    kinds = {_ONNX_TYPES.get(given.type, given.type) for given in inputs}
    kind = " and ".join(sorted(kinds))
    if dtype is not None and kinds != {dtype}:
        raise ValueError(f"weights.dtype: the file's input is {kind}, not {dtype}; leave dtype out")
    if kind not in _ONNX_TYPES.values() or kind == "bfloat16":
        raise ValueError(f"{key}: takes {kind}, not float16, float32 or float64")
    return kind


def _check_shapes(inputs: Sequence[Any], key: str) -> int | None:
    """Check that a graph takes rows of coordinates; return the number of rows where that is fixed at one."""
    columns, wanted = (2, "(n, 2)") if len(inputs) == 1 else (1, "(n,) or (n, 1)")
    for given in inputs:
        shape = given.shape
        free = len(shape) == 2 and (shape[1] in (columns, None) or isinstance(shape[1], str))
        if not free and (len(inputs) == 1 or len(shape) != 1):
            raise ValueError(f"{key}: takes an array of the shape {shape}, not {wanted}")
        if isinstance(shape[0], int) and shape[0] > 1:
            raise ValueError(
                f"{key}: takes {shape[0]} places, no more and no fewer; export it with a free first axis"
            )
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
        # Two inputs need not have the same number of axes.
        shaped = [
            part.reshape(len(part), *[-1] * (rank - 1)) for part, rank in zip(parts, ranks, strict=True)
        ]
        feed = {one.name: part.detach().contiguous().numpy() for one, part in zip(given, shaped, strict=True)}
        try:
            return dict(zip(wanted, session.run(wanted, feed), strict=True))
        except errors as error:
            raise RunError(f"cannot be run by onnxruntime ({' '.join(str(error).split())})") from error

    return run
