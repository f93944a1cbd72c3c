"""Parquet and GeoParquet."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim.coordinate_tables import geometry
from earthdim.coordinate_tables.formats.arrow import Arrow
from earthdim.coordinate_tables.formats.columnar import open_columns


class Parquet(Arrow):
    """A Parquet or GeoParquet file, a folder of such parts, or an Arrow file, which has the same columns."""

    def __init__(self, path: Path) -> None:
        self._file = open_columns(path)
        super().__init__(path, self._file.schema_arrow.names)
        self._geometry = geometry.describe(self._file, path)
        self.geometry = None
        # Bytes that nobody declares are no reason to pass over coordinates that everybody can read.
        if self._geometry and (self._geometry.declared or not {"lon", "lat"} <= set(self.names)):
            self.geometry = self._geometry.name

    @property
    def of_places(self) -> frozenset[str]:
        """Columns that describe places and are no features: geometries, their boxes, coordinates beside them."""
        return self._geometry.belonging if self._geometry else frozenset()

    def all_features(self, others: Sequence[str]) -> list[str]:  # noqa: D102
        # pandas keeps its index in columns of this name.
        return super().all_features(
            [name for name in others if name not in self.of_places and not name.startswith("__index_level_")]
        )

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:  # noqa: D102
        kind = self._file.schema_arrow.field(name).type
        return self._described(name, kind, self._file.metadata.num_rows)

    def _table(self, names: Sequence[str]):
        return self._file.read(columns=list(names), use_threads=False)

    def read_geometry(self) -> NDArray[np.float64]:
        """Places of the geometries, (n, 2) degrees; polygons at their centre, with a warning."""
        column = self._table([self._geometry.name])[self._geometry.name]
        shapes = geometry.read(self.path, self._geometry, column)
        return geometry.points(self.path, self._geometry.name, shapes)
