import copy
import math

import numpy as np
import pytest
import torch
import yaml
from places import CONFIG
from torch import nn

from earthdim.data.samples.area import sphere
from earthdim.encoders.encodings.base import Encoding
from earthdim.encoders.location import LocationEncoder, build_encoder
from earthdim.estimation import jacobian
from earthdim.estimation.jacobian import local_jacobian, summarise
from earthdim.geo import EARTH_RADIUS_KM, offset_km
from earthdim.storage.schema import ESTIMATE

# One recipe per encoding and network.
MODELS = ("satclip", "geoclip", "csp")
LONLAT = np.concatenate(
    [sphere(40, np.random.default_rng(0)), [[180, 0], [-180, 50], [20, 89.9], [0, -89.999]]]
)


class Formula(Encoding):
    """A function of longitude and latitude in radians, rounded to float32 as all encodings are."""

    def __init__(self, function, width):
        super().__init__()
        self.function, self.width = function, width

    def forward(self, lonlat):
        return torch.stack(self.function(*torch.deg2rad(lonlat).unbind(1)), dim=1).float()


def encoder_of(function, width, matrix=None):
    network = nn.Linear(width, width, bias=False)
    network.outputs = width
    with torch.no_grad():
        network.weight.copy_(torch.eye(width) if matrix is None else torch.from_numpy(matrix))
    return LocationEncoder(Formula(function, width), network)


def unit_vectors(lon, lat):
    return torch.cos(lat) * torch.cos(lon), torch.cos(lat) * torch.sin(lon), torch.sin(lat)


def circle(lon, lat):
    return torch.cos(4 * lon), torch.sin(4 * lon), torch.zeros_like(lat)


def rotation(width):
    return np.linalg.qr(np.random.default_rng(1).normal(size=(width, width)))[0].astype(np.float32)


def built(name, **network):
    model = yaml.safe_load((CONFIG / "model" / f"{name}.yaml").read_text())
    return build_encoder({**model, "network": {**model["network"], **network}}, seed=0)


def test_the_unit_sphere_is_isometric():
    values = local_jacobian(encoder_of(unit_vectors, 3), LONLAT)
    np.testing.assert_allclose(values, 1 / EARTH_RADIUS_KM, rtol=1e-12)
    rows = summarise(values).set_index("estimator")["value"]
    assert rows["jacobian-rank"] == 2
    assert rows["jacobian-participation-ratio"] == pytest.approx(2, abs=1e-12)


def test_an_encoder_of_longitude_is_a_curve():
    lonlat = LONLAT[:40]
    values = local_jacobian(encoder_of(circle, 3), lonlat)
    speed = 4 / (EARTH_RADIUS_KM * np.cos(np.radians(lonlat[:, 1])))
    np.testing.assert_allclose(values[:, 0], speed, rtol=1e-12)
    np.testing.assert_allclose(values[:, 1], 0, atol=1e-18)
    rows = summarise(values).set_index("estimator")["value"]
    assert rows.tolist() == pytest.approx([1, 1])


def test_plate_carree_has_the_known_scale_factors():
    values = local_jacobian(encoder_of(lambda lon, lat: (lon, 3 * lat), 2), LONLAT)
    east, north = 1 / np.cos(np.radians(LONLAT[:, 1])), np.full(len(LONLAT), 3.0)
    expected = np.stack([np.maximum(east, north), np.minimum(east, north)], axis=1) / EARTH_RADIUS_KM
    np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_an_isometry_of_the_embedding_changes_nothing():
    def bent(lon, lat):
        return torch.sin(3 * lon), torch.cos(2 * lat), torch.sin(lon * lat), lat

    plain = local_jacobian(encoder_of(bent, 4), LONLAT)
    np.testing.assert_allclose(local_jacobian(encoder_of(bent, 4, rotation(4)), LONLAT), plain, rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_derivatives_equal_central_differences(name):
    encoder, lonlat, step = built(name), LONLAT[:6], 2e-4
    function = jacobian._in_float64(encoder)
    around = offset_km(lonlat, [step, -step, 0, 0], [0, 0, step, -step])
    with torch.no_grad():
        values = function(torch.from_numpy(around.reshape(-1, 2))).unflatten(0, (-1, 4)).numpy()
    differences = np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 3]], axis=2) / (2 * step)
    expected = np.linalg.svd(differences, compute_uv=False)
    np.testing.assert_allclose(local_jacobian(encoder, lonlat), expected, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_in_float64_the_encoder_is_the_same(name):
    encoder = built(name)
    found = jacobian._in_float64(encoder)(torch.from_numpy(LONLAT))
    assert found.dtype == torch.float64
    embedded = encoder.embed(LONLAT)
    np.testing.assert_allclose(found.numpy(), embedded, atol=2e-4 * np.abs(embedded).max())


def test_the_encoder_is_not_modified():
    encoder = built("csp", dropout=0.5).train()
    before = copy.deepcopy(encoder.state_dict())
    local_jacobian(encoder, LONLAT[:3])
    assert encoder.training
    assert encoder.network.training
    assert {name: tensor.dtype for name, tensor in encoder.state_dict().items()} == {
        name: tensor.dtype for name, tensor in before.items()
    }
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    # Dropout is off: the values are the same again.
    np.testing.assert_array_equal(local_jacobian(encoder, LONLAT[:3]), local_jacobian(encoder, LONLAT[:3]))


def test_the_result_does_not_depend_on_the_batch():
    encoder = built("satclip")
    np.testing.assert_allclose(
        local_jacobian(encoder, LONLAT, batch=7), local_jacobian(encoder, LONLAT), rtol=1e-9
    )
    with pytest.raises(ValueError, match="batch"):
        local_jacobian(encoder, LONLAT, batch=0)


@pytest.mark.parametrize("latitude", [90, -90])
def test_a_pole_raises(latitude):
    with pytest.raises(ValueError, match=r"lonlat: 1 points are poles.*the first is 2"):
        local_jacobian(encoder_of(unit_vectors, 3), [[0, 0], [1, 1], [0, latitude]])


def test_a_derivative_that_is_not_finite_raises():
    with pytest.raises(FloatingPointError, match="no finite derivative"):
        local_jacobian(encoder_of(lambda lon, lat: (torch.sqrt(lon), lat), 2), [[0.0, 10.0]])


def test_summaries_match_hand_calculation():
    rows = summarise(np.array([[1.0, 1.0], [2.0, 1.0], [5.0, 0.0], [1.0, 1e-7]]))
    assert tuple(rows.columns) == ESTIMATE
    assert rows["estimator"].tolist() == ["jacobian-rank", "jacobian-participation-ratio"]
    # Ranks 2, 2, 1, 1; participation ratios 2, 25/17, 1, 1.
    assert rows["value"].tolist() == pytest.approx([1.5, (2 + 25 / 17 + 2) / 4])
    assert rows["interval"].tolist() == ["", "t over 4 points"]
    margin = 3.182446305284263 * np.std([2, 25 / 17, 1, 1], ddof=1) / 2
    assert rows["high"][1] - rows["value"][1] == pytest.approx(margin)
    assert math.isnan(rows["low"][0])


def test_a_constant_encoder_raises():
    with pytest.raises(ValueError, match="does not vary at 1 of 2 points; the first is 1"):
        summarise(np.array([[1.0, 0.5], [0.0, 0.0]]))
