"""Points in a column of text or bytes: WKT, GeoJSON, WKB, hexadecimal WKB; with SRID=4326 or none."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim.data.coordinate_tables import geometry
from earthdim.data.coordinate_tables.formats.base import TableError

_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_PAIR = re.compile(rf"^\s*[(\[]?\s*{_NUMBER}\s*[,; ]\s*{_NUMBER}\s*[)\]]?\s*$")


def read(path: Path, name: str, values: Sequence[str | bytes | None]) -> NDArray[np.float64]:
    """Read points (n, 2), longitude and latitude, from a column.

    Raises
    ------
    TableError
        If a row holds no point, or has another reference system.
    """
    import shapely

    try:
        shapes = geometry.parse(values, path, name)
    except TableError:
        raise
    except (shapely.errors.ShapelyError, ValueError, TypeError) as error:
        raise geometry.geometry_error(path, name, error) from error
    return geometry.points(path, name, shapes)


def pairs(values: Sequence[str | bytes | None]) -> NDArray[np.float64] | None:
    """Parse texts such as ``52.5, 13.4`` or ``(52.5 13.4)`` to numbers (n, 2) in their order; None if one fails."""
    found = [_PAIR.match(value) if isinstance(value, str) else None for value in values]
    if not found or None in found:
        return None
    return np.array([match.groups() for match in found]).astype(np.float64)
