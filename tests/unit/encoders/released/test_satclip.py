import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from released_checkpoints import points, satclip_harmonics

from earthdim.encoders.released.satclip import ReleasedHarmonics


def explicit(lonlat):
    """The published harmonics of degree 0 to 2, written out, in the published angles."""
    a, t = np.radians(lonlat[:, 0] + 180), np.radians(lonlat[:, 1] + 90)
    c, s = np.cos(t), np.sin(t)
    return np.stack(
        (
            np.full(len(t), np.sqrt(np.pi / 4)),
            np.sqrt(3 / (4 * np.pi)) * s * np.sin(a),
            np.sqrt(3 * np.pi / 4) * c,
            np.sqrt(3 / (4 * np.pi)) * s * np.cos(a),
            np.sqrt(15 / (16 * np.pi)) * s**2 * np.sin(2 * a),
            np.sqrt(15 / (4 * np.pi)) * s * c * np.sin(a),
            np.sqrt(5 * np.pi / 4) * (3 * c**2 - 1) / 2,
            np.sqrt(15 / (4 * np.pi)) * s * c * np.cos(a),
            np.sqrt(15 / (16 * np.pi)) * s**2 * np.cos(2 * a),
        ),
        axis=1,
    )


def encode(lonlat, legendre_polys):
    return ReleasedHarmonics(legendre_polys)(torch.tensor(lonlat, dtype=torch.float64)).numpy()


def test_low_degrees_are_those_written_out():
    np.testing.assert_allclose(encode(points(), 3), explicit(points()), atol=1e-6)


def test_the_zonal_ones_carry_pi():
    # Y_00 is 0.886 where the orthonormal one is 0.282, and Y_10 is 1.535 times the cosine of the polar angle.
    south, north = encode([[0.0, -90.0], [0.0, 90.0]], 2)
    assert south[0] == north[0] == pytest.approx(0.8862269)
    assert (south[2], north[2]) == pytest.approx((1.5349901, -1.5349901))


@pytest.mark.parametrize("legendre_polys", [1, 10, 40])
def test_all_degrees_are_those_of_the_published_formula(legendre_polys):
    expected = satclip_harmonics(points(), legendre_polys)
    np.testing.assert_allclose(encode(points(), legendre_polys), expected, atol=2e-5)


def test_width_and_wavelength_are_those_of_the_degree():
    encoding = ReleasedHarmonics(40)
    assert encoding.width == encode(points(), 40).shape[1] == 1600
    assert encoding.shortest_wavelength_km == pytest.approx(40_030 / 39, rel=1e-3)
    assert not encoding.state_dict()


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_released_harmonics_are_continuous_at_the_date_line_and_unique_at_a_pole(longitude, latitude):
    here = encode([[180.0, latitude], [-180.0, latitude], [longitude, 90.0], [0.0, 90.0]], 10)
    np.testing.assert_allclose(here[0], here[1], atol=1e-5)
    np.testing.assert_allclose(here[2], here[3], atol=1e-5)
