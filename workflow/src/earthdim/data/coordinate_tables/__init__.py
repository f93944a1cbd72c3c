"""Tables with one row per place: text, Parquet, GeoParquet, Arrow, NPZ and Zarr."""

from earthdim.data.coordinate_tables.formats import TableError, kind_of
from earthdim.data.coordinate_tables.reading import Table, place_keys, points, read

__all__ = ["Table", "TableError", "kind_of", "place_keys", "points", "read"]
