"""Raster classes as a modality."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from earthdim.data.datasets.raster import flags, sample_raster


@dataclass(frozen=True)
class RasterClasses:
    """One-hot class of the raster cell at a coordinate.

    Parameters
    ----------
    title : str
        Description of the source shown to readers.
    dataset : str
        Name of the data set (a leaf of config/dataset) that holds the raster.
    variable : str
        Name of the raster, with dims (lat, lon) and the attributes `flag_values` and `flag_meanings`.
    without : sequence of str
        Flags that are not classes, such as the sea. Locations in such cells have all features 0: nothing was observed.
    """

    title: str
    dataset: str
    variable: str
    without: Sequence[str] = ()

    def class_names(self, dataset: xr.Dataset) -> list[str]:
        """Return the names of the classes, in the order of the features.

        Raises
        ------
        ValueError
            If the data set lacks `variable`, `variable` has no flags, or a name in `without` is not one of its flags.
        """
        return list(self._flags(dataset))

    def features(self, dataset: xr.Dataset, lonlat: np.ndarray) -> np.ndarray:
        """Return the one-hot classes of locations.

        Parameters
        ----------
        dataset : Dataset
            Holds `variable`.
        lonlat : ndarray (n, 2)
            Longitude and latitude, degrees.

        Returns
        -------
        features : float32 ndarray (n, classes)
            0 or 1, with at most one 1 per row.

        Raises
        ------
        ValueError
            As in `class_names`, or if a location lies outside the raster.
        """
        codes = np.array(list(self._flags(dataset).values()))
        values = sample_raster(dataset[self.variable], lonlat, "nearest")
        return (values[:, None] == codes).astype(np.float32)

    def _flags(self, dataset: xr.Dataset) -> dict[str, int]:
        """Return a mapping from class name to flag value."""
        if self.variable not in dataset:
            raise ValueError(f"variable: {self.variable!r} is not in the data set {self.dataset}")
        return flags(dataset[self.variable], self.without)
