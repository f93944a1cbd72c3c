"""Compare every file of the experiment with its record, and print the commands that repair differences."""

from earthdim.jobs.runtime import job
from earthdim.provenance import verify

with job(snakemake, snakemake.params.job["config"]["experiment"]) as run:
    experiment, targets, asked = (run.config[key] for key in ("experiment", "targets", "asked"))
    verified = verify.verify(experiment, targets, asked)
    text = verify.summary(verified, asked)
    if verified.findings:
        raise SystemExit(text)
    run.log.info("%s", text)
