"""Where a job runs: the machine, the installed packages, the state of the code."""

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
# What of a checkout decides results; other files in it may differ from the commit as they like.
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

    Read from the names of the folders that installers leave; parsing what stands in them costs as much as all the rest.
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
    """Digest of the script and of every file of the package that this process runs, by path in the checkout."""
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
        The checkout; a repository around it does not count.

    Returns
    -------
    dict
        ``commit`` (None where there is none, with ``why``), ``dirty``, and where it is, ``diff``: a digest of how the
        working tree differs.
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


def told(git: Mapping[str, object]) -> str:
    """What `commit` found, in words."""
    if git["commit"] is None:
        return f"no commit: {git['why']}"
    return f"commit {git['commit']}, " + (
        f"with changes of sha256 {git['diff']}" if git["dirty"] else "unchanged"
    )


def difference(root: Path = ROOT) -> bytes:
    """How the code and config of a checkout differ from its commit: a patch that makes one from the other.

    Raises
    ------
    RuntimeError
        If git cannot tell.
    """
    parts = [_said(_git(root, "diff", "--binary", "--no-ext-diff", "HEAD", "--", *DECISIVE))]
    listed = _said(_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *DECISIVE))
    for name in sorted(filter(None, listed.decode(errors="surrogateescape").split("\0"))):
        done = _git(root, "diff", "--binary", "--no-ext-diff", "--no-index", "--", "/dev/null", name)
        # An editor's file may be gone since it was listed; then it is no difference.
        if done.returncode in (0, 1) or os.path.lexists(Path(root) / name):
            # 1 says that the two differ.
            parts.append(_said(done, fine=(0, 1)))
    return b"".join(parts)


def _said(done: subprocess.CompletedProcess, fine: tuple[int, ...] = (0,)) -> bytes:
    """What git printed, if it did not fail: of what it could not tell there is no digest."""
    if done.returncode not in fine:
        why = done.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"{' '.join(done.args)}: ended with code {done.returncode}: {why}")
    return done.stdout


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(Path(root).parent), "GIT_OPTIONAL_LOCKS": "0"}
    return subprocess.run(["git", "-C", str(root), *arguments], env=environment, capture_output=True)
