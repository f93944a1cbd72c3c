"""The wavelengths that encodings state, against the spectrum of their features along the equator."""

import numpy as np
import pytest
import torch

from earthdim.encodings.fourier import EqualEarthFourier
from earthdim.encodings.space2vec import Grid
from earthdim.encodings.spherical_harmonics import SphericalHarmonics

CIRCUMFERENCE_KM = 2 * np.pi * 6371.0088


def along_the_equator(encoding, samples):
    longitude = (np.arange(samples) / samples - 0.5) * 360
    lonlat = torch.from_numpy(np.column_stack((longitude, np.zeros(samples))))
    return encoding(lonlat).double().numpy()


def dominant_wavelengths_km(encoding, samples=4096, pad=8):
    """One for each sine-cosine pair of features that varies along the equator."""
    features = along_the_equator(encoding, samples)
    features = features[:, np.ptp(features, axis=0) > 1e-3]
    spectrum = np.abs(np.fft.rfft(features * np.hanning(samples)[:, None], n=samples * pad, axis=0))
    # Below two cycles the window's own lobe hides the line; only the short wavelengths are asked for.
    cycles = np.maximum(np.argmax(spectrum[2 * pad :], axis=0) + 2 * pad, 1) / pad
    return np.sort(CIRCUMFERENCE_KM / cycles)[::2]


@pytest.mark.parametrize(
    "encoding",
    [
        EqualEarthFourier(sigmas=[1, 8, 64], features=64, seed=0),
        EqualEarthFourier(sigmas=[32], features=64, seed=1),
        Grid(scales=32, min_scale=0.5, max_scale=360),
        Grid(scales=16, min_scale=3, max_scale=360),
    ],
    ids=["fourier-hierarchy", "fourier-single", "grid-fine", "grid-coarse"],
)
def test_fifth_percentile_of_the_spectrum(encoding):
    measured = np.quantile(dominant_wavelengths_km(encoding), 0.05)
    assert encoding.shortest_wavelength_km == pytest.approx(measured, rel=0.03)


@pytest.mark.parametrize("legendre_polys", [5, 40])
def test_band_limit_of_harmonics(legendre_polys):
    encoding = SphericalHarmonics(legendre_polys)
    power = np.abs(np.fft.rfft(along_the_equator(encoding, 256), axis=0)).max(axis=1)
    highest = np.flatnonzero(power > 1e-3 * power.max()).max()
    assert encoding.shortest_wavelength_km == pytest.approx(CIRCUMFERENCE_KM / highest, rel=1e-9)
