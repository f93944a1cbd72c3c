"""Smooth labels and embeddings of points on the sphere, small enough for tests."""

import numpy as np

from earthdim.geo import lonlat_of, unit_vectors


def sphere(n: int, seed: int = 0) -> np.ndarray:
    return lonlat_of(np.random.default_rng(seed).standard_normal((n, 3)))


def waves(lonlat: np.ndarray, features: int, frequency: float, seed: int = 0) -> np.ndarray:
    """Random plane waves: smooth functions of the location, float32."""
    rng = np.random.default_rng(seed)
    directions = frequency * rng.standard_normal((3, features))
    return np.cos(unit_vectors(lonlat) @ directions + rng.uniform(0, 2 * np.pi, features)).astype(np.float32)


def zones(lonlat: np.ndarray, classes: int, seed: int = 1) -> np.ndarray:
    """Nearest of random centres, numbered from 0 to classes - 1."""
    centres = unit_vectors(sphere(classes, seed))
    return np.argmax(unit_vectors(lonlat) @ centres.T, axis=1)
