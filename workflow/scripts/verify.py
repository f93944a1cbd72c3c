"""Hold every file of the experiment against its record, and say how to mend what is wrong."""

from earthdim import runtime
from earthdim.records import verification

job = snakemake.params.job
config = job["config"]
log = runtime.begin(snakemake.rule, config["experiment"], snakemake.log[0], job)
verified = verification.verify(config["experiment"], config["targets"], config["asked"])
text = verification.told(verified, config["asked"])
if verified.findings:
    raise SystemExit(text)
log.info("%s", text)
