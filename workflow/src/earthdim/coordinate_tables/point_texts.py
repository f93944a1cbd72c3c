"""Points as text or bytes in a column: WKT, GeoJSON, WKB, WKB in hexadecimal digits; with SRID=4326 or none."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim.coordinate_tables.formats.base import TableError, refuse

# The degrees of WGS 84, as PostGIS numbers them; 0 says nothing.
_DEGREES = (0, 4326)
_SRID = re.compile(r"^\s*SRID=(\d+);", re.IGNORECASE)

_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_PAIR = re.compile(rf"^\s*[(\[]?\s*{_NUMBER}\s*[,; ]\s*{_NUMBER}\s*[)\]]?\s*$")


def read(path: Path, name: str, values: Sequence[str | bytes | None]) -> NDArray[np.float64]:
    """Points (n, 2), longitude and latitude, of a column.

    Raises
    ------
    TableError
        If a row holds no point, or another reference system.
    """
    import shapely

    missing = np.array([value is None or not value.strip() for value in values], dtype=bool)
    refuse(path, name, missing, "no point")
    if not len(missing):
        return np.empty((0, 2))
    try:
        shapes = np.array([_shape(value) for value in values], dtype=object)
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError) as error:
        told = str(error).strip().partition("\n")[0]
        raise TableError(
            f"{path}: {name!r} holds no points as WKT, GeoJSON or WKB ({told}): "
            "name two columns by longitude and latitude"
        ) from error
    refuse(
        path, name, ~np.isin(shapely.get_srid(shapes), _DEGREES), "points in another system than EPSG:4326"
    )
    single = (shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOINT) & (
        shapely.get_num_geometries(shapes) == 1
    )
    shapes[single] = shapely.get_geometry(shapes[single], 0)
    wrong = (shapely.get_type_id(shapes) != shapely.GeometryType.POINT) | shapely.is_empty(shapes)
    refuse(path, name, wrong, "something else than a point")
    return np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)])


def pairs(values: Sequence[str | bytes | None]) -> NDArray[np.float64] | None:
    """Texts such as ``52.5, 13.4`` or ``(52.5 13.4)`` as numbers (n, 2), in their order; None if one is none."""
    found = [_PAIR.match(value) if isinstance(value, str) else None for value in values]
    if not found or None in found:
        return None
    return np.array([match.groups() for match in found]).astype(np.float64)


def _shape(value: str | bytes):
    import shapely

    if isinstance(value, bytes):
        return shapely.from_wkb(value)
    text = value.strip()
    if text.startswith("{"):
        about = json.loads(text)
        about = about["geometry"] if about.get("type") == "Feature" else about
        return shapely.from_geojson(json.dumps(about))
    if re.fullmatch(r"(00|01)[0-9A-Fa-f]+", text):
        return shapely.from_wkb(text)
    srid = _SRID.match(text)
    shape = shapely.from_wkt(text[srid.end() :] if srid else text)
    return shapely.set_srid(shape, int(srid[1])) if srid else shape
