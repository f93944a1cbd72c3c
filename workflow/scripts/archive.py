"""Write the archive of the experiment, if all files are sound and no job is left to run."""

from earthdim.jobs.runtime import job
from earthdim.provenance.archive import ArchiveError
from earthdim.provenance.archiving import archive_finished

with job(snakemake, snakemake.params.job["config"]["experiment"]) as run:
    try:
        archive_finished(run.config["experiment"], run.config["targets"], run.config["asked"], run.log)
    except ArchiveError as error:
        raise SystemExit(str(error)) from None
