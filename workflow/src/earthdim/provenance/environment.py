"""Environment of a job: machine, installed packages, and state of the code."""

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PathDistribution
from pathlib import Path

from earthdim.experiment.code import PACKAGE
from earthdim.storage.digests import file_digest

ROOT = PACKAGE.parents[2]
# The parts of a checkout that affect results; changes of other files are not recorded.
DECISIVE = ("Snakefile", "config", "workflow", "envs")


def machine() -> dict[str, str]:
    """Host, operating system, processor and Python."""
    found = {
        "host": platform.node(),
        "platform": platform.platform(),
        "cpu": _processor(),
        "python": platform.python_version(),
    }
    scheduled = os.environ.get("SLURM_JOB_ID")
    return {**found, "slurm_job": scheduled} if scheduled else found


def _processor(path: Path = Path("/proc/cpuinfo")) -> str:
    if path.is_file():
        with path.open() as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def packages() -> dict[str, str]:
    """Version of every installed package.

    Read from the names of the metadata folders; parsing their contents would take as long as the rest of the record.
    """
    found: dict[str, str] = {}
    for folder in filter(os.path.isdir, sys.path):
        for entry in sorted(os.listdir(folder)):
            stem, suffix = os.path.splitext(entry)
            if suffix == ".dist-info":
                name, _, number = stem.partition("-")
            elif suffix == ".egg-info":
                distribution = PathDistribution(Path(folder) / entry)
                name, number = distribution.metadata["Name"] or stem, distribution.version
            else:
                continue
            found.setdefault(name.replace("_", "-").lower(), number)
    return dict(sorted(found.items()))


def loaded_code(script: Path | None = None) -> dict[str, str]:
    """Digest of the script and of every loaded module of the package, by path in the checkout."""
    files = {Path(script)} if script is not None else set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(PACKAGE):
            files.add(Path(file))
    return {_named(file): file_digest(file) for file in sorted(files)}


def _named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name


def commit(root: Path = ROOT) -> dict[str, object]:
    """The git commit of the checkout and whether its code and config differ from it.

    Parameters
    ----------
    root : path
        The checkout; an enclosing repository is ignored.

    Returns
    -------
    dict
        ``commit`` (None without one, with the reason in ``why``), ``dirty``, and if that is true ``diff``: a digest of
        the difference between working tree and commit.
    """
    try:
        done = _git(
            root, "status", "--porcelain=v2", "--branch", "--untracked-files=all", "-z", "--", *DECISIVE
        )
    except FileNotFoundError:
        return {"commit": None, "why": "no git"}
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        found = reason[0] if reason and "not a git repository" not in reason[0] else "no git"
        return {"commit": None, "why": found}
    entries = done.stdout.decode(errors="surrogateescape").split("\0")
    (oid, *_) = [entry.split()[-1] for entry in entries if entry.startswith("# branch.oid ")]
    changed = sorted(entry for entry in entries if entry and not entry.startswith("# "))
    if oid == "(initial)":
        return {"commit": None, "why": "no commit yet"}
    if not changed:
        return {"commit": oid, "dirty": False}
    return {"commit": oid, "dirty": True, "diff": hashlib.sha256(difference(root)).hexdigest()}


def describe(git: Mapping[str, object]) -> str:
    """The result of `commit` as text."""
    if git["commit"] is None:
        return f"no commit: {git['why']}"
    return f"commit {git['commit']}, " + (
        f"with changes of sha256 {git['diff']}" if git["dirty"] else "unchanged"
    )


def difference(root: Path = ROOT) -> bytes:
    """Patch from the commit to the present code and config of a checkout.

    Raises
    ------
    RuntimeError
        If git fails.
    """
    parts = [_output_of(_git(root, "diff", "--binary", "--no-ext-diff", "HEAD", "--", *DECISIVE))]
    listed = _output_of(_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *DECISIVE))
    for name in sorted(filter(None, listed.decode(errors="surrogateescape").split("\0"))):
        done = _git(root, "diff", "--binary", "--no-ext-diff", "--no-index", "--", "/dev/null", name)
        # A temporary file of an editor may have been deleted since it was listed.
        if done.returncode in (0, 1) or os.path.lexists(Path(root) / name):
            # Exit code 1: the files differ.
            parts.append(_output_of(done, fine=(0, 1)))
    return b"".join(parts)


def _output_of(done: subprocess.CompletedProcess, fine: tuple[int, ...] = (0,)) -> bytes:
    """The output of git; raises if git failed, as no digest may be computed from partial output."""
    if done.returncode not in fine:
        why = done.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"{' '.join(done.args)}: exit code {done.returncode}: {why}")
    return done.stdout


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(Path(root).parent), "GIT_OPTIONAL_LOCKS": "0"}
    return subprocess.run(["git", "-C", str(root), *arguments], env=environment, capture_output=True)
