"""Tables with one row a place: CSV, Parquet, GeoParquet, NPZ and Zarr."""

from earthdim.coordinate_tables.formats import FORMATS, TableError
from earthdim.coordinate_tables.reading import Table, place_keys, points, read

__all__ = ["FORMATS", "Table", "TableError", "place_keys", "points", "read"]
