"""Where a table's places stand, by what its columns are called, and their coordinates: for all formats alike.

`longitude` and `latitude` may each name a column, or one of two columns of an array (``coords[0]``); both may name one
column, which then holds points: text of WKT or GeoJSON, WKB, or two numbers (an array (n, 2), lists, text) whose order
its name or its values tell. A field of a struct is ``struct.field``. Without the keys it is, the first that is there:
the geometry of a GeoParquet file; ``lon`` and ``lat``; the one pair of columns with names such as longitude and
latitude, LON and LAT, lng and lat, decimalLongitude and decimalLatitude, centre_lon and centre_lat; the one array or
column of points with a name such as lonlat, coords or .geo.
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

# What coordinates are called where nobody says.
LONGITUDE, LATITUDE = "lon", "lat"
LONGITUDES = ("lon", "long", "lng", "longitude", "longitudes", "lons")
LATITUDES = ("lat", "lat", "lat", "latitude", "latitudes", "lats")
# Words beside them that make no other place of it: the middle of a tile, the unit.
SAME_PLACE = frozenset({
    "decimal", "dd", "deg", "degree", "degrees", "wgs84", "epsg", "4326", "gps", "center", "centre", "centroid",
    "point", "coord", "coords", "coordinates", "location", "position", "geometry", "geo",
})  # fmt: skip
# Arrays (n, 2) by name: those that tell their order, True for longitude first, and those that do not.
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
# What an export of Earth Engine holds beside the place and the vector.
EARTH_ENGINE = (".geo", "system:index")


class Part(NamedTuple):
    """A column of coordinates: its name, and which of its two columns if it is an array."""

    name: str
    index: int | None = None

    def __str__(self) -> str:
        return self.name if self.index is None else f"{self.name}[{self.index}]"


def coordinates(
    file: File, longitude: str | None, latitude: str | None
) -> tuple[NDArray[np.float64], set[str]]:
    """Checked coordinates (n, 2), longitude and latitude in degrees, and the columns that they stand in.

    Raises
    ------
    TableError
        If a column is missing or not numeric, it cannot be told where the places stand or in which order, or a
        coordinate is missing or out of range; see `earthdim.data.coordinate_tables.read`.
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
    """Tell by names alone where places stand: a part for longitude and one for latitude, or one column of points.

    Raises
    ------
    TableError
        If a column is missing, or the names leave it open.
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
    """The column beside the one that is named: the usual one, or that whose name differs in this one word."""
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
        told = [f"{a!r} and {b!r}" for a, b in plain] or [repr(name) for name in others]
        raise TableError(
            f"{path}: its places may stand in {' or in '.join(told)}: name the columns by longitude and latitude"
        )
    if others:
        return (Part(others[0]),)
    missing = next(name for name in (LONGITUDE, LATITUDE) if name not in names)
    raise TableError(f"{path}: has no column {missing!r}; {listed(names)}{_advice(names, pairs)}")


def _advice(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> str:
    """What might be meant where nothing is found."""
    bare = {name.lower(): name for name in names}
    pairs = [*pairs, *([(bare["x"], bare["y"])] if {"x", "y"} <= set(bare) else [])]
    told = " or ".join(f"longitude: {a} and latitude: {b}" for a, b in pairs)
    return f" (say {told}, if those are degrees)" if pairs else ""


def _words(name: str) -> tuple[str | None, frozenset[str]]:
    """The word of a name that says longitude or latitude, in lower case, and the other words; None if it has not one.

    Words end at other signs than letters and digits, and at capitals: decimalLongitude.
    """
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])", name)]
    found = [word for word in words if word in LONGITUDES or word in LATITUDES]
    rest = list(words)
    if len(found) == 1:
        rest.remove(found[0])
    return (found[0] if len(found) == 1 else None), frozenset(rest)


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """All pairs of columns that differ in the word for longitude and latitude, and in no other."""
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
    """Whether a name is in capitals: LON goes with LAT where lon and lat are there too."""
    return name.isupper()


def _usual_points(names: Sequence[str]) -> list[str]:
    known = {*ORDERED, *UNORDERED, *POINTS}
    return [name for name in names if name.lower() in known or _order(name) is not None]


def _order(name: str) -> bool | None:
    """Whether the name of an array says longitude first; None where it tells nothing."""
    return ORDERED.get(re.sub(r"[^a-z]", "", name.lower()))


def _read(file: File, parts: Sequence[Part]) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """Coordinates as they stand in the file, and what errors call them."""
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
        told = [f"{str(part)!r} has {len(column)}" for part, column in zip(parts, columns, strict=True)]
        raise TableError(
            f"{file.path}: {told[0]} values and {told[1].replace(' has', '')}: a grid is no table"
        )
    return np.column_stack(columns), (str(parts[0]), str(parts[1]))


def _column(file: File, part: Part) -> NDArray[np.float64]:
    if part.index is not None:
        return _array(file, part.name)[:, part.index]
    column = numeric(file.path, part.name, file.read([part.name])[part.name], None)
    if column.ndim != 1:
        raise TableError(
            f"{file.path}: {part.name!r} has {column.ndim} axes, and coordinates have one"
            + (
                f" (say {part.name}[0] and {part.name}[1])"
                if column.ndim == 2 and column.shape[1] == 2
                else ""
            )
        )
    return column.astype(np.float64)


def _array(file: File, name: str) -> NDArray[np.float64]:
    pair = point_texts.pairs(file.texts(name) or ())
    pair = numeric(file.path, name, file.read([name])[name], None) if pair is None else pair
    if pair.ndim != 2 or pair.shape[1] != 2:
        raise TableError(f"{file.path}: {name!r} has the shape {pair.shape}, and places have (n, 2)")
    return pair.astype(np.float64)


def _is_longitude_first(path: Path, name: str, pair: NDArray[np.float64]) -> bool:
    """By the name, or by values that no latitude has."""
    told = _order(name)
    if told is not None:
        return told
    beyond = (np.abs(pair) > 90 + geo.ROUNDING).any(axis=0)
    if beyond[0] == beyond[1]:
        raise TableError(
            f"{path}: {name!r} has two columns, and neither its name nor its values tell which is the longitude: "
            f"say longitude: {name}[0] and latitude: {name}[1], or the other way round"
        )
    return bool(beyond[0])
