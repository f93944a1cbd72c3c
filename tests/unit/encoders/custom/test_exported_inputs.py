"""Inputs and outputs of exported networks: separate or joint coordinates, their order, several outputs."""

import numpy as np
import pytest
import torch
from exported_networks import WEIGHT, Pair, Sine, lonlat, own, save, script
from onnx import TensorProto, helper
from torch import nn

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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
def test_a_script_that_does_not_take_coordinates_is_a_one_line_error(module, arguments, message):
    with pytest.raises(ValueError, match=message) as raised:
        own("torchscript", script(module), **arguments)
    assert "\n" not in str(raised.value)
    assert "Traceback" not in str(raised.value)


def test_the_order_defaults_to_that_in_the_inputs_name():
    class Named(nn.Module):
        def forward(self, lat_lon):
            return lat_lon * 2

    file = script(Named())
    np.testing.assert_allclose(own("torchscript", file).embed(lonlat()), lonlat()[:, ::-1] * 2, rtol=1e-6)
    embedded = own("torchscript", file, takes="lonlat").embed(lonlat())
    np.testing.assert_allclose(embedded, lonlat() * 2, rtol=1e-6)


class Triple(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        return x.sum(), 3 * x, 5


class Named(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": x.sum(), "embedding": 3 * x, "hidden": x}


def test_the_only_embedding_among_outputs_is_read_or_output_selects_one():
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


def test_the_only_embedding_among_a_graphs_outputs_is_read():
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
