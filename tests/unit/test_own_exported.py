import hashlib

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from earthdim.build import build
from earthdim.jacobian import local_jacobian
from earthdim.leaves import check_target

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

WEIGHT = np.random.default_rng(0).normal(size=(2, 6))
BIAS = np.random.default_rng(1).normal(size=6)


class Sine(nn.Module):
    """sin(x W + b), and noise while it is trained."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(WEIGHT, dtype=dtype))
        self.bias = nn.Parameter(torch.tensor(BIAS, dtype=dtype))
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(torch.sin(torch.addmm(self.bias, x, self.weight)))


class Pair(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


class Noise(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand_like(x)


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def script(module, path="encoder.pt"):
    torch.jit.save(torch.jit.script(module), path)
    return path


def graph(
    path="encoder.onnx", element=TensorProto.FLOAT, shape=("n", 2), outputs=1, inputs=1, operator="Sin"
):
    """The network above, node by node."""
    dtype = helper.tensor_dtype_to_np_dtype(element)
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["phase"]),
        helper.make_node(operator, ["phase"], ["embedding"]),
    ]
    given = [helper.make_tensor_value_info("x", element, shape)]
    given += [helper.make_tensor_value_info(f"x{i}", element, shape) for i in range(1, inputs)]
    made = [
        helper.make_tensor_value_info(name, element, ["n", 6]) for name in ("embedding", "phase")[:outputs]
    ]
    stored = [
        numpy_helper.from_array(array.astype(dtype), name)
        for name, array in (("weight", WEIGHT), ("bias", BIAS))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "encoder", given, made, stored), opset_imports=[helper.make_opsetid("", 22)]
    )
    model.ir_version = 10
    onnx.save(model, path)
    return path


def own(kind, file, **arguments):
    return build({"_target_": f"earthdim.own.exported.{kind}", "file": file, **arguments})


def lonlat(n=50):
    rng = np.random.default_rng(0)
    return np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))


def expected(where, dtype):
    x = where.astype(dtype)
    return np.sin(x @ WEIGHT.astype(dtype) + BIAS.astype(dtype))


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


def test_dtype_is_by_default_that_of_most_networks():
    assert own("torchscript", script(Sine())).ambient_dim == own("onnx", graph()).ambient_dim == 6


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
def test_the_sum_is_checked_before_the_file_is_read(kind):
    file = script(Sine()) if kind == "torchscript" else graph()
    with open(file, "rb") as opened:
        digest = hashlib.sha256(opened.read()).hexdigest()
    assert own(kind, file, sha256=digest).ambient_dim == 6
    with open(file, "wb") as opened:
        opened.write(b"tampered")
    with pytest.raises(ValueError, match=rf"weights\.sha256: {file} has the digest .*, not {digest}"):
        own(kind, file, sha256=digest)
    with pytest.raises(ValueError, match=r"weights\.sha256: must be 64"):
        own(kind, file, sha256="abc")


@pytest.mark.parametrize(("kind", "file"), [("torchscript", "encoder.pt"), ("onnx", "encoder.onnx")])
@pytest.mark.parametrize("content", [None, b"", b"nothing of the kind", "cut", "state"])
def test_what_is_no_such_file_is_refused_by_name(kind, file, content):
    if content == "cut":
        script(Sine(), file) if kind == "torchscript" else graph(file)
        with open(file, "rb+") as opened:
            opened.truncate(200)
    elif content == "state":
        torch.save(Sine().state_dict(), file)
    elif content is not None:
        with open(file, "wb") as opened:
            opened.write(content)
    with pytest.raises(ValueError, match=rf"weights\.file: {file}: (is no|there is no)"):
        own(kind, file)


@pytest.mark.parametrize(
    ("module", "message"),
    [(Pair(), "gave tuple|gave the shape"), (Noise(), "when called again"), (nn.Flatten(0), "shape")],
)
def test_a_script_that_is_no_encoder_is_refused(module, message):
    with pytest.raises(ValueError, match=rf"weights\.file: encoder\.pt: .*({message})"):
        own("torchscript", script(module))


@pytest.mark.parametrize(
    ("made", "arguments", "message"),
    [
        ({}, {"dtype": "float64"}, r"weights\.dtype: the file's input is float32, not float64"),
        ({"element": TensorProto.DOUBLE}, {}, r"weights\.dtype: the file's input is float64, not float32"),
        ({"shape": (4, 2)}, {}, r"weights\.file: .*takes 4 places, no more and no fewer"),
        ({"shape": ("n",)}, {}, r"weights\.file: .*not \(n, 2\)|is no ONNX file"),
        ({"inputs": 2}, {}, r"weights\.file: .*takes 2 inputs"),
        ({"outputs": 2}, {}, r"weights\.output: .*has several outputs, embedding, phase"),
        ({}, {"output": "none"}, r"weights\.output: .*no 'none'; it has embedding"),
        ({"operator": "NoSuchOperator"}, {}, r"weights\.file: .*is no ONNX file"),
        ({}, {"order": "xy"}, r"weights\.order"),
    ],
)
def test_a_graph_that_does_not_fit_is_refused(made, arguments, message):
    with pytest.raises(ValueError, match=message):
        own("onnx", graph(**made), **arguments)


def test_an_output_by_name_and_a_first_axis_fixed_at_one():
    phases = own("onnx", graph(outputs=2), output="phase").embed(lonlat())
    np.testing.assert_allclose(phases, lonlat() @ WEIGHT + BIAS, rtol=1e-4, atol=1e-4)
    single = own("onnx", graph(shape=(1, 2))).embed(lonlat())
    np.testing.assert_allclose(single, own("onnx", graph()).embed(lonlat()), atol=1e-4)


def test_weights_that_stand_beside_the_graph_are_read():
    model = onnx.load(graph())
    onnx.save(model, "apart.onnx", save_as_external_data=True, location="apart.onnx.data", size_threshold=0)
    np.testing.assert_array_equal(
        own("onnx", "apart.onnx").embed(lonlat()), own("onnx", "encoder.onnx").embed(lonlat())
    )
    with open("apart.onnx.data", "wb"):
        pass
    with pytest.raises(ValueError, match=r"weights\.file: apart\.onnx: is no ONNX file"):
        own("onnx", "apart.onnx")


def test_a_changed_file_does_not_take_the_checkpoint_of_the_old():
    state = dict(own("onnx", graph()).state_dict())
    with pytest.raises(ValueError, match=r"weights\.file: encoder\.onnx: gives other embeddings now"):
        own("onnx", graph(operator="Cos")).load_state_dict(state)


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_leaves_fit_the_targets(kind):
    leaf = {
        "_target_": f"earthdim.own.exported.{kind}", "file": "f", "sha256": None, "order": "lonlat", "units": "degrees",
        "dtype": "float32", "batch": 16, "places": None,
    }  # fmt: skip
    check_target(leaf, "weights")
