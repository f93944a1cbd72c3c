import math

import numpy as np
import pytest
import torch

from earthdim.encoders.encodings.space2vec import Grid, Theory, geometric_scales

LONLAT = torch.tensor([[12.5, 41.9], [-180.0, -90.0], [180.0, 90.0], [0.0, 0.0]], dtype=torch.float64)


def test_features_scale_by_scale():
    grid = Grid(scales=3, min_scale=0.1, max_scale=10)
    encoded = grid(LONLAT)
    assert encoded.dtype == torch.float32
    assert encoded.shape == (4, grid.width) == (4, 12)
    longitude, latitude = LONLAT.numpy().T
    expected = []
    for scale in (0.1, 1.0, 10.0):
        for degrees in (longitude, latitude):
            expected += [np.sin(degrees / scale), np.cos(degrees / scale)]
    np.testing.assert_allclose(encoded, np.stack(expected, axis=1), atol=1e-6)


def test_nominal_wavelength_is_two_pi_times_the_smallest_scale():
    kilometres = 2 * math.pi * 0.1 * 111.195
    assert Grid(32, 0.1, 360).nominal_wavelength_km == pytest.approx(kilometres, abs=0.01)


def test_published_size():
    grid = Grid(scales=32, min_scale=0.1, max_scale=360)
    assert grid.width == 128
    assert not grid.state_dict()


def test_theory_projects_onto_three_directions():
    encoding = Theory(scales=3, min_scale=0.1, max_scale=10)
    encoded = encoding(LONLAT)
    assert encoded.dtype == torch.float32
    assert encoded.shape == (4, encoding.width) == (4, 18)
    assert not encoding.state_dict()
    longitude, latitude = LONLAT.numpy().T
    half = math.sqrt(3) / 2
    along = (longitude, -longitude / 2 + half * latitude, -longitude / 2 - half * latitude)
    expected = [
        wave(degrees / scale) for scale in (0.1, 1.0, 10.0) for degrees in along for wave in (np.cos, np.sin)
    ]
    np.testing.assert_allclose(encoded, np.stack(expected, axis=1), atol=1e-6)


def test_theory_wavelengths():
    kilometres = 2 * math.pi * 111.195
    assert Theory(32, 0.1, 360).nominal_wavelength_km == pytest.approx(0.1 * kilometres, abs=0.01)
    # Scales 1 and 3 give the wavelengths 1, 2, 2, 3, 6 and 6 scales: the 5th percentile is a quarter from 1 to 2.
    assert Theory(2, 1, 3).shortest_wavelength_km == pytest.approx(1.25 * kilometres, rel=1e-5)


def test_scales_grow_by_one_factor_from_the_smallest_to_the_largest():
    np.testing.assert_allclose(geometric_scales(4, 0.5, 4), [0.5, 1, 2, 4])


@pytest.mark.parametrize("encoding", [Grid, Theory])
@pytest.mark.parametrize("scales", [0, 1, 2.0, True])
def test_bad_number_of_scales(encoding, scales):
    with pytest.raises(ValueError, match="scales"):
        encoding(scales, 1, 10)


@pytest.mark.parametrize("encoding", [Grid, Theory])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (2, 1), (1, 1), (1, math.inf), (math.nan, 1)])
def test_bad_range_of_scales(encoding, low, high):
    with pytest.raises(ValueError, match="min_scale"):
        encoding(4, low, high)
