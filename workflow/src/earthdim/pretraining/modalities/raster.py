"""Raster patches as a modality: the surroundings of a coordinate, described by a fixed image backbone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from earthdim.data.datasets.raster import sample_raster
from earthdim.geo import offset_km
from earthdim.pretraining.modalities.convolutional import RandomConvolutionalFeatures

CHUNK = 1024


@dataclass(frozen=True)
class RasterPatches:
    """Features of square raster patches that have the same size on the ground at every latitude.

    Parameters
    ----------
    title : str
        Description of the source shown to readers.
    dataset : str
        Name of the data set (a leaf of config/dataset) that holds the raster.
    variable : str
        Name of the raster, with dims (lat, lon) or (band, lat, lon).
    pixels : int
        Side of a patch in pixels.
    spacing_km : float
        Distance between neighbouring pixels on the ground, km.
    method : {"nearest", "bilinear"}
        Interpolation of the raster between cell centres.
    filters, filter_size, whitening
        See `RandomConvolutionalFeatures`.
    fit_locations : int
        Number of locations, the first ones given, whose patches the backbone is fitted to.
    seed : int
        Seed of the choice of filters.
    """

    title: str
    dataset: str
    variable: str
    pixels: int
    spacing_km: float
    method: Literal["nearest", "bilinear"]
    filters: int
    filter_size: int
    whitening: float
    fit_locations: int
    seed: int

    def __post_init__(self):
        if self.pixels < self.filter_size:
            raise ValueError(
                f"pixels: a patch of {self.pixels} cannot hold a filter_size of {self.filter_size}"
            )
        if not self.spacing_km > 0:
            raise ValueError(f"spacing_km must be positive, not {self.spacing_km}")
        if self.fit_locations < 1:
            raise ValueError(f"fit_locations must be at least 1, not {self.fit_locations}")

    def observe(self, dataset: xr.Dataset, lonlat: np.ndarray) -> np.ndarray:
        """Return patches centred on locations, north up.

        Parameters
        ----------
        dataset : Dataset
            Holds `variable`.
        lonlat : ndarray (n, 2)
            Longitude and latitude, degrees.

        Returns
        -------
        patches : float32 ndarray (n, bands, pixels, pixels)
            In the raster's units; the first row is the northernmost, the first column the westernmost.

        Raises
        ------
        ValueError
            If the data set lacks `variable`, or a patch extends beyond the raster.
        """
        steps = (np.arange(self.pixels) - (self.pixels - 1) / 2) * self.spacing_km
        north, east = np.meshgrid(-steps, steps, indexing="ij")
        ground = offset_km(lonlat, east.ravel(), north.ravel())
        values = sample_raster(self._raster(dataset), ground.reshape(-1, 2), self.method)
        bands = values.reshape(-1, len(ground), self.pixels, self.pixels)
        return np.ascontiguousarray(bands.transpose(1, 0, 2, 3), dtype=np.float32)

    def features(self, dataset: xr.Dataset, lonlat: np.ndarray) -> np.ndarray:
        """Return the features of the patches at locations.

        The features of a location depend only on that location and on the first `fit_locations` rows.

        Parameters
        ----------
        dataset : Dataset
            Holds `variable`.
        lonlat : ndarray (n, 2)
            Longitude and latitude, degrees; n at least `fit_locations`.

        Returns
        -------
        features : float32 ndarray (n, 2 * filters)

        Raises
        ------
        ValueError
            If there are fewer locations than `fit_locations`, or a patch is not finite.
        """
        if len(lonlat) < self.fit_locations:
            raise ValueError(f"fit_locations: {self.fit_locations} are more than the {len(lonlat)} locations")
        backbone = RandomConvolutionalFeatures(
            self.filters, self.filter_size, self.whitening, np.random.default_rng(self.seed)
        ).fit(self.observe(dataset, lonlat[: self.fit_locations]))
        chunks = range(0, len(lonlat), CHUNK)
        return np.concatenate(
            [backbone.transform(self.observe(dataset, lonlat[start : start + CHUNK])) for start in chunks]
        )

    def _raster(self, dataset: xr.Dataset) -> xr.DataArray:
        if self.variable not in dataset:
            raise ValueError(f"variable: {self.variable!r} is not in the data set {self.dataset}")
        return dataset[self.variable]
