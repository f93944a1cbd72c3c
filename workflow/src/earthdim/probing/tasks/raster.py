"""Labels read from a raster."""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from earthdim.data.datasets.raster import (
    NoValueError,
    axis,
    columns_at,
    covers_all_longitudes,
    flags,
    sample_raster,
)
from earthdim.geo import check_lonlat, unit_vectors

# From a raster value to a label.
TRANSFORMS = {
    "none": lambda values: values,
    "kelvin-to-celsius": lambda values: values - 273.15,
    "log1p": np.log1p,
}
# From the bands of a raster to one value.
REDUCTIONS = {
    "none": lambda values: values,
    "mean": lambda values: values.mean(0),
    "sum": lambda values: values.sum(0),
}


class RasterField:
    """Regression of a raster's value.

    Parameters
    ----------
    variable : str
        Variable of the raster.
    reduction : {"none", "mean", "sum"}
        Reduction over the raster's leading dimension, such as months.
    transform : {"none", "kelvin-to-celsius", "log1p"}
        Applied last.
    method : {"nearest", "bilinear"}
        Interpolation of the raster.
    """

    def __init__(
        self, variable: str, reduction: str = "none", transform: str = "none", method: str = "bilinear"
    ):
        for name, value, known in (
            ("reduction", reduction, REDUCTIONS),
            ("transform", transform, TRANSFORMS),
        ):
            if value not in known:
                raise ValueError(f"{name}: must be one of {', '.join(known)}, is {value!r}")
        self.variable, self.reduction, self.transform, self.method = variable, reduction, transform, method

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Return labels at (n, 2) longitudes and latitudes, degrees: float64 (n,), finite.

        Raises
        ------
        ValueError
            If the reduction leaves more than one value per point.
        NoValueError
            If the raster has no finite value at some points.
        """
        raster = dataset[self.variable]
        if raster.ndim != (2 if self.reduction == "none" else 3):
            raise ValueError(
                f"reduction: {self.reduction!r} does not reduce the dimensions {raster.dims} to one value per point"
            )
        values = np.asarray(sample_raster(raster, lonlat, self.method), dtype=np.float64)
        labels = TRANSFORMS[self.transform](REDUCTIONS[self.reduction](values))
        if not np.isfinite(labels).all():
            gaps = int(np.sum(~np.isfinite(labels)))
            raise NoValueError(f"variable: {self.variable} has no finite label at {gaps} points", gaps)
        return labels


class RasterClass:
    """Classification of a raster's flag.

    Parameters
    ----------
    variable : str
        Variable of the raster, with `flag_values` and `flag_meanings`.
    without : sequence of str
        Flags that are not classes, such as the sea.
    reach_cells : int
        A point whose own cell has no class takes that of the nearest cell with one within this many cells, because
        coastlines of two rasters never agree to the pixel. Beyond that it has no label.
    """

    def __init__(self, variable: str, without: Sequence[str] = (), reach_cells: int = 3):
        if reach_cells < 0:
            raise ValueError(f"reach_cells: must be 0 or more, not {reach_cells}")
        self.variable, self.without, self.reach_cells = variable, tuple(without), reach_cells

    def class_names(self, dataset: xr.Dataset) -> list[str]:
        """Return the names of the classes, by code.

        Raises
        ------
        ValueError
            If the variable has no flags, or a name in `without` is not one of them.
        """
        return list(flags(dataset[self.variable], self.without))

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Return codes at (n, 2) longitudes and latitudes, degrees: int64 (n,), -1 for points without a class."""
        points, raster = check_lonlat(lonlat), dataset[self.variable]
        code_of = self._code_of(list(flags(raster, self.without).values()))
        labels = code_of(sample_raster(raster, points, "nearest"))
        for point in np.flatnonzero(labels < 0):
            labels[point] = self._nearest(points[point], raster, code_of)
        return labels

    @staticmethod
    def _code_of(classes: list[int]) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function from raster values to class codes, positions in `classes`, or -1 for other values."""
        codes = np.argsort(classes)
        known = np.array(classes)[codes]

        def code_of(values: np.ndarray) -> np.ndarray:
            place = np.searchsorted(known, values).clip(max=len(known) - 1)
            return np.where(known[place] == values, codes[place], -1)

        return code_of

    def _nearest(self, place: np.ndarray, raster: xr.DataArray, code_of: Callable) -> int:
        """Return the code of the nearest cell with a class within `reach_cells`; -1 if there is none."""
        lat, lon = axis(raster, "lat"), axis(raster, "lon")
        row, column = round(lat.position(place[1])), round(float(columns_at(lon, place[0])))
        offsets = np.arange(-self.reach_cells, self.reach_cells + 1)
        rows, columns = np.meshgrid((row + offsets).clip(0, lat.size - 1), column + offsets, indexing="ij")
        columns = columns % lon.size if covers_all_longitudes(lon) else columns.clip(0, lon.size - 1)
        found = code_of(raster.values[rows, columns])
        centres = np.stack([lon.start + columns * lon.step, lat.start + rows * lat.step], axis=-1)[found >= 0]
        closeness = unit_vectors(centres) @ unit_vectors(place[None])[0]
        return int(found[found >= 0][closeness.argmax()]) if closeness.size else -1
