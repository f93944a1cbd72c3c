"""Labels read from a raster."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from earthdim.datasets.raster import axis, covers_all_longitudes, sample_raster
from earthdim.geo import unit_vectors

# How a value becomes a label.
TRANSFORMS = {
    "none": lambda values: values,
    "kelvin-to-celsius": lambda values: values - 273.15,
    "log1p": np.log1p,
}
# How the bands of a raster become one value.
REDUCTIONS = {
    "none": lambda values: values,
    "mean": lambda values: values.mean(0),
    "sum": lambda values: values.sum(0),
}


class RasterField:
    """A regression task whose label is a raster's value.

    Parameters
    ----------
    variable : str
        The raster's variable.
    reduction : {"none", "mean", "sum"}
        Over the raster's leading dimension, such as months.
    transform : {"none", "kelvin-to-celsius", "log1p"}
        Applied last.
    method : {"nearest", "bilinear"}
        How the raster is looked up.
    """

    def __init__(
        self, variable: str, reduction: str = "none", transform: str = "none", method: str = "bilinear"
    ):
        for name, value, known in (
            ("reduction", reduction, REDUCTIONS),
            ("transform", transform, TRANSFORMS),
        ):
            if value not in known:
                raise ValueError(f"{name}: {value!r} is none of {', '.join(known)}")
        self.variable, self.reduction, self.transform, self.method = variable, reduction, transform, method

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Labels at (n, 2) longitudes and latitudes, degrees: float64 (n,), finite.

        Raises
        ------
        ValueError
            If the raster has no finite value somewhere.
        """
        values = np.asarray(sample_raster(dataset[self.variable], lonlat, self.method), dtype=np.float64)
        labels = TRANSFORMS[self.transform](REDUCTIONS[self.reduction](values))
        if not np.isfinite(labels).all():
            raise ValueError(
                f"variable: {self.variable} has no finite label at {np.sum(~np.isfinite(labels))} points"
            )
        return labels


class RasterClass:
    """A classification task whose label is a raster's flag.

    Parameters
    ----------
    variable : str
        The raster's variable, with `flag_values` and `flag_meanings`.
    without : sequence of str
        Flags that are no class, such as the sea.
    reach_cells : int
        A point whose own cell has no class takes that of the nearest cell with one, if it lies within so many cells
        (two rasters never agree on a coast to the pixel); beyond, it has no label.
    """

    def __init__(self, variable: str, without: Sequence[str] = (), reach_cells: int = 3):
        self.variable, self.without, self.reach_cells = variable, tuple(without), reach_cells

    def class_names(self, dataset: xr.Dataset) -> list[str]:
        """Names of the classes, by code."""
        meanings = dataset[self.variable].attrs["flag_meanings"].split()
        return [name for name in meanings if name not in self.without]

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Codes at (n, 2) longitudes and latitudes, degrees: int64 (n,), -1 where there is no class."""
        raster = dataset[self.variable]
        names = self.class_names(dataset)
        flags = dict(zip(raster.attrs["flag_values"], raster.attrs["flag_meanings"].split(), strict=True))
        code_of = {flag: names.index(name) for flag, name in flags.items() if name in names}
        codes = np.full(int(raster.max()) + 1, -1, dtype=np.int64)
        for flag, code in code_of.items():
            if flag < len(codes):
                codes[flag] = code
        labels = codes[sample_raster(raster, lonlat, "nearest")]
        missing = np.flatnonzero(labels < 0)
        for point in missing:
            labels[point] = self._nearest(lonlat[point], raster, codes)
        return labels

    def _nearest(self, place: np.ndarray, raster: xr.DataArray, codes: np.ndarray) -> int:
        lat, lon = axis(raster, "lat"), axis(raster, "lon")
        row, column = round(lat.position(place[1])), round(lon.position(place[0]))
        reach = np.arange(-self.reach_cells, self.reach_cells + 1)
        rows, columns = np.meshgrid((row + reach).clip(0, lat.size - 1), column + reach, indexing="ij")
        columns = columns % lon.size if covers_all_longitudes(lon) else columns.clip(0, lon.size - 1)
        found = codes[raster.values[rows, columns]]
        centres = np.stack([lon.start + columns * lon.step, lat.start + rows * lat.step], axis=-1)
        closeness = unit_vectors(centres[found >= 0]) @ unit_vectors(place[None])[0]
        return int(found[found >= 0][closeness.argmax()]) if closeness.size else -1
