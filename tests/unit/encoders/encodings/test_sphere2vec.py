import math

import numpy as np
import pytest
import torch

from earthdim.encoders.encodings import sphere2vec
from earthdim.encoders.encodings.sphere2vec import (
    DoubleFourierSphere,
    SphereC,
    SphereCPlus,
    SphereM,
    SphereMPlus,
)

LONLAT = np.array([[12.5, 41.9], [-180.0, -90.0], [180.0, 90.0], [0.0, 0.0], [-90.0, 30.0]])
LOWEST, HIGHEST = 2.0, 50.0
SCALES = (2.0, 10.0, 50.0)
LON, LAT = np.radians(LONLAT).T


def scaled():
    """(sin, cos) of longitude and of latitude over every scale: degrees over degrees."""
    for scale in SCALES:
        lon, lat = LONLAT.T / scale
        yield np.sin(lon), np.cos(lon), np.sin(lat), np.cos(lat)


def sphere_c():
    return [[sp, cp * cl, cp * sl] for sl, cl, sp, cp in scaled()]


def sphere_m():
    cos_lat, cos_lon, sin_lon = np.cos(LAT), np.cos(LON), np.sin(LON)
    return [[sp, cp * cos_lon, cos_lat * cl, cp * sin_lon, cos_lat * sl] for sl, cl, sp, cp in scaled()]


def grid():
    return [[cp, sl, cl] for sl, cl, _, cp in scaled()]


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        (SphereC, sphere_c()),
        (SphereM, sphere_m()),
        (SphereCPlus, [own + added for own, added in zip(sphere_c(), grid(), strict=True)]),
        (SphereMPlus, [own + added for own, added in zip(sphere_m(), grid(), strict=True)]),
    ],
)
def test_features_scale_by_scale(encoding, expected):
    encoded = encoding(3, LOWEST, HIGHEST)(torch.from_numpy(LONLAT))
    np.testing.assert_allclose(
        encoded, np.stack([term for terms in expected for term in terms], axis=1), atol=1e-6
    )


def test_double_fourier_sphere_has_all_products():
    waves = list(scaled())
    singles = [[wave[kind] for wave in waves] for kind in (2, 3, 0, 1)]
    products = [[cp * cl, cp * sl, sp * cl, sp * sl] for _, _, sp, cp in waves for sl, cl, _, _ in waves]
    expected = np.stack([column for part in (*singles, *products) for column in part], axis=1)
    encoded = DoubleFourierSphere(3, LOWEST, HIGHEST)(torch.from_numpy(LONLAT))
    assert expected.shape == encoded.shape == (5, 4 * 3**2 + 4 * 3)
    np.testing.assert_allclose(encoded, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("encoding", "width"),
    [(SphereC, 96), (SphereM, 160), (SphereCPlus, 192), (SphereMPlus, 256), (DoubleFourierSphere, 4224)],
)
def test_published_widths(encoding, width):
    built = encoding(32, 0.1, math.degrees(1))
    assert built.width == width
    assert not built.state_dict()


@pytest.mark.parametrize("encoding", [SphereC, SphereM])
def test_the_scale_of_one_radian_is_the_unit_vector(encoding):
    last = encoding(4, 1.0, math.degrees(1))(torch.from_numpy(LONLAT))[:, -encoding(4, 1.0, 2.0).width // 4 :]
    unit = [np.sin(LAT), np.cos(LAT) * np.cos(LON), np.cos(LAT) * np.sin(LON)]
    np.testing.assert_allclose(last[:, :2], np.stack(unit[:2], axis=1), atol=1e-6)
    np.testing.assert_allclose(last[:, -1], unit[2], atol=1e-6)


@pytest.mark.parametrize("name", ["SphereC", "SphereM", "SphereCPlus", "SphereMPlus", "DoubleFourierSphere"])
def test_bad_arguments(name):
    encoding = getattr(sphere2vec, name)
    for scales in (1, 2.0, "4", True):
        with pytest.raises(ValueError, match="scales must be"):
            encoding(scales, 1.0, 10.0)
    with pytest.raises(ValueError, match="min_scale and max_scale"):
        encoding(4, 10.0, 1.0)
    assert encoding(4, 1.0, 10.0).nominal_wavelength_km == pytest.approx(2 * math.pi * 111.195, rel=1e-5)
