import numpy as np
import pytest
import torch

from earthdim import geo
from earthdim.encoders.encodings.coordinates import Cartesian3D, Direct, Wrap, unit_vectors

LONLAT = np.array([[12.5, 41.9], [-180.0, -90.0], [180.0, 90.0], [0.0, 0.0], [-90.0, 30.0], [135.0, -45.0]])
LONGITUDE, LATITUDE = np.radians(LONLAT).T


def encoded(encoding):
    return encoding(torch.from_numpy(LONLAT)).numpy()


def test_direct_is_radians():
    np.testing.assert_allclose(encoded(Direct()), np.stack((LONGITUDE, LATITUDE), axis=1), rtol=1e-6)


def test_cartesian_is_the_unit_vector():
    x, y, z = np.cos(LATITUDE) * np.cos(LONGITUDE), np.cos(LATITUDE) * np.sin(LONGITUDE), np.sin(LATITUDE)
    np.testing.assert_allclose(encoded(Cartesian3D()), np.stack((x, y, z), axis=1), atol=1e-7)
    np.testing.assert_allclose(encoded(Cartesian3D())[3:5], [[1, 0, 0], [0, -(0.75**0.5), 0.5]], atol=1e-7)


def test_unit_vectors_are_those_of_geo():
    np.testing.assert_allclose(unit_vectors(torch.from_numpy(LONLAT)), geo.unit_vectors(LONLAT), atol=1e-15)


def test_wrap_is_sines_then_cosines():
    columns = (np.sin(LONGITUDE), np.sin(2 * LATITUDE), np.cos(LONGITUDE), np.cos(2 * LATITUDE))
    np.testing.assert_allclose(encoded(Wrap()), np.stack(columns, axis=1), atol=1e-7)


def test_wrap_maps_both_poles_to_one_code():
    south, north = Wrap()(torch.tensor([[30.0, -90.0], [30.0, 90.0]], dtype=torch.float64))
    np.testing.assert_allclose(south, north, atol=1e-7)
    np.testing.assert_allclose(north, [0.5, 0, 0.75**0.5, -1], atol=1e-7)


@pytest.mark.parametrize("encoding", [Direct, Cartesian3D, Wrap])
def test_no_resolution_parameter_and_no_state(encoding):
    assert encoding().nominal_wavelength_km is None
    assert not encoding().state_dict()
