"""Records of what made every file under results, and what is done with them: verify, trace, archive."""

from earthdim.provenance.record import write

__all__ = ["write"]
