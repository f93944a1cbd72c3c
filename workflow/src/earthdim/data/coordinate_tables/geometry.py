"""Geometries of Parquet and GeoParquet files: which column holds them, how they are written, where they lie.

For tables, which need a point a row, and for the polygons from which samples are drawn.
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
"""What GeoParquet means where it names no coordinate reference system: degrees, longitude first."""
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
"""What people call a column of geometries where no metadata tell of one."""
_BOX = re.compile(
    r"(x|y|z|m|lon|lat)_?(min|max)|(min|max)_?(x|y|z|m|lon|lat)|west|south|east|north", re.IGNORECASE
)
# With a geometry, these repeat it.
_PLACES = frozenset({"lon", "lat", "long", "longitude", "latitude"})
_HEX = re.compile(r"\s*0[01][0-9a-fA-F]{8}")
_SRID = re.compile(r"\s*SRID\s*=\s*(\d+)\s*;", re.IGNORECASE)


class Geometry(NamedTuple):
    """A column of geometries, as its file describes it.

    Attributes
    ----------
    name : str
        The column.
    encoding : str
        "WKB", "text", or one of GeoArrow's, such as "point".
    crs : object
        Name, text or PROJ JSON of its coordinate reference system; None where the file says that nobody knows it.
    edges : str
        "planar", or what else lies between two vertices.
    belonging : frozenset of str
        All columns that describe places: geometries, their boxes, and coordinates that repeat them.
    declared : bool
        Whether metadata or types say so, or the name alone.
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
        Or what has its `schema_arrow` and `metadata`.
    path : Path
        For errors.

    Returns
    -------
    Geometry or None
        The primary column of the metadata `geo`, wherever these stand; else a column whose type says that it holds
        geometries; else one of the names `UNDECLARED` that holds bytes or text. None if there is none.

    Raises
    ------
    TableError
        If the metadata cannot be read or name a column that is not there.
    """
    # GDAL writes `geo` among the file's own metadata alone; Arrow's schema, once stored, hides those.
    told = {**(file.metadata.metadata or {}), **(file.schema_arrow.metadata or {})}.get(b"geo")
    names = file.schema_arrow.names
    found = _of_metadata(told, path, names) if told is not None else None
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


def _of_metadata(told: bytes, path: Path, names: list[str]) -> tuple[str, Mapping]:
    try:
        geo = json.loads(told)
        name = geo["primary_column"]
        about = {**geo["columns"][name], "others": set(geo["columns"])}
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(
            f"{path}: its metadata 'geo' do not describe a geometry ({type(error).__name__}: {error})"
        ) from error
    if name not in names:
        raise TableError(f"{path}: its metadata name the geometry {name!r}, and there is no such column")
    return name, about


def _undeclared(schema: Any) -> tuple[str, Mapping] | None:
    """A column whose name and type alone speak for geometries."""
    import pyarrow as pa

    for name in sorted(set(schema.names) & set(UNDECLARED), key=UNDECLARED.index):
        kind = schema.field(name).type
        if any(
            told(kind) for told in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
        ):
            return name, {"undeclared": True}
        if any(
            told(kind) for told in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
        ):
            return name, {"encoding": "text", "undeclared": True}
    return None


def _place_columns(schema: Any, about: Mapping) -> set[str]:
    """The boxes of geometries, by the metadata or by what they are made of, and coordinates beside a geometry."""
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
    """Make geometries of a column.

    Parameters
    ----------
    path : Path
        For errors.
    about : Geometry
        Of this column.
    column : pyarrow.ChunkedArray
        All rows.

    Returns
    -------
    ndarray of shapely geometries, shape (n,)
        In degrees of WGS 84, longitude first; None where a row has none.

    Raises
    ------
    TableError
        If the coordinate reference system is another or the values are not what the encoding says.
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
    """The error of a column whose text or bytes are none."""
    told = str(error).strip().partition("\n")[0]
    return TableError(f"{path}: {name!r} holds no geometry as WKT, GeoJSON or WKB ({told})")


def warn(told: str) -> None:
    """Tell the user something that does not stop the work."""
    warnings.warn(told, UserWarning, stacklevel=2)


def parse(values: Sequence[str | bytes | None], path: Path, name: str | None = None) -> NDArray[np.object_]:
    """Make geometries of text or bytes: well-known text (also with `SRID=4326;`) or binary, hexadecimal too, GeoJSON.

    Parameters
    ----------
    values : sequence of str, bytes or None, n of them
        Each of its own kind.
    path, name : Path, str
        File and column, for errors.

    Returns
    -------
    ndarray of shapely geometries, shape (n,)
        None where there is no text.

    Raises
    ------
    ValueError
        If a text is no geometry or names another reference system than degrees of WGS 84.
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
    """What a text or bytes look like."""
    if value is None:
        return None
    if isinstance(value, bytes) or _HEX.match(value):
        return "WKB"
    return "GeoJSON" if value.lstrip().startswith("{") else "WKT"


def points(path: Path, name: str, shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """One place a geometry: points as they are, polygons at their centre.

    The centre is the centroid in the plane of longitude and latitude. A footprint whose vertices are more than 180
    degrees apart is taken to cross the date line (or Greenwich, with longitudes from 0 to 360), drawn on or cut there.

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
        If a row has no geometry or an empty one, or one that is neither a point nor a polygon.

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
    check_rows(path, name, ~areas & (kinds != type_of.POINT), "something else than a point or a polygon")
    if areas.any():
        warn(
            f"{path}: {name!r} holds polygons in {np.count_nonzero(areas)} of {len(areas)} rows; "
            "each is read at its centre (the centroid)"
        )
        shapes[areas] = shapely.centroid(_in_one_piece(path, name, shapes, areas))
    return np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)])


def _unwrapped(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Collections of one geometry as that one."""
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
    """The polygons, each moved by whole turns to where its first vertex is."""
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
        check_rows(path, name, still, "polygons more than 180 degrees wide, which have no one centre,")
    return found


def _widths(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    import shapely

    west, _, east, _ = shapely.bounds(shapes).T
    return east - west


def check_srid(shapes: NDArray[np.object_], path: Path, name: str | None = None) -> None:
    """Refuse geometries of extended WKB or WKT that name another reference system than EPSG:4326."""
    import shapely

    srids = shapely.get_srid(shapes)
    others = np.unique(srids[~np.isin(srids, (-1, 0, 4326))])
    if len(others):
        check_degrees(f"EPSG:{others[0]}", path, name)


def check_degrees(system: Any, path: Path, name: str | None = None) -> None:
    """Refuse a coordinate reference system, as text or PROJ JSON, other than WGS 84 in degrees.

    The order of its axes does not matter: what is read here has longitude first whatever it says.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    what = str(path) if name is None else f"{path}: {name!r}"
    if system is None:
        raise TableError(f"{what} is in no coordinate reference system")
    try:
        known = CRS.from_user_input(system)
    except CRSError as error:
        raise TableError(f"{what} has an unknown coordinate reference system ({error})") from error
    degrees = (CRS84, "EPSG:4326", "EPSG:4979")
    if not any(known.equals(one, ignore_axis_order=True) for one in degrees):
        raise TableError(f"{what} is in {known.name}; only degrees of WGS 84 (EPSG:4326, {CRS84}) are read")
