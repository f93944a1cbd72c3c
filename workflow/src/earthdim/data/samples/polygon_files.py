"""Read polygons from files, whose format is recognised by their first bytes."""

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earthdim.data.coordinate_tables import TableError, geometry
from earthdim.data.samples.whole_polygons import whole

if TYPE_CHECKING:
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry

READ = "GeoJSON, well-known text or binary (WKT, WKB) and GeoParquet are supported"
# First bytes of unsupported formats.
_OTHERS = {
    b"\x00\x00\x27\x0a": "a shapefile",
    b"SQLite format 3\x00": "a GeoPackage or another SQLite database",
    b"fgb": "a FlatGeobuf file",
    b"PK": "a zip archive, such as of a shapefile or KMZ",
    b"<": "XML, such as KML or GML",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
    b"CDF": "a NetCDF file",
    b"\x89HDF": "an HDF5 or NetCDF file",
}
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Boundary between two well-known texts on separate lines.
_NEXT_TEXT = re.compile(r"(?:(?<=\))|(?<=EMPTY))\s*[\n;]\s*(?=[A-Za-z])")
_HEX = re.compile(r"(0[01][0-9a-fA-F]{8,}\s*)+")
_WORD = re.compile(r"(SRID\s*=|[A-Za-z]+\s*[(A-Za-z])", re.IGNORECASE)


def read(path: str) -> list["Polygon"]:
    """Read the polygons of a file.

    Parameters
    ----------
    path : str
        GeoJSON (also newline-delimited, or a text sequence), well-known text (also `SRID=4326;`, one or more), WKB as
        bytes or in hexadecimal, or GeoParquet; text in UTF-8 or UTF-16, with or without a byte order mark; or one of
        these compressed by gzip.

    Returns
    -------
    list of Polygon
        Valid, in degrees from -180 to 180 and -90 to 90. Features without a geometry are skipped, and empty geometries
        with a warning.

    Raises
    ------
    ValueError
        If the file has another format, is damaged, is not in degrees of WGS 84, or holds no polygons or other
        geometries.
    """
    try:
        items = list(_items(Path(path)))
    except TableError as error:
        raise ValueError(f"sample.path: {error}") from error
    if len(items) == 1 and items[0] is not None and items[0].geom_type == "GeometryCollection":
        items = list(items[0].geoms)
    found, empty = [], 0
    for number, item in enumerate(items):
        what = f"sample.path: {path}: geometry {number}"
        parts = list(flat(item)) if item is not None else []
        empty += sum(part.is_empty for part in parts) or (item is not None and not parts)
        found += [one for part in parts if not part.is_empty for one in whole(part, what)]
    if not found:
        reason = f" (all {len(items)} geometries are null or empty)" if items else ""
        raise ValueError(f"sample.path: {path} holds no polygon{reason}")
    if empty:
        geometry.warn(f"{path}: {empty} empty geometries are skipped")
    return found


def flat(item: "BaseGeometry") -> Iterator["BaseGeometry"]:
    """Iterate over the single geometries of nested collections."""
    parts = getattr(item, "geoms", None)
    if parts is None:
        yield item
    else:
        for part in parts:
            yield from flat(part)


def _items(path: Path) -> Iterator["BaseGeometry | None"]:
    """Geometries of a file, in its order; None for a feature without geometry."""
    import shapely

    if path.is_dir():
        raise ValueError(f"sample.path: {path} is a folder; {READ}")
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        if content.startswith(b"PAR1"):
            return _geoparquet(path, content)
        if content[:1] in (b"\x00", b"\x01") and content[:4] not in _OTHERS:
            return iter([_in_degrees(path, shapely.from_wkb(content))])
        return _of_text(path, _text(path, content).strip("\x1e\x00 \t\r\n"))
    except (shapely.errors.ShapelyError, ValueError, RecursionError, EOFError, zlib.error, OSError) as error:
        if str(error).startswith(f"sample.path: {path}") or isinstance(error, TableError):
            raise
        reason = " ".join(str(error).split())
        raise ValueError(f"sample.path: {path} cannot be read as polygons ({reason}); {READ}") from error


def _text(path: Path, content: bytes) -> str:
    """Decode the file as text, unless it has a known unsupported format."""
    mark = next((mark for mark in _MARKS if content.startswith(mark)), b"")
    start = content.removeprefix(mark).lstrip()
    other = next((name for begins, name in _OTHERS.items() if start.startswith(begins)), None)
    if other is not None:
        raise ValueError(
            f"sample.path: {path} is {other}; {READ}: convert it, for example with "
            f"'ogr2ogr -t_srs EPSG:4326 polygons.geojson {path.name}'"
        )
    return content.decode(_MARKS.get(mark, "utf-8"))


def _of_text(path: Path, text: str) -> Iterator["BaseGeometry | None"]:
    import shapely

    if text[:1] in ("{", "["):
        return iter(list(_geojson(path, text)))
    if _HEX.fullmatch(text):
        return iter([_in_degrees(path, shapely.from_wkb(one)) for one in text.split()])
    texts = np.array(_NEXT_TEXT.split(text.rstrip(";")), dtype=object)
    if not _WORD.match(text):
        raise ValueError("its first characters match none of the formats")
    return iter(geometry.parse(texts, path))


def _in_degrees(path: Path, item: "BaseGeometry") -> "BaseGeometry":
    geometry.check_srid(np.array([item]), path)
    return item


def _geojson(path: Path, text: str) -> Iterator["BaseGeometry | None"]:
    """Geometries of GeoJSON, one object or several in sequence."""
    decoder, place = json.JSONDecoder(), 0
    while place < len(text):
        content, place = decoder.raw_decode(text, place)
        for one in content if isinstance(content, list) else [content]:
            yield from _members(path, one)
        while place < len(text) and text[place] in " \t\r\n\x1e":
            place += 1


def _members(path: Path, content: object) -> Iterator["BaseGeometry | None"]:
    """Geometries of a feature collection, a feature or a geometry."""
    import shapely

    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "Topology":
        raise ValueError(
            f"sample.path: {path} is TopoJSON; {READ}: convert it, for example with "
            f"'ogr2ogr polygons.geojson {path.name}'"
        )
    if kind is None:
        raise ValueError(f"it holds JSON without a type: {str(content)[:40]}")
    # `crs` belongs to the predecessor of RFC 7946, which allows only degrees.
    if content.get("crs") is not None:
        named = content["crs"].get("properties") if isinstance(content["crs"], dict) else None
        geometry.check_degrees(
            named.get("name", "") if isinstance(named, dict) else str(content["crs"]), path
        )
    if kind == "FeatureCollection":
        for feature in content.get("features") or ():
            yield from _members(path, feature)
    elif kind == "Feature":
        inner = content.get("geometry")
        yield None if inner is None else shapely.from_geojson(json.dumps(inner))
    else:
        yield shapely.from_geojson(json.dumps(content))


def _geoparquet(path: Path, content: bytes) -> Iterator["BaseGeometry | None"]:
    """Geometries of the primary geometry column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        about = geometry.describe(file, path)
        if about is None:
            raise ValueError(
                f"sample.path: {path} is not GeoParquet: neither metadata nor names of columns identify a geometry"
            )
        column = file.read(columns=[about.name])[about.name]
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"sample.path: {path} cannot be read as GeoParquet ({error})") from error
    if about.edges != "planar":
        raise ValueError(
            f"sample.path: {path}: {about.name!r} has {about.edges} edges; only planar edges, straight in longitude "
            "and latitude, are supported"
        )
    return iter(geometry.read(path, about, column))
