"""Parquet and GeoParquet."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim.coordinate_tables.formats.arrow import Arrow
from earthdim.coordinate_tables.formats.base import TableError, refuse
from earthdim.coordinate_tables.formats.columnar import open_columns


class Parquet(Arrow):
    """A Parquet or GeoParquet file, a folder of such parts, or an Arrow file, which has the same columns."""

    def __init__(self, path: Path) -> None:
        self._file = open_columns(path)
        super().__init__(path, self._file.schema_arrow.names)
        geo = (self._file.schema_arrow.metadata or {}).get(b"geo")
        self._geo = None if geo is None else json.loads(geo)
        self.geometry = None if geo is None else self._geo["primary_column"]

    def all_features(self, others: Sequence[str]) -> list[str]:  # noqa: D102
        shapes = self._geo["columns"] if self._geo else ()
        # pandas keeps its index in columns of this name.
        return super().all_features(
            [name for name in others if name not in shapes and not name.startswith("__index_level_")]
        )

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:  # noqa: D102
        kind = self._file.schema_arrow.field(name).type
        return self._described(name, kind, self._file.metadata.num_rows)

    def fields(self) -> dict[str, str]:  # noqa: D102
        import pyarrow as pa

        structs = [field for field in self._file.schema_arrow if pa.types.is_struct(field.type)]
        return {
            f"{struct.name}.{struct.type.field(i).name}": struct.name
            for struct in structs
            for i in range(struct.type.num_fields)
        }

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
