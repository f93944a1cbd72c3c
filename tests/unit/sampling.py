"""Land masks, statistics and polygon files that the tests of the samplers share."""

import json
from pathlib import Path

import numpy as np

from earthdim.data.samples.polygons import polygon


def north(lonlat):
    return lonlat[:, 1] > 0


def everywhere(lonlat):
    return np.ones(len(lonlat), dtype=bool)


def nowhere(lonlat):
    return np.zeros(len(lonlat), dtype=bool)


def chi_squared(values, edges):
    """Chi-squared statistic of ten bins of equal probability; above 27.9 with p = 0.001."""
    count = np.histogram(values, bins=10, range=edges)[0]
    return ((count - len(values) / 10) ** 2 / (len(values) / 10)).sum()


def content(path: Path, content: bytes):
    path.write_bytes(content)
    return path


def features(path: Path, *geometries):
    """Write a GeoJSON feature collection of geometries."""
    found = [{"type": "Feature", "properties": {}, "geometry": one} for one in geometries]
    return content(path, json.dumps({"type": "FeatureCollection", "features": found}).encode())


def draw(path, n=20_000, over="globe", seed=0, is_land=nowhere):
    return polygon(n, np.random.default_rng(seed), is_land, str(path), over)
