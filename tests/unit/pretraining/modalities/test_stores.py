"""Features as stores."""

import numpy as np
import xarray as xr
from stage_stores import points

from earthdim.build import build
from earthdim.pretraining.modalities.stores import features_store

LEAF = {
    "_target_": "earthdim.pretraining.modalities.raster.RasterPatches",
    "title": "Test",
    "dataset": "test",
    "variable": "height",
    "pixels": 5,
    "spacing_km": 100.0,
    "method": "bilinear",
    "filters": 8,
    "filter_size": 3,
    "whitening": 0.01,
    "fit_locations": 50,
    "seed": 0,
}


def test_features_are_those_of_the_source_and_name_it():
    lat, lon = np.arange(-88, 90, 4.0), np.arange(-178, 180, 4.0)
    values = np.random.default_rng(0).normal(size=(lat.size, lon.size))
    dataset = xr.Dataset({"height": (("lat", "lon"), values)}, {"lat": lat, "lon": lon})
    at = points(n=60)
    store = features_store({"name": "relief", "source": LEAF}, at, dataset)
    lonlat = np.stack([at["lon"], at["lat"]], axis=1)
    np.testing.assert_array_equal(store["feature"], build(LEAF).features(dataset, lonlat))
    assert store["feature"].dims == ("point", "width")
    assert store.attrs == {"source": "relief"}
