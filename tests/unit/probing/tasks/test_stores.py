"""Labels as stores."""

import numpy as np
import pytest
import xarray as xr
from stage_stores import points

from earthdim.data.datasets.raster import NoValueError
from earthdim.probing.tasks.stores import labels_store

ABOUT = {"title": "Elevation", "unit": "m"}
LEAF = {
    "about": ABOUT,
    "kind": "regression",
    "set": "claims",
    "dataset": "elevation",
    "leaked_by": ["elevation"],
    "leaked_in_part_by": [],
    "build": {
        "_target_": "earthdim.probing.tasks.raster.RasterField",
        "variable": "height",
        "method": "nearest",
    },
}
LAT, LON = np.arange(-89.5, 90), np.arange(-179.5, 180)


def dataset(gap=False):
    values = LAT[:, None] + 0 * LON[None, :]
    if gap:
        values[:90] = np.nan
    return xr.Dataset({"height": (("lat", "lon"), values)}, {"lat": LAT, "lon": LON})


def test_labels_carry_their_task_kind_and_description():
    at = points()
    store = labels_store("elevation", LEAF, at, dataset(), everywhere=False)
    np.testing.assert_allclose(store["label"], at["lat"], atol=0.5 + 1e-9)
    assert store["label"].attrs == ABOUT
    assert store.attrs == {"task": "elevation", "kind": "regression", "without_label": 0}


def test_a_gap_is_an_error_unless_the_task_may_be_left_out():
    at = points()
    with pytest.raises(NoValueError, match="height"):
        labels_store("elevation", LEAF, at, dataset(gap=True), everywhere=False)
    store = labels_store("elevation", LEAF, at, dataset(gap=True), everywhere=True)
    assert "label" not in store
    assert store.sizes["point"] == 300
    assert 100 < store.attrs["without_label"] < 200
