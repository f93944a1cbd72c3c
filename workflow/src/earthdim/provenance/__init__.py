"""Records of how every file below results/ was made, and their uses: verify, trace, archive, report."""

from contextlib import AbstractContextManager
from typing import Any

from earthdim.jobs import runtime
from earthdim.provenance.record import write

__all__ = ["job", "write"]


def job(snakemake: Any) -> AbstractContextManager[runtime.Run]:
    """Run the body of a script as a job that leaves a record; see `earthdim.jobs.runtime.job`."""
    return runtime.job(snakemake, record=write)
