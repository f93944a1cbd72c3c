"""Classes of a raster as a modality: what kind of place a coordinate is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from earthdim.data.datasets.raster import flags, sample_raster


@dataclass(frozen=True)
class RasterClasses:
    """The flag of a raster at a coordinate, as one feature a class: 1 for the class of the cell, 0 for all others.

    Parameters
    ----------
    title : str
        What a reader is told the source shows.
    dataset : str
        Name of the data set (a leaf of config/dataset) whose raster is seen.
    variable : str
        The raster's name in it, with dims (lat, lon) and the attributes `flag_values` and `flag_meanings`.
    without : sequence of str
        Flags that are no class, such as the sea. At a location in such a cell all features are 0: nothing was seen.
    """

    title: str
    dataset: str
    variable: str
    without: Sequence[str] = ()

    def class_names(self, dataset: xr.Dataset) -> list[str]:
        """Names of the classes, in the order of the features.

        Raises
        ------
        ValueError
            If the data set lacks `variable`, it has no flags, or a name in `without` is none of them.
        """
        return list(self._flags(dataset))

    def features(self, dataset: xr.Dataset, lonlat: np.ndarray) -> np.ndarray:
        """Look the classes of locations up.

        Parameters
        ----------
        dataset : Dataset
            Holds `variable`.
        lonlat : ndarray (n, 2)
            Longitude and latitude, degrees.

        Returns
        -------
        features : float32 ndarray (n, classes)
            0 or 1; at most one 1 a row.

        Raises
        ------
        ValueError
            As in `class_names`, or if a location lies outside the raster.
        """
        codes = np.array(list(self._flags(dataset).values()))
        values = sample_raster(dataset[self.variable], lonlat, "nearest")
        return (values[:, None] == codes).astype(np.float32)

    def _flags(self, dataset: xr.Dataset) -> dict[str, int]:
        """Name -> flag of every class."""
        if self.variable not in dataset:
            raise ValueError(f"variable: {self.variable!r} is not in the data set {self.dataset}")
        return flags(dataset[self.variable], self.without)
