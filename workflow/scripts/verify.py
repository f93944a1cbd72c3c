"""Check every file of the experiment against its record."""

from earthdim.jobs import runtime
from earthdim.provenance import verify

job = snakemake.params.job
config = job["config"]
log = runtime.begin(snakemake.rule, config["experiment"], snakemake.log[0], job)
verified = verify.verify(config["experiment"], config["targets"], config["asked"])
text = verify.summary(verified, config["asked"])
if verified.findings:
    raise SystemExit(text)
log.info("%s", text)
