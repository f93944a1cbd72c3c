import hashlib

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from earthdim.build import build
from earthdim.estimation.jacobian import local_jacobian
from earthdim.experiment.validation import check_target

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
    return build({"_target_": f"earthdim.encoders.custom.exported.{kind}", "file": file, **arguments})


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


TOLERANCE = {"float16": 0.6, "bfloat16": 4.0, "float32": 2e-4, "float64": 1e-7}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_the_type_of_numbers_is_the_files_own_unless_it_is_said(kind, dtype):
    element = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}[dtype]
    file = script(Sine(getattr(torch, dtype))) if kind == "torchscript" else graph(element=element)
    np.testing.assert_allclose(
        own(kind, file).embed(lonlat()), expected(lonlat(), dtype), rtol=0, atol=TOLERANCE[dtype]
    )


class Linear(nn.Module):
    """x W + b, in the type of its weights; where it `casts`, of whatever it is given."""

    def __init__(self, dtype, casts=False):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(WEIGHT / 180, dtype=dtype))
        self.casts = casts

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight.float() if self.casts else self.weight
        return torch.mm(x, weight)


@pytest.mark.parametrize(("dtype", "step"), [("float16", "0.125"), ("bfloat16", "1")])
def test_half_precision_is_read_and_its_steps_are_told(dtype, step):
    with pytest.warns(UserWarning, match=rf"encoder\.pt: takes {dtype}, .* {step}"):
        encoder = own("torchscript", script(Linear(getattr(torch, dtype))))
    embedded = encoder.embed(lonlat())
    assert embedded.dtype == np.float32
    tolerance = {"float16": 2e-2, "bfloat16": 2e-1}[dtype]
    np.testing.assert_allclose(embedded, lonlat() @ WEIGHT / 180, rtol=0, atol=tolerance)


def test_half_weights_that_take_single_precision_are_given_it(recwarn):
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


def save(nodes, given, made, stored, path="encoder.onnx"):
    tensors = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "encoder", given, made, tensors), opset_imports=[helper.make_opsetid("", 22)]
    )
    model.ir_version = 10
    onnx.save(model, path)


def apart(first, second, rank, element=TensorProto.FLOAT):
    """A graph of two inputs: [second, first] W where they are columns, else of both with an axis put behind."""
    shape = ["n", 1][:rank]
    given = [helper.make_tensor_value_info(name, element, shape) for name in (first, second)]
    made = [helper.make_tensor_value_info("y", element, ["n", 6])]
    nodes, columns = [], [second, first]
    if rank == 1:
        nodes = [helper.make_node("Unsqueeze", [name, "axis"], [f"{name}_column"]) for name in columns]
        columns = [f"{name}_column" for name in columns]
    nodes += [
        helper.make_node("Concat", columns, ["x"], axis=1),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    stored = {"w": WEIGHT.astype(helper.tensor_dtype_to_np_dtype(element))}
    save(nodes, given, made, stored | ({"axis": np.array([1])} if rank == 1 else {}))


@pytest.mark.parametrize("element", [TensorProto.FLOAT, TensorProto.DOUBLE])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize(
    ("first", "second", "arguments", "longitude_first"),
    [
        ("lat", "lon", {}, False),
        ("lon", "lat", {}, True),
        ("input_latitude", "input_longitude", {}, False),
        ("siteLng", "siteLat", {}, True),
        # Names decide: a graph is fed by them.
        ("lon", "lat", {"takes": "lat, lon"}, True),
        ("a", "b", {"takes": "lat, lon"}, False),
        ("x1", "x2", {"takes": "lon, lat"}, True),
        ("lat", "lon", {"units": "radians"}, False),
    ],
)
def test_a_graph_of_longitude_and_latitude_apart(first, second, arguments, longitude_first, rank, element):
    apart(first, second, rank, element)
    where = np.radians(lonlat()) if "units" in arguments else lonlat()
    # The graph puts its second input first.
    given = where[:, ::-1] if longitude_first else where
    np.testing.assert_allclose(
        own("onnx", "encoder.onnx", **arguments).embed(lonlat()), given @ WEIGHT, rtol=1e-4, atol=1e-4
    )


class Apart(nn.Module):
    """Arrays (n,)."""

    def forward(self, lat, lon):
        return torch.stack([lat, 10 * lon, lat * lon], 1)


class Columns(nn.Module):
    """Columns (n, 1)."""

    def forward(self, longitude, latitude):
        return torch.cat([latitude, 10 * longitude, latitude * longitude], -1)


class Unnamed(nn.Module):
    def forward(self, a, b):
        return torch.stack([a, 10 * b, a * b], 1)


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        (Apart(), {}),
        (Columns(), {}),
        (Columns(), {"batch": 1}),
        (Apart(), {"takes": "lat, lon", "dtype": "float64"}),
        (Unnamed(), {"takes": "lat, lon"}),
    ],
)
def test_a_script_of_longitude_and_latitude_apart(module, arguments):
    longitude, latitude = lonlat().T
    np.testing.assert_allclose(
        own("torchscript", script(module), **arguments).embed(lonlat()),
        np.column_stack([latitude, 10 * longitude, latitude * longitude]),
        rtol=1e-5,
        atol=1e-2,
    )


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        (
            Unnamed(),
            {},
            r"takes 2 inputs, a, b, whose names do not .* weights\.takes: 'lon, lat' or 'lat, lon'",
        ),
        (
            Unnamed(),
            {"takes": "latlon"},
            r"weights\.takes: 'latlon' means one array, but encoder\.pt takes two, a, b",
        ),
        (Sine(), {"takes": "lat, lon"}, r"weights\.takes: 'lat, lon' means two arrays, .* takes one, 'x'"),
        (
            Sine(),
            {"takes": "lonlat", "order": "latlon"},
            r"weights\.order: 'latlon' contradicts weights\.takes",
        ),
        (nn.Bilinear(2, 2, 3), {"takes": "lon, lat"}, r"cannot be run on float32 \(n,\), float32 \(n,\): "),
        (
            Sine(torch.float64),
            {"dtype": "float32"},
            r"cannot be run .*its weights are float64; set weights\.dtype",
        ),
        (
            nn.Linear(3, 4),
            {},
            r"cannot be run on float32 \(n, 2\): mat1 and mat2 shapes cannot be multiplied",
        ),
    ],
)
def test_a_script_that_cannot_be_given_coordinates_is_refused_in_one_line(module, arguments, message):
    with pytest.raises(ValueError, match=message) as raised:
        own("torchscript", script(module), **arguments)
    assert "\n" not in str(raised.value)
    assert "Traceback" not in str(raised.value)


def test_the_name_of_one_input_says_its_order_where_the_leaf_does_not():
    class Named(nn.Module):
        def forward(self, lat_lon):
            return lat_lon * 2

    file = script(Named())
    np.testing.assert_allclose(own("torchscript", file).embed(lonlat()), lonlat()[:, ::-1] * 2, rtol=1e-6)
    said = own("torchscript", file, takes="lonlat").embed(lonlat())
    np.testing.assert_allclose(said, lonlat() * 2, rtol=1e-6)


class Triple(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        return x.sum(), 3 * x, 5


class Named(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": x.sum(), "embedding": 3 * x, "hidden": x}


def test_the_one_array_of_rows_among_several_results_is_taken_and_others_are_chosen():
    for module, arguments in (
        (Triple(), {}),
        (Named(), {"output": "embedding"}),
        (Pair(), {"output": 0}),
    ):
        factor = 1 if isinstance(module, Pair) else 3
        embedded = own("torchscript", script(module), **arguments).embed(lonlat())
        np.testing.assert_allclose(embedded, factor * lonlat(), rtol=1e-6)
    for module, arguments, message in (
        (Pair(), {}, r"weights\.output: encoder\.pt has several outputs, 0 \(n, 2\), 1 \(n, 2\): name one"),
        (Named(), {}, r"has several outputs, embedding \(n, 2\), hidden \(n, 2\): name one"),
        (Named(), {"output": "none"}, r"has no 'none'; it has loss, embedding, hidden"),
        (Named(), {"output": "loss"}, r"encoder\.pt: returned the shape \(\)"),
    ):
        with pytest.raises(ValueError, match=message):
            own("torchscript", script(module), **arguments)


def test_the_one_array_of_rows_among_the_outputs_of_a_graph_is_taken():
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("ReduceSum", ["y"], ["total"], keepdims=0),
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])]
    made = [
        helper.make_tensor_value_info("total", TensorProto.FLOAT, []),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 6]),
    ]
    save(nodes, given, made, {"w": WEIGHT.astype(np.float32)})
    embedded = own("onnx", "encoder.onnx").embed(lonlat())
    np.testing.assert_allclose(embedded, lonlat() @ WEIGHT, rtol=1e-4, atol=1e-4)


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
    with pytest.raises(ValueError, match=rf"weights\.file: {file}: (cannot be|there is no)"):
        own(kind, file)


@pytest.mark.parametrize(
    ("module", "message"),
    [(Noise(), "repeated calls"), (nn.Flatten(0), "shape")],
)
def test_a_script_that_is_no_encoder_is_refused(module, message):
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
    with pytest.raises(ValueError, match=r"weights\.file: apart\.onnx: cannot be loaded"):
        own("onnx", "apart.onnx")


def test_a_changed_file_does_not_take_the_checkpoint_of_the_old():
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
