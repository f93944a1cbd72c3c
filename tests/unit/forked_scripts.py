"""Scripts that run as forks of a preloaded process, or as processes of their own."""

import os
import shlex
import subprocess
import sys
import time

import psutil
import pytest

from earthdim.jobs import preload

# As Snakemake sets it for its jobs. The tests' own variable would let a plain job time itself.
ENVIRONMENT = os.environ | dict.fromkeys(preload.THREADS, "1")
MARK = "import os, sys; print('wave' in sys.modules, os.getppid(), flush=True)\n"


class Place:
    """A folder of scripts, which run as forks or plainly."""

    def __init__(self, folder, *modules, **environment):
        self.folder, self.environment = folder, ENVIRONMENT | environment
        with pytest.MonkeyPatch.context() as patch:
            # Pytest sets a variable with the present test.
            patch.setattr(os, "environ", self.environment)
            self.parent = preload.Preloaded(modules)

    def command(self, text, name="script.py", forked=True):
        path = self.folder / name
        path.write_text(text)
        words = f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"
        prefix = f"{self.parent.prefix} " if forked else ""
        return ["bash", "-c", f"set -euo pipefail; {prefix}{words}"]

    def run(self, text, name="script.py", forked=True, **options):
        return subprocess.run(
            self.command(text, name, forked),
            capture_output=True,
            text=True,
            **{"env": self.environment} | options,
        )

    def start(self, text, **options):
        """Start a script as a fork in a session of its own, and wait for its first line, its process ID."""
        process = subprocess.Popen(
            self.command(f"import os; print(os.getpid(), flush=True)\n{text}"),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        return process, psutil.Process(int(process.stdout.readline()))

    def is_forked(self, done):
        """Whether a script that begins with MARK was a fork."""
        _, parent = done.stdout.splitlines()[0].split()
        return int(parent) == self.parent.process.pid


def waited_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
