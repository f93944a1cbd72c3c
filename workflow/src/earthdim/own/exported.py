"""Networks that users exported: TorchScript and ONNX files as location encoders."""

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earthdim.own.dependencies import check_values
from earthdim.own.encoder import Inputs, OwnEncoder, called, tried

Places = Sequence[Sequence[float]] | None


def torchscript(
    file: str,
    sha256: str | None = None,
    order: str = "lonlat",
    units: str = "degrees",
    dtype: str = "float32",
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
    order : {"lonlat", "latlon"}
        Of the two columns of its input (n, 2).
    units : {"degrees", "radians"}
    dtype : {"float32", "float64"}
        Of its input.
    batch : int
        How many places it takes at once.
    places : sequence of pairs, optional
        Where it is tried: two or more [longitude, latitude] in degrees, for an encoder of one region.
    files : sequence of str, optional
        Other files that it reads, whose change is a change of the encoder. Not used here: the workflow watches them.

    Returns
    -------
    OwnEncoder
        In evaluation mode.

    Raises
    ------
    ValueError
        If the file is missing, is not the one that `sha256` names or no TorchScript, or holds no encoder; see
        `earthdim.own.encoder.tried`.
    """
    check_values(
        {"sha256": sha256, "order": order, "units": units, "dtype": dtype, "batch": batch, "places": places}
    )
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

    def function(coordinates: Tensor) -> Any:
        # Else the interpreter compiles itself anew while it runs, and a first result may differ from a later one.
        with torch.jit.optimized_execution(False):
            return network(coordinates)

    parameters = sum(parameter.numel() for parameter in network.parameters())
    return tried(called(function, Inputs(order, units, dtype), batch, key), key, places, parameters)


def onnx(
    file: str,
    sha256: str | None = None,
    order: str = "lonlat",
    units: str = "degrees",
    dtype: str = "float32",
    output: str | None = None,
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
    order, units, dtype, batch, places
        As for `torchscript`. A file whose first axis is fixed at 1 is given one place at a time.
    output : str, optional
        The output to read, where there are several.
    files : sequence of str, optional
        As for `torchscript`: weights in files of their own, but for one named as the file with ``.data`` behind.

    Returns
    -------
    OwnEncoder
        Not differentiable.

    Raises
    ------
    ValueError
        As for `torchscript`, and if the graph does not take one (n, 2) array of `dtype`.
    """
    check_values(
        {"sha256": sha256, "order": order, "units": units, "dtype": dtype, "batch": batch, "places": places}
    )
    key = f"weights.file: {file}"
    _content(file, sha256, key)
    session = _session(file, key)
    rows = _check_input(session, dtype, key)
    names = [found.name for found in session.get_outputs()]
    if output is None and len(names) > 1:
        raise ValueError(f"weights.output: {file} has several outputs, {', '.join(names)}: say which")
    if output is not None and output not in names:
        raise ValueError(f"weights.output: {file} has no {output!r}; it has {', '.join(names)}")
    function = _run(session, session.get_inputs()[0].name, output or names[0])
    return tried(called(function, Inputs(order, units, dtype), rows or batch, key), key, places)


def _content(file: str, sha256: str | None, key: str) -> bytes:
    """The file's bytes, their sum checked before anything reads them."""
    if not Path(file).is_file():
        raise ValueError(f"{key}: there is no such file")
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256:
        raise ValueError(f"weights.sha256: {file} has the digest {digest}, not {sha256}")
    return content


def _session(file: str, key: str):
    from onnxruntime import ExecutionMode, InferenceSession, SessionOptions
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    # They have no common base but Exception.
    unreadable = (
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
        errors.RuntimeException,
    )
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    try:
        return InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except unreadable as error:
        raise ValueError(f"{key}: is no ONNX file that onnxruntime can run ({error})") from error


def _check_input(session: Any, dtype: str, key: str) -> int | None:
    """Check that a graph takes one array of two columns; return its number of rows where that is fixed at one."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ValueError(f"{key}: takes {len(inputs)} inputs, not one array (n, 2)")
    kind = {"tensor(float)": "float32", "tensor(double)": "float64"}.get(inputs[0].type, inputs[0].type)
    if kind != dtype:
        raise ValueError(f"weights.dtype: the file's input is {kind}, not {dtype}")
    shape = inputs[0].shape
    if len(shape) != 2 or (shape[1] not in (2, None) and not isinstance(shape[1], str)):
        raise ValueError(f"{key}: takes an array of the shape {shape}, not (n, 2)")
    if isinstance(shape[0], int) and shape[0] > 1:
        raise ValueError(
            f"{key}: takes {shape[0]} places, no more and no fewer; export it with a free first axis"
        )
    return 1 if shape[0] == 1 else None


def _run(session: Any, given: str, wanted: str) -> Callable[[Tensor], Any]:
    def function(coordinates: Tensor) -> Any:
        return session.run([wanted], {given: coordinates.detach().contiguous().numpy()})[0]

    return function
