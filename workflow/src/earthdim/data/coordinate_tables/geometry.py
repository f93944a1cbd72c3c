"""Geometries of Parquet and GeoParquet files: their column, encoding and reference system.

Used for tables, which need one point per row, and for the polygons from which samples are drawn.
"""

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from earthdim.data.coordinate_tables import geoarrow
from earthdim.data.coordinate_tables.formats.base import TableError, check_rows

CRS84 = "OGC:CRS84"
"""Default coordinate reference system of GeoParquet: degrees, longitude first."""
UNDECLARED = (
    "geometry",
    "geom",
    "the_geom",
    "wkb_geometry",
    "geometry_wkb",
    "wkb",
    "geometry_wkt",
    "wkt",
    ".geo",
)
"""Common names of geometry columns in files without metadata."""
_BOX = re.compile(
    r"(x|y|z|m|lon|lat)_?(min|max)|(min|max)_?(x|y|z|m|lon|lat)|west|south|east|north", re.IGNORECASE
)
# Columns that repeat the geometry.
_PLACES = frozenset({"lon", "lat", "long", "longitude", "latitude"})
_HEX = re.compile(r"\s*0[01][0-9a-fA-F]{8}")
_SRID = re.compile(r"\s*SRID\s*=\s*(\d+)\s*;", re.IGNORECASE)


class Geometry(NamedTuple):
    """A column of geometries, as described by its file.

    Attributes
    ----------
    name : str
        The column.
    encoding : str
        "WKB", "text", or one of GeoArrow's, such as "point".
    crs : object
        Name, text or PROJ JSON of its coordinate reference system; None if the file declares it unknown.
    edges : str
        Interpolation between vertices: "planar" or another.
    place_columns : frozenset of str
        All columns that describe places: geometries, their boxes, and coordinates that repeat them.
    declared : bool
        Whether metadata or types identify it, and not only its name.
    """

    name: str
    encoding: str
    crs: Any
    edges: str
    place_columns: frozenset[str]
    declared: bool


def describe(file: Any, path: Path) -> Geometry | None:
    """Find the geometry of a file.

    Parameters
    ----------
    file : pyarrow.parquet.ParquetFile
        Or an object with its `schema_arrow` and `metadata`.
    path : Path
        For errors.

    Returns
    -------
    Geometry or None
        The primary column of the metadata `geo`; else a column of a geometry type; else a column of bytes or text with
        one of the names in `UNDECLARED`. None if there is none.

    Raises
    ------
    TableError
        If the metadata cannot be read or name a column that does not exist.
    """
    # GDAL writes `geo` only to the file's metadata, which a stored Arrow schema hides.
    metadata = {**(file.metadata.metadata or {}), **(file.schema_arrow.metadata or {})}.get(b"geo")
    names = file.schema_arrow.names
    found = _of_metadata(metadata, path, names) if metadata is not None else None
    for field in file.schema_arrow if found is None else ():
        found = found or geoarrow.of_field(field) or geoarrow.of_logical_type(file, field.name)
    found = found or _undeclared(file.schema_arrow)
    if found is None:
        return None
    name, about = found
    crs = about.get("crs", CRS84)
    encoding = about.get("encoding") or "WKB"
    place_columns = _place_columns(file.schema_arrow, about) | about.get("others", set()) | {name}
    return Geometry(
        name,
        encoding,
        crs,
        about.get("edges") or "planar",
        frozenset(place_columns),
        "undeclared" not in about,
    )


def _of_metadata(metadata: bytes, path: Path, names: list[str]) -> tuple[str, Mapping]:
    try:
        geo = json.loads(metadata)
        name = geo["primary_column"]
        about = {**geo["columns"][name], "others": set(geo["columns"])}
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(
            f"{path}: its metadata 'geo' are invalid ({type(error).__name__}: {error})"
        ) from error
    if name not in names:
        raise TableError(f"{path}: its metadata name the geometry {name!r}, which is not a column")
    return name, about


def _undeclared(schema: Any) -> tuple[str, Mapping] | None:
    """Find a geometry column by name and type only."""
    import pyarrow as pa

    for name in sorted(set(schema.names) & set(UNDECLARED), key=UNDECLARED.index):
        kind = schema.field(name).type
        if any(
            is_type(kind)
            for is_type in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
        ):
            return name, {"undeclared": True}
        if any(
            is_type(kind)
            for is_type in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
        ):
            return name, {"encoding": "text", "undeclared": True}
    return None


def _place_columns(schema: Any, about: Mapping) -> set[str]:
    """Columns of bounding boxes, by metadata or by their fields, and coordinates next to a geometry."""
    import pyarrow as pa

    covering = (about.get("covering") or {}).get("bbox") or {}
    found = {parts[0] for parts in covering.values()}
    flat = {name for name in schema.names if _BOX.fullmatch(name.lower().removeprefix("bbox").strip("_."))}
    found |= flat if len(flat) >= 4 else set()
    for field in schema:
        if pa.types.is_struct(field.type):
            inner = [field.type.field(i).name for i in range(field.type.num_fields)]
            if len(inner) >= 4 and all(_BOX.fullmatch(name) for name in inner):
                found.add(field.name)
        elif field.name.lower() == "bbox" or field.name.lower() in _PLACES:
            found.add(field.name)
    return found


def read(path: Path, about: Geometry, column: Any) -> NDArray[np.object_]:
    """Convert a column to geometries.

    Parameters
    ----------
    path : Path
        For errors.
    about : Geometry
        Description of the column.
    column : pyarrow.ChunkedArray
        All rows.

    Returns
    -------
    ndarray of shapely geometries, shape (n,)
        In degrees of WGS 84, longitude first; None for rows without a geometry.

    Raises
    ------
    TableError
        If the coordinate reference system is not WGS 84 or the values do not match the encoding.
    """
    import shapely

    check_degrees(about.crs, path, about.name)
    try:
        if about.encoding.upper() == "WKB":
            shapes = shapely.from_wkb(column.to_numpy())
        elif about.encoding == "text":
            shapes = parse(column.to_numpy(), path, about.name)
        else:
            shapes = geoarrow.shapes(about.encoding, column)
    except TableError:
        raise
    except (shapely.errors.ShapelyError, TypeError, ValueError) as error:
        raise geometry_error(path, about.name, error) from error
    check_srid(shapes, path, about.name)
    return shapes


def geometry_error(path: Path, name: str, error: Exception) -> TableError:
    """Error for a column whose text or bytes are not geometries."""
    reason = str(error).strip().partition("\n")[0]
    return TableError(f"{path}: {name!r} cannot be read as WKT, GeoJSON or WKB ({reason})")


def warn(message: str) -> None:
    """Issue a UserWarning."""
    warnings.warn(message, UserWarning, stacklevel=2)


def parse(values: Sequence[str | bytes | None], path: Path, name: str | None = None) -> NDArray[np.object_]:
    """Parse geometries: well-known text (also with `SRID=4326;`), well-known binary (also hexadecimal), GeoJSON.

    Parameters
    ----------
    values : sequence of str, bytes or None, n of them
        Encodings may be mixed.
    path, name : Path, str
        File and column, for errors.

    Returns
    -------
    ndarray of shapely geometries, shape (n,)
        None for missing or empty values.

    Raises
    ------
    ValueError
        If a value is not a geometry or has another reference system than degrees of WGS 84.
    """
    import shapely

    given = np.array(
        [None if value is None or not value.strip() else value for value in values], dtype=object
    )
    kinds = np.array([_kind(value) for value in given], dtype=object)
    shapes = np.full(len(given), None, dtype=object)
    for kind, read_from in (("WKB", shapely.from_wkb), ("GeoJSON", shapely.from_geojson)):
        shapes[kinds == kind] = read_from(given[kinds == kind])
    texts = given[kinds == "WKT"]
    for srid in {found[1] for text in texts if (found := _SRID.match(text))} - {"0"}:
        check_degrees(f"EPSG:{srid}", path, name)
    shapes[kinds == "WKT"] = shapely.from_wkt([_SRID.sub("", text, count=1) for text in texts])
    check_srid(shapes, path, name)
    return shapes


def _kind(value: str | bytes | None) -> str | None:
    """Encoding of a text or bytes."""
    if value is None:
        return None
    if isinstance(value, bytes) or _HEX.match(value):
        return "WKB"
    return "GeoJSON" if value.lstrip().startswith("{") else "WKT"


def points(path: Path, name: str, shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return one place per geometry: points themselves, and the centroids of polygons.

    The centroid is computed in the plane of longitude and latitude. A polygon whose vertices are more than 180 degrees
    apart is assumed to cross the date line (or Greenwich, with longitudes from 0 to 360), continued or cut there.

    Parameters
    ----------
    path, name : Path, str
        File and column, for errors.
    shapes : ndarray of shapely geometries, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude and latitude, degrees, as written: longitudes may pass 180.

    Raises
    ------
    TableError
        If a row has no geometry, an empty one, or one that is neither a point nor a polygon.

    Warns
    -----
    UserWarning
        Once, if there are polygons.
    """
    import shapely

    check_rows(
        path, name, shapely.is_missing(shapes) | shapely.is_empty(shapes), "no geometry (null or empty)"
    )
    shapes = _unwrapped(shapes)
    kinds, type_of = shapely.get_type_id(shapes), shapely.GeometryType
    areas = np.isin(kinds, (type_of.POLYGON, type_of.MULTIPOLYGON))
    check_rows(path, name, ~areas & (kinds != type_of.POINT), "geometries other than points and polygons")
    if areas.any():
        warn(
            f"{path}: {name!r} holds polygons in {np.count_nonzero(areas)} of {len(areas)} rows; "
            "their centroids are used"
        )
        shapes[areas] = shapely.centroid(_in_one_piece(path, name, shapes, areas))
    return np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)])


def _unwrapped(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Replace collections of one geometry by that geometry."""
    import shapely

    shapes = shapes.copy()
    while True:
        wrapped = (shapely.get_type_id(shapes) > shapely.GeometryType.POLYGON) & (
            shapely.get_num_geometries(shapes) == 1
        )
        if not wrapped.any():
            return shapes
        shapes[wrapped] = shapely.get_geometry(shapes[wrapped], 0)


def _in_one_piece(
    path: Path, name: str, shapes: NDArray[np.object_], areas: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Return the polygons with all vertices moved by multiples of 360 degrees to within 180 of the first."""
    import shapely

    found = shapes[areas]
    wide = _widths(found) > 180
    if wide.any():
        xy, owner = shapely.get_coordinates(found[wide], return_index=True)
        first = xy[np.searchsorted(owner, np.arange(owner[-1] + 1)), 0][owner]
        xy[:, 0] -= 360 * np.round((xy[:, 0] - first) / 360)
        found[wide] = shapely.set_coordinates(shapely.force_2d(found[wide]), xy)
        still = np.zeros(len(shapes), dtype=bool)
        still[areas] = _widths(found) > 180
        check_rows(path, name, still, "polygons more than 180 degrees wide, which have no unique centre,")
    return found


def _widths(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    import shapely

    west, _, east, _ = shapely.bounds(shapes).T
    return east - west


def check_srid(shapes: NDArray[np.object_], path: Path, name: str | None = None) -> None:
    """Raise TableError if geometries of extended WKB or WKT have another reference system than EPSG:4326."""
    import shapely

    srids = shapely.get_srid(shapes)
    others = np.unique(srids[~np.isin(srids, (-1, 0, 4326))])
    if len(others):
        check_degrees(f"EPSG:{others[0]}", path, name)


def check_degrees(system: Any, path: Path, name: str | None = None) -> None:
    """Raise TableError unless a coordinate reference system, as text or PROJ JSON, is WGS 84 in degrees.

    The axis order of the system is ignored: all supported encodings store longitude first.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    what = str(path) if name is None else f"{path}: {name!r}"
    if system is None:
        raise TableError(f"{what} has no coordinate reference system")
    try:
        known = CRS.from_user_input(system)
    except CRSError as error:
        raise TableError(f"{what} has an unknown coordinate reference system ({error})") from error
    degrees = (CRS84, "EPSG:4326", "EPSG:4979")
    if not any(known.equals(one, ignore_axis_order=True) for one in degrees):
        raise TableError(
            f"{what} is in {known.name}; only WGS 84 in degrees (EPSG:4326, {CRS84}) is supported"
        )
