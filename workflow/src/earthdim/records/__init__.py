"""Records of what made every file under results, and what is done with them: verify, trace, archive."""

from earthdim.records.writing import write

__all__ = ["write"]
