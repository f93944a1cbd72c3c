"""Raster patches as a modality: the surroundings of a coordinate, seen through a frozen backbone."""

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
    """Square patches of a raster, of one size on the ground at every latitude, and their frozen features.

    Parameters
    ----------
    title : str
        What a reader is told the source shows.
    dataset : str
        Name of the data set (a leaf of config/dataset) whose raster is seen.
    variable : str
        The raster's name in it, with dims (lat, lon) or (band, lat, lon).
    pixels : int
        Side of a patch in pixels.
    spacing_km : float
        Distance between neighbouring pixels on the ground, km.
    method : {"nearest", "bilinear"}
        How the raster is looked up between its cell centres.
    filters, filter_size, whitening
        See `RandomConvolutionalFeatures`.
    fit_locations : int
        The backbone is fitted to the patches of this many locations, the first ones given.
    seed : int
        Chooses the filters.
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
        """Patches centred on locations, north up.

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
            If the data set lacks `variable`, or a location's patch leaves the raster.
        """
        steps = (np.arange(self.pixels) - (self.pixels - 1) / 2) * self.spacing_km
        north, east = np.meshgrid(-steps, steps, indexing="ij")
        ground = offset_km(lonlat, east.ravel(), north.ravel())
        values = sample_raster(self._raster(dataset), ground.reshape(-1, 2), self.method)
        bands = values.reshape(-1, len(ground), self.pixels, self.pixels)
        return np.ascontiguousarray(bands.transpose(1, 0, 2, 3), dtype=np.float32)

    def features(self, dataset: xr.Dataset, lonlat: np.ndarray) -> np.ndarray:
        """Frozen features of the patches at locations.

        A location's features depend on itself and on the first `fit_locations` rows alone.

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
