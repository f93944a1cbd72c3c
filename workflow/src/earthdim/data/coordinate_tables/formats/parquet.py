"""Parquet and GeoParquet."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim.data.coordinate_tables import geometry
from earthdim.data.coordinate_tables.formats.arrow import Arrow
from earthdim.data.coordinate_tables.formats.columnar import open_columns


class Parquet(Arrow):
    """A Parquet or GeoParquet file, a folder of such parts, or an Arrow file."""

    def __init__(self, path: Path) -> None:
        self._file = open_columns(path)
        super().__init__(path, self._file.schema_arrow.names)
        self.index = _pandas_index(self._file.schema_arrow.metadata)
        self._geometry = geometry.describe(self._file, path)
        # Coordinate columns take precedence over a geometry that is identified only by its name.
        if self._geometry and (self._geometry.declared or not {"lon", "lat"} <= set(self.names)):
            self.geometry = self._geometry.name
        # Geometries, their boxes, and coordinates that repeat them.
        self.place_columns = self._geometry.place_columns if self._geometry else frozenset()

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
        """Places of the geometries, (n, 2) degrees; for polygons their centroids, with a warning."""
        column = self._table([self._geometry.name])[self._geometry.name]
        shapes = geometry.read(self.path, self._geometry, column)
        return geometry.points(self.path, self._geometry.name, shapes)


def _pandas_index(metadata: Mapping[bytes, bytes] | None) -> frozenset[str]:
    """Columns in which pandas stored an index, except a range index."""
    about = json.loads((metadata or {}).get(b"pandas", b"{}"))
    return frozenset(name for name in about.get("index_columns", ()) if isinstance(name, str))
