"""The wavelengths that encodings state, against the spectrum of their features along the equator."""

import numpy as np
import pytest
import torch

from earthdim.encoders.encodings.coordinates import Cartesian3D, Direct, Wrap
from earthdim.encoders.encodings.fourier import EqualEarthFourier
from earthdim.encoders.encodings.nerf import NeRF
from earthdim.encoders.encodings.slepian import SlepianCap, SlepianHybrid
from earthdim.encoders.encodings.space2vec import Grid, Theory
from earthdim.encoders.encodings.sphere2vec import (
    DoubleFourierSphere,
    SphereC,
    SphereCPlus,
    SphereM,
    SphereMPlus,
)
from earthdim.encoders.encodings.spherical_harmonics import SphericalHarmonics
from earthdim.encoders.encodings.wavelets import Wavelets

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
        Theory(scales=32, min_scale=0.5, max_scale=360),
        Theory(scales=5, min_scale=2, max_scale=20),
        SphereC(scales=32, min_scale=0.5, max_scale=57.3),
        SphereM(scales=32, min_scale=0.5, max_scale=57.3),
        SphereM(scales=6, min_scale=3, max_scale=57.3),
        SphereCPlus(scales=32, min_scale=0.5, max_scale=57.3),
        SphereMPlus(scales=32, min_scale=0.5, max_scale=57.3),
        DoubleFourierSphere(scales=8, min_scale=0.5, max_scale=57.3),
    ],
    ids=lambda encoding: f"{type(encoding).__name__}-{encoding.width}",
)
def test_fifth_percentile_of_the_spectrum(encoding):
    measured = np.quantile(dominant_wavelengths_km(encoding), 0.05)
    assert encoding.shortest_wavelength_km == pytest.approx(measured, rel=0.03)


@pytest.mark.parametrize(
    "encoding",
    [
        Direct(),
        Cartesian3D(),
        Wrap(),
        *(NeRF(octaves) for octaves in (1, 2, 4, 6, 8)),
        Wavelets([1.0, 0.5, 0.25]),
        Wavelets([1.0, 0.25, 0.0625]),
        Wavelets([0.5, 0.1], 40, mother="mexican-hat"),
    ],
    ids=lambda encoding: f"{type(encoding).__name__}-{encoding.width}",
)
def test_fifth_percentile_of_the_spectrum_round_the_circle(encoding):
    features = along_the_equator(encoding, 8192)
    features = features[:, np.ptp(features, axis=0) > 1e-3]
    # Nothing to pair: direct has no cosine. The mean is not a wave.
    cycles = 1 + np.argmax(np.abs(np.fft.rfft(features, axis=0))[1:], axis=0)
    measured = np.quantile(CIRCUMFERENCE_KM / cycles, 0.05)
    assert encoding.shortest_wavelength_km == pytest.approx(measured, rel=1e-3)


def test_nominal_wavelength_is_near_the_shortest_where_features_are_many():
    for encoding in (NeRF(7), Wavelets([0.1], 300), Wavelets([0.05], 600)):
        assert encoding.shortest_wavelength_km == pytest.approx(encoding.nominal_wavelength_km, rel=0.15)


def test_wavelets_away_from_the_equator_have_no_wavelength_there():
    # One centre, at (0, 0), and two, at latitude +-30, 1.5 degrees across.
    assert Wavelets([0.003], 1).shortest_wavelength_km is not None
    assert Wavelets([0.003], 2).shortest_wavelength_km is None


@pytest.mark.parametrize(
    "encoding",
    [
        SphericalHarmonics(5),
        SphericalHarmonics(40),
        SlepianCap(20, longitude=20, latitude=5, radius=40),
        SlepianCap(12, longitude=-100, latitude=50, radius=60),
        SlepianHybrid(20, longitude=20, latitude=5, radius=40),
    ],
    ids=lambda encoding: f"{type(encoding).__name__}-{encoding.width}",
)
def test_band_limit(encoding):
    power = np.abs(np.fft.rfft(along_the_equator(encoding, 256), axis=0)).max(axis=1)
    highest = np.flatnonzero(power > 1e-3 * power.max()).max()
    assert encoding.shortest_wavelength_km == pytest.approx(CIRCUMFERENCE_KM / highest, rel=1e-9)
