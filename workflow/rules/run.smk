"""Start and end of a run. This file contains no rules."""

import atexit
import json
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.shell import shell

from earthdim.jobs import interpreter, live, preload, runs

try:
    # Snakemake writes this path into the commands of jobs without quotes.
    sys.executable = interpreter.plain(sys.executable)
    if not workflow.is_main_process:
        # Joined here, because Snakemake removes the outputs of a job before it starts the job.
        runs.join()
    else:
        # With --no-hooks `onstart` would not create the run's file.
        hooks = not getattr(workflow.execution_settings, "no_hooks", False)
        runs.start(runs.STATE if hooks else None)
        if any("--unlock".startswith(word) for word in sys.argv if len(word) > len("--un")):
            runs.end_all(runs.STATE)
except (interpreter.NoPlaceError, runs.OrphanError, runs.RunningError) as error:
    raise WorkflowError(str(error)) from None
# Closing the terminal ends a run as Ctrl-C does; nohup ignores the signal, so the run continues.
if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
    signal.signal(signal.SIGHUP, signal.default_int_handler)


# Passed to jobs by every executor, even if it does not forward the environment.
envvars:
    runs.FILE,


# The line about the run, and the process that its jobs are forks of, if there are such.
LINES = []
PARENTS = []


def show_progress():
    """Show the line about the run, unless the command asks for no progress."""
    quiet = {one.name for one in workflow.output_settings.quiet or ()}
    if not workflow.touch and not quiet & {"PROGRESS", "ALL"}:
        planned = Counter(job.rule.name for job in workflow.dag.needrun_jobs())
        LINES.append(live.LiveLine(logger, live.Tally(planned)))
        LINES[-1].begin()
        # Also after an error for which no hook is called.
        atexit.register(LINES[-1].end)


def preload_libraries():
    """Start the process that local jobs are forks of, if there are several and all are scripts of this environment."""
    jobs = list(workflow.dag.needrun_jobs())
    plain = workflow.local_exec and not workflow.touch and not workflow.deployment_settings.deployment_method
    plain = plain and Path(shell.get_executable() or "").name == "bash"
    # The prefix would end up in front of the first word of a shell command only, which could be a shell's own.
    if plain and not any(job.is_shell for job in jobs):
        scripts = sum(job.is_script for job in jobs)
        parent = preload.start(scripts, EXPERIMENT.math_threads)
        if parent is not None:
            PARENTS.append(parent)
            # Before it, Snakemake's default for bash.
            shell.prefix(f"set -euo pipefail; {parent.prefix} ".replace("{", "{{").replace("}", "}}"))


def close():
    """End the run, and cancel the timers of Snakemake's rate limiter, which would delay its exit by up to 10 s."""
    runs.end()
    for part in (*LINES, *PARENTS):
        part.end()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()


def finish():
    """Write the report and the costs of a run that did something, and print where the results are."""
    if BRANCH is None and not ASKED & queries.ASIDE:
        words = [f"{key}={json.dumps(value)}" for key, value in config.items()]
        command = [sys.executable, SCRIPTS / "finish.py", "--fresh", "--config", *words]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            # All jobs have finished and are recorded: this changes only Snakemake's exit code.
            raise WorkflowError(done.stderr.strip() or f"finish.py: exit code {done.returncode}")
        sys.stderr.write(done.stderr)


def cancel_left(logs):
    """Cancel Slurm jobs that were being submitted while the run was interrupted."""
    for file in logs:
        for run in re.findall(r"^SLURM run ID: (\S+)$", Path(file).read_text(), re.MULTILINE):
            subprocess.run(["scancel", "--name", run], check=False)
