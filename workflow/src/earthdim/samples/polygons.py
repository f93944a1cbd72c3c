"""Independent points, uniform by area, within the polygons of a file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earthdim.samples.domain import CHUNK, Box, Condition, accepted, equal_area, existing, ground

if TYPE_CHECKING:
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry

WIDEST = 180.0
"""Degrees of longitude that one polygon may span: a wider one is more likely to cross the date line the wrong way."""


def polygon(
    n: int, rng: np.random.Generator, is_land: Condition, path: str, over: str
) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area within the polygons of a file, by rejection from the box around each.

    Edges are straight in longitude and latitude, as GeoJSON has them, and not arcs of great circles. Holes are left
    out; what several polygons cover counts once. A polygon that crosses the date line must be cut there in two, so
    that none is wider than 180 degrees.

    Parameters
    ----------
    n : int
        Number of points.
    rng : numpy.random.Generator
        Source of the draw; always advanced by whole chunks of proposals.
    is_land : callable
        Takes coordinates, shape (m, 2), degrees, and returns m booleans.
    path : str
        Polygons in degrees of longitude and latitude: GeoJSON (.geojson, .json), well-known text (.wkt) or GeoParquet
        (.parquet, .geoparquet).
    over : {"land", "globe"}
        Whether the sea is left out.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude and latitude, degrees.

    Raises
    ------
    ValueError
        If `n` is below 1, `over` is unknown, the file cannot be read or does not hold valid polygons in degrees, or
        no point is found in them.
    FileNotFoundError
        If there is no such file.

    References
    ----------
    RFC 7946, The GeoJSON format, sections 3.1.1 (edges) and 3.1.9 (the date line).
    """
    import shapely

    conditions = ground(over, is_land)
    parts = np.array(list(_flat(shapely.union_all(_polygons(existing(path))))), dtype=object)
    shapely.prepare(parts)
    west, south, east, north = shapely.bounds(parts).T
    boxes = np.stack([west, east - west, south, north])
    # Parts do not overlap. Each is proposed in proportion to the area of its box, so that all ground is proposed alike.
    share = np.cumsum((east - west) * (np.sin(np.radians(north)) - np.sin(np.radians(south))))

    def proposals() -> NDArray[np.float64]:
        unit = rng.random((CHUNK, 3))
        part = np.searchsorted(share / share[-1], unit[:, 0], side="right")
        lonlat = equal_area(unit[:, 1:], Box(*boxes[:, part]))
        return lonlat[shapely.contains_xy(parts[part], lonlat)]

    sought = "is_land: no land" if conditions else "sample.path: nothing inside"
    return accepted(n, proposals, conditions, f"the boxes around the polygons of {path}", sought)


def _polygons(path: str) -> list["Polygon"]:
    """Read the polygons of a file, each valid, in degrees and no wider than it may be."""
    import shapely

    readers = {
        ".geojson": _geojson,
        ".json": _geojson,
        ".wkt": _text,
        ".parquet": _geoparquet,
        ".geoparquet": _geoparquet,
    }
    reader = readers.get(Path(path).suffix.lower())
    if reader is None:
        raise ValueError(f"sample.path: {path} ends in none of {', '.join(readers)}")
    try:
        found = list(_flat(reader(path)))
    except (shapely.errors.GEOSException, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"sample.path: {path} cannot be read as polygons ({error})") from error
    if not found:
        raise ValueError(f"sample.path: {path} holds no polygon")
    for number, one in enumerate(found):
        _check_polygon(one, f"sample.path: {path}: geometry {number}")
    return found


def _check_polygon(one: "BaseGeometry", what: str) -> None:
    import shapely

    if one.geom_type != "Polygon" or one.is_empty:
        raise ValueError(f"{what} is {'empty' if one.is_empty else f'a {one.geom_type}'}, not a polygon")
    if not one.is_valid:
        raise ValueError(f"{what} is not valid ({shapely.is_valid_reason(one)})")
    west, south, east, north = one.bounds
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise ValueError(f"{what} is not in degrees from -180 to 180 and -90 to 90")
    if east - west > WIDEST:
        raise ValueError(
            f"{what} spans {east - west:g} degrees of longitude; cut it at the date line, or in two (RFC 7946)"
        )


def _flat(geometry: "BaseGeometry") -> Iterator["BaseGeometry"]:
    """Every single geometry inside nested collections."""
    parts = getattr(geometry, "geoms", None)
    if parts is None:
        yield geometry
    else:
        for part in parts:
            yield from _flat(part)


def _geojson(path: str) -> "BaseGeometry":
    import shapely

    text = Path(path).read_text(encoding="utf-8")
    content = json.loads(text)
    # A member of the standard's forerunner; RFC 7946 knows degrees only.
    if isinstance(content, dict) and content.get("crs") is not None:
        named = content["crs"].get("properties", {}) if isinstance(content["crs"], dict) else {}
        _check_degrees(named.get("name"), path)
    return shapely.from_geojson(text)


def _text(path: str) -> "BaseGeometry":
    import shapely

    return shapely.from_wkt(Path(path).read_text(encoding="utf-8"))


def _geoparquet(path: str) -> "BaseGeometry":
    """Read the primary geometry column, as GeoParquet 1.1 describes it in the file's metadata."""
    import pyarrow
    import shapely
    from pyarrow import parquet

    try:
        about = (parquet.read_schema(path).metadata or {}).get(b"geo")
        if about is None:
            raise ValueError(f"sample.path: {path} is no GeoParquet: its metadata do not describe a geometry")
        name = json.loads(about)["primary_column"]
        column = json.loads(about)["columns"][name]
        binary = parquet.read_table(path, columns=[name])[name].to_pylist()
    except (pyarrow.ArrowInvalid, KeyError) as error:
        raise ValueError(f"sample.path: {path} cannot be read as GeoParquet ({error})") from error
    # Without the key, the coordinate reference system is OGC:CRS84; null says that nobody knows it.
    if "crs" in column:
        _check_degrees(column["crs"], path)
    if column.get("encoding") != "WKB" or column.get("edges", "planar") != "planar":
        raise ValueError(f"sample.path: {path}: {name} is not WKB with planar edges")
    return shapely.GeometryCollection([one for one in shapely.from_wkb(binary) if one is not None])


def _check_degrees(system: Any, path: str) -> None:
    """Refuse a coordinate reference system, as text or PROJ JSON, other than WGS 84 in degrees."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        known = CRS.from_user_input(system)
    except CRSError as error:
        raise ValueError(f"sample.path: {path}: unknown coordinate reference system ({error})") from error
    if not any(known.equals(degrees, ignore_axis_order=True) for degrees in ("OGC:CRS84", "EPSG:4326")):
        raise ValueError(
            f"sample.path: {path} is in {known.name}; only degrees of WGS 84 are read (EPSG:4326)"
        )
