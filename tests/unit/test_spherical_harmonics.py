import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y

from earthdim.encodings.spherical_harmonics import SphericalHarmonics

EDGES = [[0.0, 90.0], [77.0, -90.0], [180.0, 0.0], [-180.0, 0.0], [180.0, -45.0], [0.0, 0.0], [33.0, 89.999]]


def points(n=200):
    rng = np.random.default_rng(0)
    random = np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))
    return torch.from_numpy(np.vstack((random, EDGES)))


def reference(lonlat, degrees):
    longitude, latitude = np.radians(lonlat.numpy()).T
    columns = []
    for degree in range(degrees):
        for order in range(-degree, degree + 1):
            value = sph_harm_y(degree, abs(order), np.pi / 2 - latitude, longitude)
            part = value.imag if order < 0 else value.real
            columns.append(part if order == 0 else np.sqrt(2) * part)
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("legendre_polys", [1, 2, 3, 40])
def test_equals_scipy(legendre_polys):
    encoding = SphericalHarmonics(legendre_polys, scale="orthonormal")
    encoded = encoding(points())
    assert encoded.dtype == torch.float32
    assert encoded.shape == (207, encoding.width) == (207, legendre_polys**2)
    np.testing.assert_allclose(encoded, reference(points(), legendre_polys), atol=2e-7)


@pytest.mark.parametrize(
    ("scale", "mean_square"),
    [("unit-variance", 1.0), ("orthonormal", 1 / (4 * np.pi)), ("unit-norm", 1 / 144)],
)
def test_gram_matrix_over_the_sphere(scale, mean_square):
    sine, weight = np.polynomial.legendre.leggauss(16)
    longitude = np.arange(32) * 360 / 32 - 180
    lonlat = np.stack(np.meshgrid(longitude, np.degrees(np.arcsin(sine))), axis=-1).reshape(-1, 2)
    area = np.repeat(weight / 2, 32) / 32
    encoded = SphericalHarmonics(12, scale=scale)(torch.from_numpy(lonlat)).double().numpy()
    gram = encoded.T @ (area[:, None] * encoded)
    np.testing.assert_allclose(gram, mean_square * np.eye(144), atol=1e-6)


def test_addition_theorem_at_high_degree():
    encoded = SphericalHarmonics(120)(points(20)).double()
    degree = torch.arange(120).repeat_interleave(2 * torch.arange(120) + 1)
    power = torch.zeros(len(encoded), 120, dtype=torch.float64).index_add_(1, degree, encoded**2)
    np.testing.assert_allclose(power, np.broadcast_to(2 * np.arange(120) + 1, power.shape), rtol=1e-6)


@pytest.mark.parametrize("legendre_polys", [1, 5, 40])
def test_unit_norm_is_the_norm_of_every_point(legendre_polys):
    encoded = SphericalHarmonics(legendre_polys, scale="unit-norm")(points())
    np.testing.assert_allclose(encoded.norm(dim=1), 1, rtol=1e-5)


def test_no_seam_at_the_date_line_and_one_value_at_a_pole():
    encoding = SphericalHarmonics(40)
    west, east = encoding(torch.tensor([[-180.0, 12.0], [180.0, 12.0]], dtype=torch.float64))
    np.testing.assert_allclose(west, east, atol=1e-5)
    pole = encoding(torch.tensor([[0.0, 90.0], [123.0, 90.0]], dtype=torch.float64))
    np.testing.assert_allclose(pole[0], pole[1], atol=1e-6)


def test_differentiable_in_the_coordinates():
    lonlat = torch.tensor([[20.0, 40.0]], dtype=torch.float64)
    encoding = SphericalHarmonics(10)
    jacobian = torch.autograd.functional.jacobian(encoding, lonlat)[0, :, 0]
    step = 0.01
    for axis in range(2):
        shift = torch.zeros(1, 2, dtype=torch.float64)
        shift[0, axis] = step
        difference = (encoding(lonlat + shift) - encoding(lonlat - shift))[0] / (2 * step)
        np.testing.assert_allclose(jacobian[:, axis], difference, atol=2e-4)


def test_wavelength_is_that_of_the_highest_degree():
    assert SphericalHarmonics(11).shortest_wavelength_km == pytest.approx(4003.017, abs=0.01)
    assert SphericalHarmonics(11).nominal_wavelength_km == SphericalHarmonics(11).shortest_wavelength_km
    assert SphericalHarmonics(1).shortest_wavelength_km is None


@pytest.mark.parametrize("legendre_polys", [0, -1, 2.5, True, "10"])
def test_bad_number_of_degrees(legendre_polys):
    with pytest.raises(ValueError, match="legendre_polys"):
        SphericalHarmonics(legendre_polys)


def test_bad_scale():
    with pytest.raises(ValueError, match="scale"):
        SphericalHarmonics(3, scale="schmidt")
