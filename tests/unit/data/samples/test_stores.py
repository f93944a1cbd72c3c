"""Draws of samples as stores."""

import numpy as np
import pytest
import xarray as xr

from earthdim.data.datasets.landmask import is_land
from earthdim.data.samples.area import land, sphere
from earthdim.data.samples.stores import points_store

LEAF = {"_target_": "earthdim.data.samples.area.land", "kind": "land", "n": 40, "seed": 7, "replicate": 0}


@pytest.fixture(scope="module")
def mask():
    """Land is the northern hemisphere."""
    lat, lon = np.arange(-89.5, 90), np.arange(-179.5, 180)
    return xr.Dataset(
        {"land": (("lat", "lon"), (lat[:, None] > 0) & (lon[None, :] < 1e3))}, {"lat": lat, "lon": lon}
    )


def test_seed_and_replicate_determine_the_draw(mask):
    store = points_store(LEAF, mask)
    expected = land(40, np.random.default_rng([7, 0]), is_land(mask))
    np.testing.assert_array_equal(np.stack([store["lon"], store["lat"]], axis=1), expected)
    assert (store["lat"] > 0).all()
    other = points_store({**LEAF, "replicate": 1}, mask)
    assert not (store["lon"].values == other["lon"].values).any()


def test_coordinates_have_units_and_rows_their_place_in_the_draw(mask):
    store = points_store(
        {**LEAF, "_target_": f"{sphere.__module__}.sphere", "kind": "sphere", "dataset": "countries"}, mask
    )
    assert store["lon"].attrs["units"] == "degrees_east"
    assert store["lat"].attrs["units"] == "degrees_north"
    np.testing.assert_array_equal(store["point"], np.arange(40))
