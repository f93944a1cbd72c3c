"""The native encodings of GeoParquet 1.1 and GeoArrow: nested lists of coordinates."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEPTHS = {"point": 0, "linestring": 1, "polygon": 2, "multipoint": 1, "multilinestring": 2, "multipolygon": 3}
"""Levels of lists around the coordinates of each kind of geometry."""


def of_field(field: Any) -> tuple[str, Mapping] | None:
    """Geometry described by the type of an Arrow field: name, and encoding, reference system and edges."""
    metadata = field.metadata or {}
    name = metadata.get(b"ARROW:extension:name", b"").decode()
    details = metadata.get(b"ARROW:extension:metadata", b"")
    # Arrow's built-in extension types, such as fixed-shape tensors, do not appear in the metadata.
    if hasattr(field.type, "__arrow_ext_serialize__"):
        name, details = field.type.extension_name, field.type.__arrow_ext_serialize__()
    encoding = name.lower().removeprefix("geoarrow.")
    if not name.lower().startswith(("geoarrow.", "ogc.")):
        return None
    written = {"ogc.wkb": "WKB", "wkb": "WKB", "wkt": "text"}
    about = json.loads(details or b"{}")
    # GeoArrow omits an unknown reference system; degrees are the most likely, and ranges are checked later.
    crs = {"crs": about["crs"]} if about.get("crs") is not None else {}
    return field.name, {"encoding": written.get(encoding, encoding), "edges": about.get("edges"), **crs}


def of_logical_type(file: Any, name: str) -> tuple[str, Mapping] | None:
    """Geometry described by Parquet's types GEOMETRY and GEOGRAPHY; `file` is a ParquetFile or has no `schema`."""
    schema = getattr(file, "schema", None)
    for number in range(len(schema.names)) if schema is not None else ():
        column = schema.column(number)
        if column.path == name and column.logical_type.type in ("GEOMETRY", "GEOGRAPHY"):
            about = json.loads(column.logical_type.to_json())
            edges = (
                "planar" if column.logical_type.type == "GEOMETRY" else about.get("algorithm", "spherical")
            )
            crs = {"crs": _named(about["crs"], file)} if about.get("crs") else {}
            return name, {"encoding": "WKB", "edges": edges, **crs}
    return None


def _named(crs: str, file: Any) -> str:
    """Resolve a reference system with the prefixes of Parquet's specification."""
    kind, _, rest = crs.partition(":")
    if kind == "srid":
        return f"EPSG:{rest}" if rest != "0" else "OGC:CRS84"
    if kind == "projjson":
        return (file.metadata.metadata or {}).get(rest.encode(), b"").decode()
    return crs


def shapes(encoding: str, column: Any) -> NDArray[np.object_]:
    """Convert a column in a native encoding to geometries.

    Parameters
    ----------
    encoding : str
        One of `DEPTHS`.
    column : pyarrow.ChunkedArray
        Lists around structs of x and y, or around lists of two numbers or more.

    Returns
    -------
    ndarray of shapely geometries, shape (n,)
        In two dimensions; None for null rows.

    Raises
    ------
    ValueError
        If the encoding is unknown, or the column does not match it.
    """
    import pyarrow as pa
    import shapely

    if encoding not in DEPTHS:
        raise ValueError(f"the encoding {encoding} is not one of WKB, {', '.join(DEPTHS)}")
    found = np.full(len(column), None, dtype=object)
    there = column.is_valid().to_numpy()
    rows = pa.concat_arrays([chunk.drop_null() for chunk in column.chunks]) if column.num_chunks else None
    if rows is None or not len(rows):
        return found
    rows = rows.storage if isinstance(rows, pa.ExtensionArray) else rows
    offsets = []
    for _ in range(DEPTHS[encoding]):
        if not hasattr(rows, "flatten") or pa.types.is_struct(rows.type):
            raise ValueError(f"its type {column.type} is not of the encoding {encoding}")
        offsets.append(_offsets(rows))
        rows = rows.flatten()
    kind = shapely.GeometryType[encoding.upper()]
    found[there] = shapely.from_ragged_array(kind, _coordinates(rows, encoding), tuple(offsets[::-1]) or None)
    return found


def _offsets(rows: Any) -> NDArray[np.int64]:
    """Offset of each list in the flattened values, and the end of the last list."""
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(rows), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _coordinates(rows: Any, encoding: str) -> NDArray[np.float64]:
    """Longitudes and latitudes, shape (m, 2), of structs or of lists."""
    import pyarrow as pa

    if pa.types.is_struct(rows.type):
        names = [rows.type.field(i).name for i in range(rows.type.num_fields)]
        if not {"x", "y"} <= set(names):
            raise ValueError(f"coordinates have the fields {', '.join(names)}, not x and y")
        return np.column_stack(
            [rows.field(axis).to_numpy(zero_copy_only=False).astype(np.float64) for axis in ("x", "y")]
        )
    if not hasattr(rows, "flatten") or not pa.types.is_floating(rows.type.value_type):
        raise ValueError(f"its coordinates of type {rows.type} are not of the encoding {encoding}")
    sizes = np.unique(np.diff(_offsets(rows)))
    if len(sizes) != 1 or sizes[0] < 2:
        raise ValueError("its coordinates must be lists of equal length, at least two numbers")
    flat = rows.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    return np.ascontiguousarray(flat.reshape(-1, sizes[0])[:, :2])
