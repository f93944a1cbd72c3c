"""The archive of a finished experiment: written only if all files are sound and no job is left to run."""

import logging
import subprocess
import sys
from collections.abc import Sequence

from earthdim.provenance import trace, verify
from earthdim.provenance.archive import Archived, ArchiveError, archive
from earthdim.provenance.environment import ROOT
from earthdim.storage.files import read_json


def archive_finished(
    name: str, targets: Sequence[str], asked: Sequence[str], log: logging.Logger
) -> Archived:
    """Archive an experiment.

    Parameters
    ----------
    name : str
        The experiment's name.
    targets : sequence of str
        Its target files.
    asked : sequence of str
        The experiment as given on the command line, `key=value`.
    log : Logger
        Receives the path of the archive, and the files that are not in it.

    Raises
    ------
    ArchiveError
        If a file is not sound, a job is left to run, or a link leads out of the project.
    """
    verified = verify.verify(name, targets, asked)
    if verified.findings:
        raise ArchiveError(f"nothing is archived; {verify.summary(verified, asked)}")
    _check_finished(asked)
    try:
        made = archive(read_json(trace.resolved_path(name)), targets)
    except ArchiveError as error:
        raise ArchiveError(f"nothing is archived; {error}") from None
    for path in made.outside:
        log.info("not in the archive, because it lies outside the project: %s", path)
    log.info("%s: %d files; open it with tar -xf in a fresh clone or an empty folder", made.path, made.files)
    return made


def _check_finished(asked: Sequence[str]) -> None:
    """Raise unless Snakemake has nothing to run."""
    # The rerun triggers of the project's profile: a new checkout of the same code reruns nothing.
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--nolock",
        "--dry-run",
    ]
    command += ["--rerun-triggers", "mtime", "params", "input", "software-env", "--config", *asked]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode or "Nothing to be done" not in done.stdout:
        raise ArchiveError(
            f"{done.stdout}nothing is archived: the jobs listed above must run first: "
            f"{verify.run_command(asked)}"
        )
