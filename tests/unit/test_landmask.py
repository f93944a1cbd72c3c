import numpy as np
import pytest
import xarray as xr

from earthdim.datasets.landmask import is_land, land_mask

LAND = [(-78.5, -0.2), (-0.13, 51.5), (5, 25), (103.82, 1.35), (0, -80), (0, -90), (-179, 67), (30, 46)]
SEA = [(-30, 0), (0, 90), (-180, 0), (180, 0), (2, 56), (-150, -40)]


def test_the_packaged_mask_knows_land_from_sea():
    mask = land_mask()
    assert mask.land.shape == (21600, 43200)
    assert mask.land.dtype == bool
    on_land = is_land(mask)
    assert on_land(np.array(LAND, float)).all()
    assert not on_land(np.array(SEA, float)).any()
    share = mask.land.values[::20, ::20].mean(1) @ np.cos(np.radians(mask.lat.values[::20]))
    assert share / np.cos(np.radians(mask.lat.values[::20])).sum() == pytest.approx(0.29, abs=0.01)


def test_a_mask_is_asked_at_the_cell_of_the_point():
    mask = xr.Dataset(
        {"land": (("lat", "lon"), np.array([[True, False], [False, True]]))},
        coords={"lat": [-45.0, 45.0], "lon": [-90.0, 90.0]},
    )
    found = is_land(mask)(np.array([[-1, -1], [1, -1], [-1, 1], [1, 1], [180, 1]]))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, [True, False, False, True, False])
