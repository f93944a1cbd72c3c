"""Files of polygons, and points drawn within them."""

import json
from pathlib import Path

import numpy as np
from areas import nowhere

from earthdim.data.samples.polygons import polygon


def content(path: Path, content: bytes):
    path.write_bytes(content)
    return path


def features(path: Path, *geometries):
    """Write a GeoJSON feature collection of these geometries."""
    found = [{"type": "Feature", "properties": {}, "geometry": one} for one in geometries]
    return content(path, json.dumps({"type": "FeatureCollection", "features": found}).encode())


def draw(path, n=20_000, over="globe", seed=0, is_land=nowhere):
    return polygon(n, np.random.default_rng(seed), is_land, str(path), over)
