"""TorchScript and ONNX files become encoders that compute the exported network; other files are rejected."""

import hashlib

import numpy as np
import onnx
import pytest
import torch
from exported_networks import BIAS, WEIGHT, Noise, Sine, expected, graph, lonlat, own, save, script
from onnx import TensorProto, helper
from torch import nn

from earthdim.estimation.jacobian import local_jacobian
from earthdim.experiment.targets import check_target

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


INPUTS = [
    ({}, lambda x: x),
    ({"order": "latlon"}, lambda x: x[:, ::-1]),
    ({"units": "radians"}, np.radians),
    ({"order": "latlon", "units": "radians"}, lambda x: np.radians(x[:, ::-1])),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("arguments", "given"), INPUTS)
@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_a_file_computes_what_it_was_exported_from(kind, arguments, given, dtype):
    if kind == "torchscript":
        file = script(Sine(getattr(torch, dtype)))
    else:
        file = graph(element=TensorProto.FLOAT if dtype == "float32" else TensorProto.DOUBLE)
    encoder = own(kind, file, dtype=dtype, **arguments)
    assert encoder.ambient_dim == 6
    # Phases of hundreds of radians, where float32 is exact to 3e-5.
    tolerance = 2e-4 if dtype == "float32" else 1e-7
    np.testing.assert_allclose(
        encoder.embed(lonlat()), expected(given(lonlat()), dtype), rtol=0, atol=tolerance
    )
    np.testing.assert_array_equal(encoder.embed(lonlat()), encoder.embed(lonlat()))
    assert encoder.parameters_count == (18 if kind == "torchscript" else None)
    assert encoder.differentiable is (kind == "torchscript")
    own(kind, file, dtype=dtype, **arguments).load_state_dict(dict(encoder.state_dict()))


TOLERANCE = {"float16": 0.6, "bfloat16": 4.0, "float32": 2e-4, "float64": 1e-7}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_the_dtype_defaults_to_that_of_the_file(kind, dtype):
    element = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}[dtype]
    file = script(Sine(getattr(torch, dtype))) if kind == "torchscript" else graph(element=element)
    np.testing.assert_allclose(
        own(kind, file).embed(lonlat()), expected(lonlat(), dtype), rtol=0, atol=TOLERANCE[dtype]
    )


class Linear(nn.Module):
    """x W, in the type of its weights, or in float32 if `casts`."""

    def __init__(self, dtype, casts=False):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(WEIGHT / 180, dtype=dtype))
        self.casts = casts

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight.float() if self.casts else self.weight
        return torch.mm(x, weight)


@pytest.mark.parametrize(("dtype", "step"), [("float16", "0.125"), ("bfloat16", "1")])
def test_half_precision_input_causes_a_warning(dtype, step):
    with pytest.warns(UserWarning, match=rf"encoder\.pt: takes {dtype}, .* {step}"):
        encoder = own("torchscript", script(Linear(getattr(torch, dtype))))
    embedded = encoder.embed(lonlat())
    assert embedded.dtype == np.float32
    tolerance = {"float16": 2e-2, "bfloat16": 2e-1}[dtype]
    np.testing.assert_allclose(embedded, lonlat() @ WEIGHT / 180, rtol=0, atol=tolerance)


def test_half_precision_weights_are_run_in_single_precision_if_possible(recwarn):
    encoder = own("torchscript", script(Linear(torch.float16, casts=True)))
    np.testing.assert_allclose(encoder.embed(lonlat()), lonlat() @ WEIGHT / 180, rtol=0, atol=2e-3)
    assert not [warning for warning in recwarn if "resolves degrees" in str(warning.message)]


def test_a_graph_of_half_precision():
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["n", 2])]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["n", 6])]
    save(nodes, given, made, {"w": (WEIGHT / 180).astype(np.float16)})
    with pytest.warns(UserWarning, match=r"takes float16, .* 0\.125"):
        embedded = own("onnx", "encoder.onnx").embed(lonlat())
    assert embedded.dtype == np.float32
    np.testing.assert_allclose(embedded, lonlat() @ WEIGHT / 180, rtol=0, atol=2e-2)


def test_the_jacobian_of_torchscript():
    encoder = own("torchscript", script(Sine(torch.float64)), dtype="float64")
    where = lonlat(7)
    slope = np.cos(where @ WEIGHT + BIAS)[:, :, None] * WEIGHT.T
    slope *= 180 / np.pi / 6371.0088
    slope[:, :, 0] /= np.cos(np.radians(where[:, 1]))[:, None]
    np.testing.assert_allclose(
        local_jacobian(encoder, where), np.linalg.svd(slope, compute_uv=False), rtol=1e-9
    )


def test_a_script_saved_in_training_mode_is_evaluated():
    assert own("torchscript", script(Sine().train())).ambient_dim == 6


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_the_digest_is_checked_before_the_file_is_read(kind):
    file = script(Sine()) if kind == "torchscript" else graph()
    with open(file, "rb") as opened:
        digest = hashlib.sha256(opened.read()).hexdigest()
    assert own(kind, file, sha256=digest).ambient_dim == 6
    with open(file, "wb") as opened:
        opened.write(b"tampered")
    with pytest.raises(ValueError, match=rf"weights\.build\.sha256: {file} has the digest .*, not {digest}"):
        own(kind, file, sha256=digest)
    with pytest.raises(ValueError, match=r"sha256: must be 64"):
        own(kind, file, sha256="abc")


@pytest.mark.parametrize(("kind", "file"), [("torchscript", "encoder.pt"), ("onnx", "encoder.onnx")])
@pytest.mark.parametrize("content", [None, b"", b"nothing of the kind", "cut", "state"])
def test_invalid_files_are_rejected_by_name(kind, file, content):
    if content == "cut":
        script(Sine(), file) if kind == "torchscript" else graph(file)
        with open(file, "rb+") as opened:
            opened.truncate(200)
    elif content == "state":
        torch.save(Sine().state_dict(), file)
    elif content is not None:
        with open(file, "wb") as opened:
            opened.write(content)
    with pytest.raises(ValueError, match=rf"weights\.file: {file}: (cannot be|there is no)"):
        own(kind, file)


@pytest.mark.parametrize(
    ("module", "message"),
    [(Noise(), "repeated calls"), (nn.Flatten(0), "shape")],
)
def test_a_script_that_is_not_an_encoder_is_rejected(module, message):
    with pytest.raises(ValueError, match=rf"weights\.file: encoder\.pt: .*({message})"):
        own("torchscript", script(module))


@pytest.mark.parametrize(
    ("made", "arguments", "message"),
    [
        ({}, {"dtype": "float64"}, r"weights\.dtype: the file's input is float32, not float64"),
        (
            {"element": TensorProto.DOUBLE},
            {"dtype": "float32"},
            r"weights\.dtype: the file's input is float64, not float32",
        ),
        ({"shape": (4, 2)}, {}, r"weights\.file: .*takes exactly 4 places"),
        ({"shape": ("n",)}, {}, r"weights\.file: .*not \(n, 2\)|cannot be loaded"),
        ({"inputs": 2}, {}, r"weights\.file: .*takes 2 inputs"),
        (
            {"outputs": 2},
            {},
            r"weights\.output: .*has several outputs, embedding \(n, 6\), phase \(n, 6\): name one",
        ),
        ({}, {"output": "none"}, r"weights\.output: .*no 'none'; it has embedding"),
        ({"operator": "NoSuchOperator"}, {}, r"weights\.file: .*cannot be loaded"),
        ({}, {"order": "xy"}, r"weights\.order"),
    ],
)
def test_a_graph_that_does_not_fit_is_rejected(made, arguments, message):
    with pytest.raises(ValueError, match=message):
        own("onnx", graph(**made), **arguments)


def test_an_output_by_name_and_a_first_axis_fixed_at_one():
    phases = own("onnx", graph(outputs=2), output="phase").embed(lonlat())
    np.testing.assert_allclose(phases, lonlat() @ WEIGHT + BIAS, rtol=1e-4, atol=1e-4)
    single = own("onnx", graph(shape=(1, 2))).embed(lonlat())
    np.testing.assert_allclose(single, own("onnx", graph()).embed(lonlat()), atol=1e-4)


def test_external_weights_of_a_graph_are_read():
    model = onnx.load(graph())
    onnx.save(model, "apart.onnx", save_as_external_data=True, location="apart.onnx.data", size_threshold=0)
    np.testing.assert_array_equal(
        own("onnx", "apart.onnx").embed(lonlat()), own("onnx", "encoder.onnx").embed(lonlat())
    )
    with open("apart.onnx.data", "wb"):
        pass
    with pytest.raises(ValueError, match=r"weights\.file: apart\.onnx: cannot be loaded"):
        own("onnx", "apart.onnx")


def test_a_changed_file_rejects_the_checkpoint_of_the_old_one():
    state = dict(own("onnx", graph()).state_dict())
    with pytest.raises(ValueError, match=r"weights\.file: encoder\.onnx: its embeddings differ"):
        own("onnx", graph(operator="Cos")).load_state_dict(state)


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_leaves_fit_the_targets(kind):
    leaf = {
        "_target_": f"earthdim.encoders.custom.exported.{kind}",
        "file": "f", "sha256": None, "order": "lonlat", "units": "degrees",
        "dtype": "float32", "batch": 16, "places": None, "takes": "lat, lon", "output": "y",
    }  # fmt: skip
    check_target(leaf, "weights")
