"""Population density from the places where people are counted."""

import numpy as np
import xarray as xr

from earthdim.geo import EARTH_RADIUS_KM, unit_vectors

# Cut here, the kernel of a city of ten million ends in a step of 0.002 people per km2, far below the floor.
REACH_BANDWIDTHS = 5.0


class PopulationDensity:
    """Logarithm of a kernel sum of city populations.

    The kernel is weighted as a Gaussian in the plane, which at tens of kilometres is one on the sphere.

    Parameters
    ----------
    bandwidth_km : float
        Standard deviation of the Gaussian kernel on the ground, kilometres.
    floor : float
        People per square kilometre added before the logarithm, so that empty land has a finite label.
    """

    def __init__(self, bandwidth_km: float = 50.0, floor: float = 0.1):
        if bandwidth_km <= 0 or floor <= 0:
            raise ValueError(f"bandwidth_km, floor: must be positive, not {bandwidth_km} and {floor}")
        self.bandwidth_km, self.floor = bandwidth_km, floor

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Labels at (n, 2) longitudes and latitudes, degrees.

        Parameters
        ----------
        lonlat : ndarray (n, 2)
            Longitude and latitude, degrees.
        dataset : Dataset
            lon, lat and population over the dimension city.

        Returns
        -------
        ndarray (n,)
            log10 of the floor plus people per square kilometre, of places that GeoNames lists.
        """
        from scipy.spatial import cKDTree

        places = unit_vectors(np.column_stack([dataset["lon"].values, dataset["lat"].values]))
        people = dataset["population"].values.astype(float)
        spread = self.bandwidth_km / EARTH_RADIUS_KM
        points = unit_vectors(lonlat)
        reach = min(REACH_BANDWIDTHS * spread, np.pi)
        near = cKDTree(places).query_ball_point(points, 2 * np.sin(reach / 2), return_sorted=True)
        density = np.zeros(len(points))
        for row, found in enumerate(near):
            chord = np.linalg.norm(places[found] - points[row], axis=1)
            angle = 2 * np.arcsin((chord / 2).clip(0, 1))
            density[row] = (people[found] * np.exp(-0.5 * (angle / spread) ** 2)).sum()
        return np.log10(self.floor + density / (2 * np.pi * self.bandwidth_km**2))
