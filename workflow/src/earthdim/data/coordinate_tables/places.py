"""Find and read the coordinates of a table, by the names of its columns, for all formats.

`longitude` and `latitude` may each name a column, or one of the two columns of an array (``coords[0]``). Both may name
the same column, which then holds points: WKT or GeoJSON text, WKB, or two numbers (an array (n, 2), lists, text) whose
order follows from its name or its values. A field of a struct is ``struct.field``. Without the keys, the first of these
is used: the geometry of a GeoParquet file; ``lon`` and ``lat``; the only pair of columns with names such as longitude
and latitude, LON and LAT, lng and lat, decimalLongitude and decimalLatitude, centre_lon and centre_lat; the only array
or column of points with a name such as lonlat, coords or .geo.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from earthdim import geo
from earthdim.data.coordinate_tables import point_texts
from earthdim.data.coordinate_tables.formats.base import (
    File,
    TableError,
    check_finite,
    check_rows,
    listed,
    numeric,
    require,
)

# Default names of the coordinates.
LONGITUDE, LATITUDE = "lon", "lat"
LONGITUDES = ("lon", "long", "lng", "longitude", "longitudes", "lons")
LATITUDES = ("lat", "lat", "lat", "latitude", "latitudes", "lats")
# Other words in a name that may accompany them: the centre of a tile, the unit.
SAME_PLACE = frozenset({
    "decimal", "dd", "deg", "degree", "degrees", "wgs84", "epsg", "4326", "gps", "center", "centre", "centroid",
    "point", "coord", "coords", "coordinates", "location", "position", "geometry", "geo",
})  # fmt: skip
# Names of arrays (n, 2): those that imply their order, True for longitude first, and those that do not.
ORDERED = {
    "lonlat": True, "lonlats": True, "lnglat": True, "longlat": True, "longitudelatitude": True,
    "latlon": False, "latlons": False, "latlng": False, "latlong": False, "latitudelongitude": False,
}  # fmt: skip
UNORDERED = (
    "coords",
    "coord",
    "coordinates",
    "coordinate",
    "locs",
    "loc",
    "locations",
    "location",
    "places",
    "positions",
)
POINTS = (".geo", "geometry", "geom", "the_geom", "wkt", "wkt_geom", "geojson", "wkb_geometry", "wkb")
# Columns that Earth Engine adds to an export.
EARTH_ENGINE = (".geo", "system:index")


class Part(NamedTuple):
    """A column of coordinates: its name and, for an array of two columns, the index."""

    name: str
    index: int | None = None

    def __str__(self) -> str:
        return self.name if self.index is None else f"{self.name}[{self.index}]"


def coordinates(
    file: File, longitude: str | None, latitude: str | None
) -> tuple[NDArray[np.float64], set[str]]:
    """Return checked coordinates (n, 2), longitude and latitude in degrees, and the names of their columns.

    Raises
    ------
    TableError
        If a column is missing or not numeric, the columns or their order are ambiguous, or a coordinate is missing or
        out of range; see `earthdim.data.coordinate_tables.read`.
    """
    path = file.path
    if longitude is None and latitude is None and file.geometry is not None:
        lonlat, labels, taken = file.read_geometry(), (file.geometry, file.geometry), {file.geometry}
    else:
        fields = file.fields()
        parts = locate(path, [*file.names, *fields], longitude, latitude)
        taken = {fields.get(part.name, part.name) for part in parts}
        file.select_place_axis([part.name for part in parts])
        lonlat, labels = _read(file, parts)
    if ".geo" in file.names:
        taken |= set(EARTH_ENGINE) & set(file.names)
    if not len(lonlat):
        raise TableError(f"{path}: has no rows")
    check_finite(path, labels, lonlat)
    low, high = (-180, -90), (360, 90)
    for axis, (label, what) in enumerate(zip(labels, ("longitudes", "latitudes"), strict=True)):
        beyond = np.maximum(low[axis] - lonlat[:, axis], lonlat[:, axis] - high[axis])
        check_rows(path, label, beyond > geo.ROUNDING, f"{what} outside {low[axis]} to {high[axis]} degrees")
    return geo.as_degrees(lonlat), taken


def locate(path: Path, names: Sequence[str], longitude: str | None, latitude: str | None) -> tuple[Part, ...]:
    """Find the coordinates by names only: a part for longitude and one for latitude, or one column of points.

    Raises
    ------
    TableError
        If a column is missing, or the names are ambiguous.
    """
    if longitude is None and latitude is None:
        return _locate_by_name(path, names)
    if longitude is None or latitude is None:
        given = longitude or latitude
        other = _partner(given, names, longitude is None)
        longitude, latitude = (given, other) if latitude is None else (other, given)
    if longitude == latitude:
        require(path, names, [longitude])
        return (Part(longitude),)
    return _part(path, names, longitude), _part(path, names, latitude)


def _part(path: Path, names: Sequence[str], wanted: str) -> Part:
    match = re.fullmatch(r"(.*)\[([01])\]", wanted)
    if match is None or wanted in names:
        require(path, names, [wanted])
        return Part(wanted)
    require(path, names, [match[1]])
    return Part(match[1], int(match[2]))


def _partner(given: str, names: Sequence[str], is_latitude: bool) -> str:
    """Counterpart of the named column: the default one, or the one whose name differs only in this word."""
    usual = LONGITUDE if is_latitude else LATITUDE
    pairs = [pair for pair in _pairs(names) if given == pair[is_latitude]]
    if given in names and (given in _usual_points(names)):
        return given
    return pairs[0][not is_latitude] if pairs and usual not in names else usual


def _locate_by_name(path: Path, names: Sequence[str]) -> tuple[Part, ...]:
    if {LONGITUDE, LATITUDE} <= set(names):
        return Part(LONGITUDE), Part(LATITUDE)
    pairs, others = _pairs(names), _usual_points(names)
    plain = [pair for pair in pairs if _words(pair[0])[1] <= SAME_PLACE]
    if len(plain) == 1:
        return Part(plain[0][0]), Part(plain[0][1])
    if plain or len(others) > 1:
        candidates = [f"{a!r} and {b!r}" for a, b in plain] or [repr(name) for name in others]
        raise TableError(
            f"{path}: its coordinates may be in {' or in '.join(candidates)}; set longitude and latitude"
        )
    if others:
        return (Part(others[0]),)
    missing = next(name for name in (LONGITUDE, LATITUDE) if name not in names)
    raise TableError(f"{path}: has no column {missing!r}; {listed(names)}{_advice(names, pairs)}")


def _advice(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> str:
    """Suggest columns if no coordinates were found."""
    bare = {name.lower(): name for name in names}
    pairs = [*pairs, *([(bare["x"], bare["y"])] if {"x", "y"} <= set(bare) else [])]
    keys = " or ".join(f"longitude: {a} and latitude: {b}" for a, b in pairs)
    return f" (set {keys}, if those are degrees)" if pairs else ""


def _words(name: str) -> tuple[str | None, frozenset[str]]:
    """Return the word of a name for longitude or latitude, in lower case, and the other words; None if not exactly one.

    Words are separated by other characters than letters and digits, and by capitals: decimalLongitude.
    """
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])", name)]
    found = [word for word in words if word in LONGITUDES or word in LATITUDES]
    rest = list(words)
    if len(found) == 1:
        rest.remove(found[0])
    return (found[0] if len(found) == 1 else None), frozenset(rest)


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """All pairs of columns whose names differ only in the word for longitude and latitude."""
    words = {name: _words(name) for name in names}
    partners = set(zip(LONGITUDES, LATITUDES, strict=True))
    return [
        (a, b)
        for a in names
        if words[a][0] in LONGITUDES
        for b in names
        if (words[a][0], words[b][0]) in partners and words[a][1] == words[b][1] and _shape(a) == _shape(b)
    ]


def _shape(name: str) -> bool:
    """Whether a name is in capitals, so that LON is paired with LAT and not with lat."""
    return name.isupper()


def _usual_points(names: Sequence[str]) -> list[str]:
    known = {*ORDERED, *UNORDERED, *POINTS}
    return [name for name in names if name.lower() in known or _order(name) is not None]


def _order(name: str) -> bool | None:
    """Whether the name of an array implies longitude first; None if it implies no order."""
    return ORDERED.get(re.sub(r"[^a-z]", "", name.lower()))


def _read(file: File, parts: Sequence[Part]) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """Read coordinates as stored, and their names in errors."""
    if len(parts) == 1:
        name = parts[0].name
        texts = file.texts(name)
        if texts is not None and point_texts.pairs(texts) is None:
            return point_texts.read(file.path, name, texts), (name, name)
        pair = _array(file, name)
        first = int(not _is_longitude_first(file.path, name, pair))
        return pair[:, [first, 1 - first]], (f"{name}[{first}]", f"{name}[{1 - first}]")
    columns = [_column(file, part) for part in parts]
    if len(columns[0]) != len(columns[1]):
        first, second = (f"{str(part)!r}" for part in parts)
        raise TableError(
            f"{file.path}: {first} has {len(columns[0])} values and {second} {len(columns[1])}: a grid, not a table"
        )
    return np.column_stack(columns), (str(parts[0]), str(parts[1]))


def _column(file: File, part: Part) -> NDArray[np.float64]:
    if part.index is not None:
        return _array(file, part.name)[:, part.index]
    column = numeric(file.path, part.name, file.read([part.name])[part.name], None)
    if column.ndim != 1:
        raise TableError(
            f"{file.path}: {part.name!r} has {column.ndim} axes; coordinates must have one"
            + (
                f" (set {part.name}[0] and {part.name}[1])"
                if column.ndim == 2 and column.shape[1] == 2
                else ""
            )
        )
    return column.astype(np.float64)


def _array(file: File, name: str) -> NDArray[np.float64]:
    pair = point_texts.pairs(file.texts(name) or ())
    pair = numeric(file.path, name, file.read([name])[name], None) if pair is None else pair
    if pair.ndim != 2 or pair.shape[1] != 2:
        raise TableError(f"{file.path}: {name!r} has the shape {pair.shape}; places must have (n, 2)")
    return pair.astype(np.float64)


def _is_longitude_first(path: Path, name: str, pair: NDArray[np.float64]) -> bool:
    """Whether longitude is first, by the name or by values outside the range of latitudes."""
    by_name = _order(name)
    if by_name is not None:
        return by_name
    beyond = (np.abs(pair) > 90 + geo.ROUNDING).any(axis=0)
    if beyond[0] == beyond[1]:
        raise TableError(
            f"{path}: {name!r} has two columns, and neither its name nor its values identify the longitude; "
            f"set longitude: {name}[0] and latitude: {name}[1], or the reverse"
        )
    return bool(beyond[0])
