"""Densities of people and of places from a list of populated places."""

import numpy as np
import xarray as xr

from earthdim.geo import EARTH_RADIUS_KM, unit_vectors

# Radius at which the kernel is truncated. For a city of ten million the step there is 0.002 people per km2, far
# below the floor.
CUTOFF_BANDWIDTHS = 5.0


class _Density:
    """Logarithm of a kernel density of populated places.

    The kernel is a planar Gaussian, which at tens of kilometres approximates one on the sphere.
    """

    def __init__(self, bandwidth_km: float, floor: float):
        if bandwidth_km <= 0 or floor <= 0:
            raise ValueError(f"bandwidth_km, floor: must be positive, not {bandwidth_km} and {floor}")
        self.bandwidth_km, self.floor = bandwidth_km, floor

    def _labels(self, lonlat: np.ndarray, dataset: xr.Dataset, weights: np.ndarray) -> np.ndarray:
        """Return log10 of the floor plus the summed weights per km2 at (n, 2) longitudes and latitudes, degrees."""
        from scipy.spatial import cKDTree

        places = unit_vectors(np.column_stack([dataset["lon"].values, dataset["lat"].values]))
        spread = self.bandwidth_km / EARTH_RADIUS_KM
        points = unit_vectors(lonlat)
        cutoff = min(CUTOFF_BANDWIDTHS * spread, np.pi)
        near = cKDTree(places).query_ball_point(points, 2 * np.sin(cutoff / 2), return_sorted=True)
        density = np.zeros(len(points))
        for row, found in enumerate(near):
            chord = np.linalg.norm(places[found] - points[row], axis=1)
            angle = 2 * np.arcsin((chord / 2).clip(0, 1))
            density[row] = (weights[found] * np.exp(-0.5 * (angle / spread) ** 2)).sum()
        return np.log10(self.floor + density / (2 * np.pi * self.bandwidth_km**2))


class PopulationDensity(_Density):
    """Logarithm of a kernel density of city populations.

    Parameters
    ----------
    bandwidth_km : float
        Standard deviation of the Gaussian kernel on the ground, kilometres.
    floor : float
        People per square kilometre added before the logarithm, so that uninhabited land has a finite label.
    """

    def __init__(self, bandwidth_km: float = 50.0, floor: float = 0.1):
        super().__init__(bandwidth_km, floor)

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Return labels at (n, 2) longitudes and latitudes, degrees.

        Parameters
        ----------
        lonlat : ndarray (n, 2)
            Longitude and latitude, degrees.
        dataset : Dataset
            lon, lat and population over the dimension city.

        Returns
        -------
        ndarray (n,)
            log10 of the floor plus people per square kilometre, from the places listed by GeoNames.
        """
        return self._labels(lonlat, dataset, dataset["population"].values.astype(float))


class PlaceDensity(_Density):
    """Logarithm of a kernel density of populated places, each counted once.

    Parameters
    ----------
    bandwidth_km : float
        Standard deviation of the Gaussian kernel on the ground, kilometres.
    floor : float
        Places per square kilometre added before the logarithm.
    """

    def __init__(self, bandwidth_km: float = 50.0, floor: float = 1e-5):
        super().__init__(bandwidth_km, floor)

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Return labels at (n, 2) longitudes and latitudes, degrees.

        Parameters
        ----------
        lonlat : ndarray (n, 2)
            Longitude and latitude, degrees.
        dataset : Dataset
            lon and lat over the dimension city.

        Returns
        -------
        ndarray (n,)
            log10 of the floor plus places per square kilometre.
        """
        return self._labels(lonlat, dataset, np.ones(dataset.sizes["city"]))
