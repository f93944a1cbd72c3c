import numpy as np
import pytest
import torch

from earthdim import geo
from earthdim.encoders.encodings.slepian import SlepianCap, SlepianHybrid
from earthdim.encoders.encodings.spherical_harmonics import SphericalHarmonics

CAP = {"longitude": -70.0, "latitude": 35.0, "radius": 30.0}


def quadrature(degrees):
    """Longitudes, latitudes and areas (sum 4 pi) that integrate polynomials of twice the degree exactly."""
    sine, weight = np.polynomial.legendre.leggauss(degrees)
    longitude = np.arange(2 * degrees) * 180 / degrees - 180
    lonlat = np.stack(np.meshgrid(longitude, np.degrees(np.arcsin(sine))), axis=-1).reshape(-1, 2)
    return lonlat, np.repeat(weight, 2 * degrees) * np.pi / degrees


def cap_points(n, longitude, latitude, radius):
    """Points spread evenly over the cap, by their distance from the centre and azimuth."""
    number = np.arange(n)
    angle = np.arccos(1 - (number + 0.5) / n * (1 - np.cos(np.radians(radius))))
    azimuth = number * np.pi * (3 - np.sqrt(5))
    reach = geo.EARTH_RADIUS_KM * angle
    centre = np.array([[longitude, latitude]])
    return geo.offset_km(centre, reach * np.sin(azimuth), reach * np.cos(azimuth))[0]


def functions(encoding, lonlat):
    return encoding.functions(torch.from_numpy(lonlat)).numpy()


def test_orthonormal_over_the_sphere():
    encoding = SlepianCap(16, **CAP, scale="orthonormal")
    lonlat, area = quadrature(17)
    values = functions(encoding, lonlat)
    np.testing.assert_allclose(values.T @ (area[:, None] * values), np.eye(encoding.width), atol=1e-12)


@pytest.mark.parametrize("cap", [CAP, {"longitude": 170.0, "latitude": -90.0, "radius": 55.0}])
def test_the_share_within_the_cap_is_the_eigenvalue_and_they_are_orthogonal_there(cap):
    encoding = SlepianCap(12, **cap, scale="orthonormal")
    n = 10_000
    values = functions(encoding, cap_points(n, **cap))
    area = 2 * np.pi * (1 - np.cos(np.radians(cap["radius"])))
    np.testing.assert_allclose(values.T @ values * area / n, np.diag(encoding.eigenvalues), atol=2e-3)


def test_eigenvalues_are_those_of_the_concentration_matrix():
    cap = {"longitude": 0.0, "latitude": 90.0, "radius": 40.0}
    encoding = SlepianCap(10, **cap)
    # Gauss-Legendre in the sine of latitude over the cap alone: exact for products of harmonics of degree 9.
    node, weight = np.polynomial.legendre.leggauss(12)
    lowest = np.cos(np.radians(40))
    sine, weight = lowest + (1 - lowest) * (node + 1) / 2, weight * (1 - lowest) / 2
    longitude = np.arange(24) * 15.0
    lonlat = np.stack(np.meshgrid(longitude, np.degrees(np.arcsin(sine))), axis=-1).reshape(-1, 2)
    harmonics = SphericalHarmonics(10, "orthonormal").harmonics(torch.from_numpy(lonlat)).numpy()
    matrix = harmonics.T @ (np.repeat(weight, 24)[:, None] * 2 * np.pi / 24 * harmonics)
    expected = np.linalg.eigvalsh(matrix)[::-1]
    assert encoding.width == np.count_nonzero(expected > 0.1)
    np.testing.assert_allclose(encoding.eigenvalues, expected[: encoding.width], atol=1e-10)


def test_eigenvalues_descend_to_the_threshold_and_are_about_as_many_as_the_shannon_number():
    encoding = SlepianCap(30, **CAP)
    eigenvalues = encoding.eigenvalues.numpy()
    assert (np.diff(eigenvalues) <= 0).all()
    assert eigenvalues[0] > 0.999
    assert eigenvalues[-1] > 0.1
    assert encoding.shannon_number == pytest.approx(30**2 * (1 - np.cos(np.radians(30))) / 2)
    assert eigenvalues.sum() == pytest.approx(encoding.shannon_number, rel=0.02)
    more = SlepianCap(30, **CAP, threshold=0.01)
    assert more.width > encoding.width
    np.testing.assert_allclose(more.eigenvalues[: encoding.width], eigenvalues)
    assert more.eigenvalues[encoding.width] <= 0.1


def test_unit_norm_inside_and_nothing_far_outside():
    encoding = SlepianCap(30, **CAP, scale="unit-norm")
    inside = functions(encoding, cap_points(200, **{**CAP, "radius": 15.0}))
    np.testing.assert_allclose(np.linalg.norm(inside, axis=1), 1, atol=0.02)
    outside = functions(encoding, cap_points(200, longitude=110.0, latitude=-35.0, radius=100.0))
    assert np.linalg.norm(outside, axis=1).max() < 0.1


def test_the_best_function_is_highest_at_the_centre():
    encoding = SlepianCap(20, **CAP)
    lonlat = np.vstack(([[CAP["longitude"], CAP["latitude"]]], quadrature(20)[0]))
    assert np.argmax(np.abs(functions(encoding, lonlat)[:, 0])) == 0


def test_checkpoint_carries_the_functions():
    first, other = SlepianCap(10, **CAP), SlepianCap(10, **CAP)
    other.coefficients *= -1
    other.load_state_dict(first.state_dict())
    lonlat = torch.tensor([[-70.0, 30.0]], dtype=torch.float64)
    assert torch.equal(first(lonlat), other(lonlat))


def test_hybrid_is_harmonics_then_slepian_functions():
    hybrid = SlepianHybrid(20, **CAP, harmonics=10, scale="unit-norm")
    lonlat = torch.from_numpy(quadrature(6)[0])
    cap = SlepianCap(20, **CAP, scale="unit-norm")
    expected = torch.cat((SphericalHarmonics(10, "unit-norm")(lonlat), cap(lonlat)), dim=1)
    np.testing.assert_array_equal(hybrid(lonlat), expected)
    assert (
        hybrid.shortest_wavelength_km == cap.shortest_wavelength_km == pytest.approx(40030.23 / 19, rel=1e-6)
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("legendre_polys", 1),
        ("legendre_polys", 2.5),
        ("longitude", 181.0),
        ("latitude", -91.0),
        ("radius", 0.0),
        ("radius", 180.0),
        ("threshold", 0.0),
        ("threshold", 1.0),
        ("scale", "schmidt"),
        ("harmonics", 20),
        ("harmonics", 0),
    ],
)
def test_bad_arguments_name_their_key(key, value):
    with pytest.raises(ValueError, match=key):
        SlepianHybrid(**{"legendre_polys": 20, **CAP, key: value})


def test_a_cap_too_small_for_its_degrees_is_rejected():
    with pytest.raises(ValueError, match=r"threshold: no Slepian function .* above 0\.1; the best has 0\.0"):
        SlepianCap(3, 0.0, 0.0, 5.0)
