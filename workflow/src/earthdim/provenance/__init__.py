"""Provenance: a record of every job, and the queries `verify`, `trace` and `archive` that read the records."""

from earthdim.provenance.record import write

__all__ = ["write"]
