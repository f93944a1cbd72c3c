"""Python callables become encoders, or are rejected with the key that names them."""

import copy
import sys

import numpy as np
import pytest
import torch
from custom_callables import MODULE

from earthdim.build import build
from earthdim.encoders.custom.function import location_encoder
from earthdim.estimation.jacobian import local_jacobian
from earthdim.experiment.validation import check_target
from earthdim.storage.files import open_checkpoint, save_checkpoint

TARGET = "earthdim.encoders.custom.function.location_encoder"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_test_encoders.py").write_text(MODULE)
    (folder / "own_test_needs.py").write_text("import own_test_not_there\n")
    package = folder / "own_test_package" / "inner"
    package.mkdir(parents=True)
    (folder / "own_test_package" / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package / "encoders.py").write_text("from own_test_encoders import sphere as embed\n")
    return folder


@pytest.fixture(autouse=True)
def there(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))


def own(name, **arguments):
    return build({"_target_": TARGET, "callable": f"own_test_encoders:{name}", **arguments})


def lonlat(n=50):
    rng = np.random.default_rng(0)
    return np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))


def unit_vectors(where):
    lon, lat = np.radians(where).T
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


@pytest.mark.parametrize(
    "path",
    ["own_test_encoders:sphere", "own_test_encoders:smooth", "own_test_package.inner.encoders:embed"],
)
def test_embeddings_are_the_callables(path):
    encoder = location_encoder(path)
    embedded = encoder.embed(lonlat())
    assert embedded.dtype == np.float32
    assert encoder.ambient_dim == 3
    np.testing.assert_array_equal(embedded, unit_vectors(lonlat()).astype(np.float32))
    assert encoder.encoding.width == 2
    assert encoder.encoding.shortest_wavelength_km is encoder.encoding.nominal_wavelength_km is None
    np.testing.assert_array_equal(encoder.encoding(torch.from_numpy(lonlat())), lonlat())


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("two_arrays", {"takes": "lon, lat"}, lambda x: x),
        ("two_arrays", {"takes": "lat, lon"}, lambda x: x[:, ::-1]),
        ("one_array", {"takes": "latlon"}, lambda x: x[:, ::-1]),
        ("one_array", {"units": "radians"}, np.radians),
        ("one_array", {"takes": "latlon", "units": "radians"}, lambda x: np.radians(x[:, ::-1])),
        ("dtype_told", {"dtype": "float32"}, lambda x: np.full((len(x), 1), 4)),
        ("caller", {}, lambda x: x * 2),
        ("caller.method", {}, lambda x: x * 3),
        ("lists", {}, lambda x: x),
        ("reused", {"batch": 3}, lambda x: x),
        ("reused_tensor", {"batch": 3, "array": "torch"}, lambda x: x),
        ("half", {}, lambda x: torch.from_numpy(x).to(torch.bfloat16).float().numpy()),
    ],
)
def test_argument_and_result_types_of_callables(name, arguments, expected):
    np.testing.assert_array_equal(
        own(name, **arguments).embed(lonlat()), expected(lonlat()).astype(np.float32)
    )


def test_a_callable_may_modify_its_argument():
    where = lonlat()
    np.testing.assert_array_equal(own("in_place").embed(where), (lonlat() * (np.pi / 180)).astype(np.float32))
    np.testing.assert_array_equal(where, lonlat())


def test_no_call_exceeds_the_batch():
    import own_test_encoders

    encoder = own("sphere", batch=7)
    own_test_encoders.calls.clear()
    encoder.embed(lonlat(), batch=20)
    assert own_test_encoders.calls == [7, 7, 6, 7, 7, 6, 7, 3]


def test_a_module_of_torch_is_put_in_evaluation_mode_and_counted():
    encoder = own("network", dtype="float32")
    assert encoder.parameters_count == 2 * 8 + 8 + 2 * 8 + 8 * 3 + 3
    whole = encoder.embed(lonlat())
    np.testing.assert_allclose(encoder.embed(lonlat(), batch=1), whole, rtol=1e-4, atol=1e-4)
    assert own("sphere").parameters_count is None


@pytest.mark.parametrize(
    ("name", "arguments", "differentiable"),
    [
        ("smooth", {}, True),
        ("smooth_function", {"array": "torch"}, True),
        ("network", {"dtype": "float32"}, True),
        ("smooth", {"array": "torch", "takes": "latlon"}, True),
        ("without_gradient", {"array": "torch"}, False),
        ("sphere", {}, False),
        ("through_numpy", {"array": "torch"}, False),
        ("of_parameters_alone", {"array": "torch"}, False),
    ],
)
def test_whether_gradients_are_kept(name, arguments, differentiable):
    assert own(name, **arguments).differentiable is differentiable


def test_the_jacobian_of_a_differentiable_callable():
    km = 6371.0088
    for encoder in (own("smooth"), own("smooth_function", array="torch"), own("locked", array="torch")):
        values = local_jacobian(encoder, lonlat())
        np.testing.assert_allclose(values, 1 / km, rtol=1e-9)
    # Weights in float32, converted inside: the derivative is that of float32, and no conversion of ours breaks it.
    closed = own("closes_over_float32", array="torch")
    assert closed.differentiable
    step, where = 1e-1, lonlat(5)
    east_step, north_step = np.array([step, 0]), np.array([0, step])
    east = (closed.embed(where + east_step) - closed.embed(where - east_step)) / (2 * step)
    north = (closed.embed(where + north_step) - closed.embed(where - north_step)) / (2 * step)
    per_km = 180 / np.pi / km
    jacobian = np.stack((east * per_km / np.cos(np.radians(where[:, 1:])), north * per_km), axis=2)
    expected = np.linalg.svd(jacobian, compute_uv=False)
    np.testing.assert_allclose(local_jacobian(closed, where), expected, rtol=0.05, atol=1e-3 * expected.max())


WRONG = [
    ("sphere", {"callable": "sphere"}, r"weights\.callable: 'sphere' must have the form module:callable"),
    ("sphere", {"callable": "a-b:sphere"}, r"must have the form module:callable"),
    ("sphere", {"callable": "own_test_none:sphere"}, r"weights\.callable: .*no module 'own_test_none'"),
    ("sphere", {"callable": "own_test_package.none:sphere"}, r"no module 'own_test_package\.none'"),
    (
        "sphere",
        {"callable": "own_test_needs:f"},
        r"weights\.callable: .*own_test_needs imports 'own_test_not_there', which is not installed",
    ),
    ("missing", {}, r"weights\.callable: .*own_test_encoders has no 'missing'"),
    ("number", {}, r"weights\.callable: .*is a int, which is not callable"),
    ("Smooth", {}, r"weights\.callable: .*is a class"),
    ("flat", {}, r"weights\.callable: .*returned the shape \(15,\) for 15 places; it must be \(15, d\)"),
    ("transposed", {}, r"returned the shape \(2, 15\)"),
    ("squeezed", {}, r"returned the shape \(2,\) for 1 places"),
    ("empty", {}, r"returned the shape \(15, 0\)"),
    ("words", {}, r"weights\.callable: .*the list that it returned: must hold real numbers, holds text"),
    ("nothing", {}, r"the NoneType that it returned: must hold real numbers, holds object"),
    ("masked_sea", {}, r"that it returned: 7 of 15 rows hold values that are masked"),
    ("complex_numbers", {}, r"returned: must hold real numbers, holds complex128"),
    ("complex_tensor", {}, r"complex128, not numbers"),
    ("holes", {}, r"weights\.callable: .*not finite at 3 of 15 places, the first at longitude 112\.5"),
    ("europe", {}, r"not finite at \d+ of 15"),
    ("noisy", {}, r"weights\.callable: .*repeated calls"),
    ("through_dropout", {}, r"repeated calls"),
    ("through_batch_norm", {}, r"weights\.callable: .*in its batch"),
    ("sphere", {"takes": "latitude"}, r"weights\.takes: 'latitude' is not one of lonlat"),
    ("sphere", {"units": "grad"}, r"weights\.units"),
    ("sphere", {"dtype": "float16"}, r"weights\.dtype"),
    ("sphere", {"array": "jax"}, r"weights\.array"),
    ("sphere", {"batch": 0}, r"weights\.batch"),
    ("sphere", {"places": [[0, 0]]}, r"weights\.places: must be two or more"),
    ("sphere", {"places": [[0, 0], [0, 95]]}, r"weights\.places"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_invalid_callables_are_errors_that_name_the_key(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        own(name, **arguments)


@pytest.mark.parametrize(
    ("name", "message"), [("raises", "my own trouble"), ("through_training", "more than 1 value")]
)
def test_errors_of_user_code_are_kept_with_a_note_on_the_key(name, message):
    with pytest.raises((RuntimeError, ValueError), match=message) as caught:
        own(name)
    assert caught.value.__notes__ == [f"weights.callable: 'own_test_encoders:{name}': raised this"]


def test_a_regional_encoder_is_checked_inside_its_region():
    encoder = own("europe", places=[[0, 40], [10, 50], [20, 60]])
    np.testing.assert_array_equal(encoder.embed(np.array([[5.0, 45.0]])), [[5.0, 45.0]])
    with pytest.raises(FloatingPointError, match="not finite"):
        encoder.embed(np.array([[100.0, 45.0]]))


def test_a_checkpoint_of_another_encoder_is_rejected():
    encoder = own("network", dtype="float32")
    state = dict(encoder.state_dict())
    assert list(state) == ["witness"]
    own("network", dtype="float32").load_state_dict(state)
    np.testing.assert_array_equal(state["witness"].shape, (15, 3))
    with pytest.raises(ValueError, match=r"weights\.callable: .*its embeddings differ"):
        own("sphere").load_state_dict(state)
    drifted = {"witness": state["witness"] * (1 + 1e-3)}
    with pytest.raises(ValueError, match="its embeddings differ"):
        encoder.load_state_dict(drifted)
    with pytest.raises(RuntimeError, match="witness"):
        encoder.load_state_dict({})


def test_the_state_goes_through_a_checkpoint(tmp_path):
    encoder = own("network", dtype="float32")
    save_checkpoint(encoder.state_dict(), tmp_path / "checkpoint.safetensors", {})
    own("network", dtype="float32").load_state_dict(open_checkpoint(tmp_path / "checkpoint.safetensors"))


def test_conversions_of_a_copy_do_not_affect_the_users_module():
    import own_test_encoders

    encoder = own("network", dtype="float32")
    twin = copy.deepcopy(encoder).double().requires_grad_(False)
    np.testing.assert_array_equal(twin.embed(lonlat()), encoder.embed(lonlat()))
    assert all(p.dtype == torch.float32 for p in own_test_encoders.network.parameters())


def test_a_leaf_fits_the_target():
    leaf = {
        "_target_": TARGET, "callable": "a:b", "takes": "lonlat", "units": "degrees", "dtype": "float64",
        "array": None, "batch": 8, "places": None, "files": [],
    }  # fmt: skip
    check_target(leaf, "weights")
    with pytest.raises(ValueError, match="colour"):
        check_target({**leaf, "colour": 1}, "weights")


def test_an_array_of_any_library_is_taken():
    place = np.array([[30.0, -60.0], [10.0, 20.0]])
    np.testing.assert_array_equal(own("series").embed(place), np.radians(place).astype(np.float32))


def test_fill_values_of_a_callable_are_rejected():
    encoder = own("sea_of_fill", places=[[0, 0], [10, 20]])
    places = np.column_stack([np.linspace(-179, 179, 100), np.linspace(-80, 80, 100)])
    with pytest.raises(
        ValueError, match=r"weights\.callable: .*: -9999 in every feature of 6 of 100 rows looks like no"
    ):
        encoder.embed(places)
    assert len(encoder.embed(places[10:])) == 90
