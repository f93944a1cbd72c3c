"""A copy of the checkout's code and configuration for a test, run with Snakemake."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from campaign.disturbance import heed

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config", "workflow", "envs")


class Project:
    """A folder with the workflow's code and configuration, and the results of its runs."""

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def create(cls, folder: Path) -> "Project":
        folder.mkdir(parents=True)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                # With the caches of bytecode and machine code, which are valid for files of the same date: compiling
                # takes longer than all jobs of `tiny`.
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("*.egg-info"))
            else:
                shutil.copy2(source, folder / part)
        return cls(folder)

    def copy(self, folder: Path) -> "Project":
        """Copy the project and its results, including modification times, so that tests are independent."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)

    def run(
        self, *arguments: str, cores: int = 2, check: bool = True, profile: str = "local"
    ) -> subprocess.CompletedProcess:
        """Run Snakemake in the folder, with the package in the folder."""
        return self._python(
            "-m", "snakemake", "--cores", str(cores), *arguments, check=check, profile=profile
        )

    def start(
        self, *arguments: str, profile: str, environment: dict[str, str], output: Path
    ) -> subprocess.Popen:
        """Start Snakemake in a separate session, as from a terminal, with its output written to a file."""
        with open(output, "w") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", "snakemake", *arguments],
                cwd=self.folder,
                env=self._environment(profile) | environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                preexec_fn=heed,
            )

    def finish(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run the script that envs/run calls after Snakemake."""
        return self._python("workflow/scripts/finish.py", "--cores", "2", *arguments)

    def _environment(self, profile: str) -> dict[str, str]:
        return os.environ | {
            "PYTHONPATH": str(self.folder / "workflow" / "src"),
            "SNAKEMAKE_PROFILE": f"workflow/profiles/{profile}",
        }

    def _python(
        self, *arguments: str, check: bool = True, profile: str = "local"
    ) -> subprocess.CompletedProcess:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(profile),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout[-6000:]}")
        return done

    def planned(self, *arguments: str) -> set[tuple[str, str]]:
        """Jobs planned by a dry run: (rule, wildcards as printed by Snakemake)."""
        output = self.run("--dry-run", *arguments).stdout
        jobs = set()
        for block in re.split(r"\n(?=(?:local)?rule \w+:)", output)[1:]:
            rule = re.match(r"(?:local)?rule (\w+):", block).group(1)
            wildcards = re.search(r"^\s+wildcards: (.*)$", block, re.MULTILINE)
            jobs.add((rule, wildcards.group(1) if wildcards else ""))
        return jobs

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in one of the project's files."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{file} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1))

    def write(self, file: str, text: str) -> None:
        """Add a file."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def files(self, *below: str, times: bool = False) -> dict[str, str]:
        """Digest of every file below results, except logs; with `times`, also its modification time."""
        root = self.folder / "results"
        found = {}
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if path.is_file() and not name.startswith("logs/") and name.startswith(below or ("",)):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[name] = f"{digest} {path.stat().st_mtime_ns}" if times else digest
        return found


def rules_of(jobs: set[tuple[str, str]]) -> set[str]:
    """Rules of planned jobs."""
    return {rule for rule, _ in jobs}


def variants_of(jobs: set[tuple[str, str]], rule: str) -> set[str]:
    """Variants of the planned jobs of a rule."""
    found = (re.search(r"variant=([^,]+)", wildcards) for name, wildcards in jobs if name == rule)
    return {match.group(1) for match in found if match}
