"""Archive the experiment if its files are sound and up to date."""

import subprocess
import sys

from earthdim.jobs import runtime
from earthdim.provenance import archive, trace, verify
from earthdim.storage.files import read_json

job = snakemake.params.job
config = job["config"]
name, targets, asked = config["experiment"], config["targets"], config["asked"]
log = runtime.begin(snakemake.rule, name, snakemake.log[0], job)
verified = verify.verify(name, targets, asked)
if verified.findings:
    raise SystemExit(f"nothing is archived; {verify.summary(verified, asked)}")
# With the rerun triggers of the project's profile: newer code files alone must not rerun jobs.
planned = [
    sys.executable,
    "-m",
    "snakemake",
    "--snakefile",
    str(archive.ROOT / "Snakefile"),
    "--nolock",
    "--dry-run",
]
planned += ["--rerun-triggers", "mtime", "params", "input", "software-env", "--config", *asked]
done = subprocess.run(planned, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
if done.returncode or "Nothing to be done" not in done.stdout:
    command = verify.run_command(asked)
    raise SystemExit(f"{done.stdout}nothing is archived: the results are not up to date; run {command}")
try:
    made = archive.archive(read_json(trace.resolved_path(name)), targets)
except archive.ArchiveError as error:
    raise SystemExit(f"nothing is archived; {error}") from None
for path in made.outside:
    log.info("outside the project, not in the archive: %s", path)
log.info("%s: %d files; extract it with tar -xf into a fresh clone or an empty folder", made.path, made.files)
