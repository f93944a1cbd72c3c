"""Parquet and GeoParquet."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim.coordinate_tables.formats.arrow import Arrow
from earthdim.coordinate_tables.formats.base import TableError, refuse


class Parquet(Arrow):
    """A Parquet or GeoParquet file."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise TableError(f"{path}: is no Parquet file that can be read ({error})") from error
        super().__init__(path, self._file.schema_arrow.names)
        self.index = _pandas_index(self._file.schema_arrow.metadata)
        geo = (self._file.schema_arrow.metadata or {}).get(b"geo")
        self._geo = None if geo is None else json.loads(geo)
        self.geometry = None if geo is None else self._geo["primary_column"]

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:  # noqa: D102
        kind = self._file.schema_arrow.field(name).type
        return self._described(name, kind, self._file.metadata.num_rows)

    def _table(self, names: Sequence[str]):
        return self._file.read(columns=list(names), use_threads=False)

    def read_geometry(self) -> NDArray[np.float64]:
        """Points of the GeoParquet file's primary column: (n, 2), degrees."""
        import shapely

        about = self._geo["columns"][self.geometry]
        if about["encoding"] != "WKB":
            raise TableError(f"{self.path}: {self.geometry!r} has the encoding {about['encoding']}, not WKB")
        self._check_degrees(about)
        binary = self._file.read(columns=[self.geometry])[self.geometry].to_numpy()
        try:
            shapes = shapely.from_wkb(binary)
        except shapely.errors.ShapelyError as error:
            raise TableError(f"{self.path}: {self.geometry!r} holds no geometry ({error})") from error
        kinds = shapely.get_type_id(shapes)
        refuse(self.path, self.geometry, kinds != shapely.GeometryType.POINT, "something else than a point")
        return np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)])

    def _check_degrees(self, about: Mapping) -> None:
        """GeoParquet says longitude first whatever the reference system, and OGC:CRS84 where it says nothing."""
        from pyproj import CRS

        if "crs" not in about:
            return
        if about["crs"] is None:
            raise TableError(f"{self.path}: {self.geometry!r} is in no coordinate reference system")
        system = CRS.from_user_input(about["crs"])
        if not any(system.equals(known, ignore_axis_order=True) for known in ("OGC:CRS84", "EPSG:4326")):
            raise TableError(
                f"{self.path}: {self.geometry!r} is in {system.name}; "
                "only degrees of WGS 84 (EPSG:4326, OGC:CRS84) are read"
            )


def _pandas_index(metadata: Mapping[bytes, bytes] | None) -> frozenset[str]:
    """The columns in which pandas kept an index; a mere range is none."""
    about = json.loads((metadata or {}).get(b"pandas", b"{}"))
    return frozenset(name for name in about.get("index_columns", ()) if isinstance(name, str))
