import numpy as np
import pytest
import torch
from pyproj import Proj

from earthdim.encoders.encodings.fourier import EqualEarthFourier, equal_earth

LONLAT = torch.tensor(
    [[0.0, 0.0], [180.0, 0.0], [-180.0, 60.0], [12.5, 41.9], [-70.0, -33.0], [5.0, 90.0], [5.0, -90.0]],
    dtype=torch.float64,
)


def test_projection_is_equal_earth_of_the_unit_sphere():
    easting, northing = Proj(proj="eqearth", R=1)(*LONLAT.T.numpy())
    expected = np.stack((easting, northing), axis=1) * 66.50336 / 180
    np.testing.assert_allclose(equal_earth(LONLAT), expected, atol=1e-9)


def test_the_equator_is_two_long():
    assert equal_earth(LONLAT)[1, 0].item() == pytest.approx(1, abs=1e-6)


def test_features_are_cosines_then_sines_level_by_level():
    encoding = EqualEarthFourier(sigmas=[1, 16], features=8, seed=3)
    encoded = encoding(LONLAT)
    assert encoded.dtype == torch.float32
    assert encoded.shape == (7, encoding.width) == (7, 32)
    plane = equal_earth(LONLAT).numpy()
    for level, block in enumerate((encoded[:, :16], encoded[:, 16:])):
        phase = 2 * np.pi * plane @ encoding.frequencies[level].numpy().T
        np.testing.assert_allclose(block, np.hstack((np.cos(phase), np.sin(phase))), atol=1e-6)


def test_frequencies_have_the_sigmas_and_share_their_normal_numbers():
    frequencies = EqualEarthFourier(sigmas=[1, 16, 256], features=2000, seed=0).frequencies
    np.testing.assert_allclose(frequencies.std(dim=(1, 2)), [1, 16, 256], rtol=0.05)
    other = EqualEarthFourier(sigmas=[2, 16, 64], features=2000, seed=0).frequencies
    np.testing.assert_allclose(other, frequencies * torch.tensor([2, 1, 0.25])[:, None, None])
    assert not torch.equal(EqualEarthFourier([1, 16, 256], 2000, seed=1).frequencies, frequencies)


def test_global_random_state_is_neither_read_nor_written():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = EqualEarthFourier([4], 16, seed=0).frequencies
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    assert torch.equal(EqualEarthFourier([4], 16, seed=0).frequencies, first)


def test_checkpoint_carries_the_frequencies_and_with_them_the_wavelength():
    saved, other = EqualEarthFourier([1, 16], 32, seed=0), EqualEarthFourier([1, 16], 32, seed=1)
    assert other.shortest_wavelength_km != saved.shortest_wavelength_km
    other.load_state_dict(saved.state_dict())
    assert torch.equal(other(LONLAT), saved(LONLAT))
    assert other.shortest_wavelength_km == saved.shortest_wavelength_km


def test_nominal_wavelength_is_one_sigma_of_the_finest_level():
    assert EqualEarthFourier([256, 1, 16], 4, seed=0).nominal_wavelength_km == pytest.approx(78.18, abs=0.01)


@pytest.mark.parametrize("sigmas", [[], [0], [1, -2], [float("nan")], [float("inf")]])
def test_bad_sigmas(sigmas):
    with pytest.raises(ValueError, match="sigmas"):
        EqualEarthFourier(sigmas, 4, seed=0)


@pytest.mark.parametrize("features", [0, 1.5, True])
def test_bad_number_of_features(features):
    with pytest.raises(ValueError, match="features"):
        EqualEarthFourier([1], features, seed=0)
