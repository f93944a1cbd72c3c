import numpy as np
import pytest
import torch

from earthdim import geo
from earthdim.encoders.encodings.wavelets import Wavelets

DILATIONS = [1.0, 0.4, 0.15]
ROTATIONS = 12


def points(n=300):
    rng = np.random.default_rng(0)
    return np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))


def by_projection(encoding, lonlat):
    """The features by angles and azimuths, through the dilation operator itself."""
    columns = []
    for scale in encoding.dilations.tolist():
        for centre, direction in zip(encoding.centres.numpy(), encoding.directions.numpy(), strict=True):
            vectors = geo.unit_vectors(lonlat)
            theta = np.arccos(np.clip(vectors @ centre, -1, 1))
            azimuth = np.arctan2(vectors @ np.cross(centre, direction), vectors @ direction)
            dilated = 2 * np.arctan(np.tan(theta / 2) / scale)
            cocycle = 2 * scale / ((scale**2 - 1) * np.cos(theta) + scale**2 + 1)
            radius = np.tan(dilated / 2)
            if encoding.mother == "morlet":
                plane = np.cos(encoding.wavenumber * radius * np.cos(azimuth)) * np.exp(-(radius**2) / 2)
            else:
                plane = (1 - (2 * radius) ** 2 / 2) * np.exp(-((2 * radius) ** 2) / 2)
            columns.append(scale * cocycle * plane * 2 / (1 + np.cos(dilated)))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("mother", ["morlet", "mexican-hat"])
def test_is_the_dilation_of_a_lifted_planar_wavelet(mother):
    encoding = Wavelets(DILATIONS, ROTATIONS, mother=mother)
    values = encoding.wavelets(torch.from_numpy(points())).numpy()
    np.testing.assert_allclose(values, by_projection(encoding, points()), atol=1e-9)


@pytest.mark.parametrize("mother", ["morlet", "mexican-hat"])
def test_one_at_the_centre_and_zero_at_the_antipode(mother):
    encoding = Wavelets(DILATIONS, ROTATIONS, mother=mother)
    centres = encoding.centres.numpy()
    at = encoding(torch.from_numpy(geo.lonlat_of(centres))).numpy().reshape(ROTATIONS, 3, ROTATIONS)
    opposite = encoding(torch.from_numpy(geo.lonlat_of(-centres))).numpy().reshape(ROTATIONS, 3, ROTATIONS)
    for number in range(ROTATIONS):
        np.testing.assert_allclose(at[number, :, number], 1, atol=1e-6)
        np.testing.assert_array_equal(opposite[number, :, number], 0)


@pytest.mark.parametrize("mother", ["morlet", "mexican-hat"])
@pytest.mark.parametrize("dilation", [0.8, 0.2])
def test_norm_does_not_depend_on_the_dilation_but_for_the_height(mother, dilation):
    sine, weight = np.polynomial.legendre.leggauss(120)
    longitude = np.arange(240) * 1.5 - 180
    lonlat = np.stack(np.meshgrid(longitude, np.degrees(np.arcsin(sine))), axis=-1).reshape(-1, 2)
    area = np.repeat(weight, 240)[:, None] / 240
    values = Wavelets([1.0, dilation], 1, mother=mother).wavelets(torch.from_numpy(lonlat)).numpy()
    mother_norm, norm = np.sqrt((area * values**2).sum(axis=0))
    assert norm == pytest.approx(dilation * mother_norm, rel=1e-6)


def test_lattice_is_even_and_its_directions_are_tangents_of_every_bearing():
    encoding = Wavelets([0.5], 200)
    centres, directions = encoding.centres.numpy(), encoding.directions.numpy()
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    np.testing.assert_allclose(np.sum(centres * directions, axis=1), 0, atol=1e-12)
    nearest = np.sort(np.arccos(np.clip(centres @ centres.T, -1, 1)), axis=1)[:, 1]
    assert nearest.min() > 0.75 * np.sqrt(4 * np.pi / 200)
    np.testing.assert_allclose(centres.mean(axis=0), 0, atol=0.01)
    # A direction and its opposite give the same wavelet: bearings count twice over.
    east = np.stack((-centres[:, 1], centres[:, 0], np.zeros(200)), axis=1)
    cosine = np.sum(directions * east, axis=1) / np.linalg.norm(east, axis=1)
    assert abs(np.mean(2 * cosine**2 - 1)) < 0.05


def test_published_size():
    assert Wavelets([1.0, 0.5, 0.25]).width == 225
    assert not Wavelets([1.0]).state_dict()


def test_nominal_wavelength_is_that_of_the_finest_wavelets():
    # Along the direction of a wavelet, near its centre: cos(6 tan(theta / 2) / a) turns once in 4 pi a / 6 radians.
    assert Wavelets([1.0, 0.06]).nominal_wavelength_km == pytest.approx(2 * 0.06 / 6 * 40030.23, rel=1e-6)
    encoding = Wavelets([0.06], 1)
    centre, direction = encoding.centres.numpy()[0], encoding.directions.numpy()[0]
    angle = encoding.nominal_wavelength_km / geo.EARTH_RADIUS_KM * np.array([0.0, 0.25, 0.5])
    vectors = np.cos(angle)[:, None] * centre + np.sin(angle)[:, None] * direction
    wave = encoding.wavelets(torch.from_numpy(geo.lonlat_of(vectors))).numpy()[:, 0]
    np.testing.assert_allclose(np.sign(wave.round(3)), [1, 0, -1])
    assert Wavelets([0.1], mother="mexican-hat").nominal_wavelength_km == pytest.approx(
        0.1 / 2**0.5 * 40030.23, rel=1e-6
    )


@pytest.mark.parametrize("dilations", [[], [0.0], [0.5, -0.1], [1.5], [float("nan")]])
def test_bad_dilations(dilations):
    with pytest.raises(ValueError, match="dilations"):
        Wavelets(dilations)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rotations", 0),
        ("rotations", 7.5),
        ("mother", "haar"),
        ("wavenumber", 0.0),
        ("wavenumber", float("inf")),
    ],
)
def test_bad_arguments_name_their_key(key, value):
    with pytest.raises(ValueError, match=key):
        Wavelets([0.5], **{key: value})
