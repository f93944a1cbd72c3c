"""Stores that the stages exchange, in memory."""

import logging

import numpy as np
import xarray as xr

from earthdim.data.samples.area import sphere


class Log(list):
    """The lines that a logger received, as (level, message)."""

    def __init__(self, name: str):
        super().__init__()
        self.logger = logging.getLogger(f"test.{name}")
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False
        handler = logging.Handler()
        handler.emit = lambda record: self.append((record.levelname, record.getMessage()))
        self.logger.handlers = [handler]


def points(n=300, seed=0):
    lonlat = sphere(n, np.random.default_rng(seed))
    variables = {"lon": ("point", lonlat[:, 0]), "lat": ("point", lonlat[:, 1])}
    return xr.Dataset(variables, {"point": np.arange(n)}, {"from": "elsewhere"})


def embeddings(values=None, n=300):
    """Embeddings of the variant `a` at the points `land-r1`; by default of two dimensions."""
    store = points(n)
    if values is None:
        lon, lat = np.radians(store["lon"].values), np.radians(store["lat"].values)
        values = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    store["embedding"] = (("point", "feature"), np.asarray(values, dtype=np.float32))
    store.attrs = {"variant": "a", "points": "land-r1"}
    return store
