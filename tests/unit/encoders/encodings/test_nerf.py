import numpy as np
import pytest
import torch

from earthdim.encoders.encodings.nerf import NeRF

LONLAT = np.array([[12.5, 41.9], [0.0, 90.0], [-180.0, 0.0], [60.0, -30.0]])


def test_features_octave_by_octave():
    lon, lat = np.radians(LONLAT).T
    vector = np.stack((np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)), axis=1)
    expected = [wave(2**octave * np.pi * vector) for octave in range(4) for wave in (np.sin, np.cos)]
    np.testing.assert_allclose(NeRF(4)(torch.from_numpy(LONLAT)), np.hstack(expected), atol=2e-6)


def test_published_size():
    assert NeRF(10).width == 60
    assert not NeRF(10).state_dict()


def test_each_octave_halves_the_wavelength():
    assert NeRF(1).nominal_wavelength_km == pytest.approx(2 * 6371.0088)
    assert NeRF(6).nominal_wavelength_km == pytest.approx(2 * 6371.0088 / 32)


@pytest.mark.parametrize("octaves", [0, -1, 2.0, True, "6"])
def test_bad_number_of_octaves(octaves):
    with pytest.raises(ValueError, match="octaves"):
        NeRF(octaves)
