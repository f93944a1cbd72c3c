"""Fetch the released weights of an experiment that are not at hand; all are tried, and each failure is told."""

from earthdim.encoders.released import sources
from earthdim.jobs import runtime

job = snakemake.params.job
log = runtime.begin(snakemake.rule, "weights", snakemake.log[0], job)
failed = []
if not job["config"]["weights"]:
    log.info("nothing to fetch: all weights of this experiment are at hand")
for name, leaf in job["config"]["weights"].items():
    try:
        log.info("%s: %s", name, sources.fetch(leaf))
    except (OSError, ValueError) as error:
        failed.append(f"{name}: {error}")
if failed:
    raise SystemExit("\n".join(failed))
