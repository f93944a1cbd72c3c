"""How a run begins and ends, and that its jobs are told of it. No rule stands here."""

import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

from snakemake.exceptions import WorkflowError

from earthdim.jobs import interpreter, runs

try:
    # Snakemake writes it into the commands of jobs without quotes.
    sys.executable = interpreter.plain(sys.executable)
except interpreter.NoPlaceError as error:
    raise WorkflowError(str(error)) from None
# An orphan, a job that outlives the Snakemake that the user started, publishes nothing.
if workflow.is_main_process:
    # With --no-hooks nothing would begin the run.
    hooks = not getattr(workflow.execution_settings, "no_hooks", False)
    runs.announce_new(runs.STATE if hooks else None)
    # Whoever unlocks says that nothing runs here.
    if any("--unlock".startswith(word) for word in sys.argv if len(word) > len("--un")):
        runs.end_all(runs.STATE)
else:
    runs.announce()
    try:
        # Asked here, because Snakemake removes the outputs of a job before it begins it.
        runs.check()
    except runs.OrphanError as error:
        raise WorkflowError(str(error)) from None
    runs.follow()
# A terminal that closes ends a run as Ctrl-C does; nohup, which has the signal ignored, keeps it.
if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
    signal.signal(signal.SIGHUP, signal.default_int_handler)


# To any scheduler's jobs, whatever of the environment it passes on.
envvars:
    runs.FILE,


def close():
    """Say that the run is over, and let Snakemake go: its timers would look for waiting jobs ten seconds more."""
    runs.end()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()


def finish():
    """End a run that did something: the report, the costs, and where everything is. If that fails, so does the run."""
    if BRANCH is None and not ASKED & queries.ASIDE:
        words = [f"{key}={json.dumps(value)}" for key, value in config.items()]
        command = [sys.executable, SCRIPTS / "finish.py", "--fresh", "--config", *words]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            # All jobs are stored and known by now: this changes what Snakemake returns, and nothing else.
            raise WorkflowError(done.stderr.strip() or f"finish.py ended with code {done.returncode}")
        sys.stderr.write(done.stderr)


def cancel_left(logs):
    """End what a run leaves in Slurm: jobs that were just being submitted when it was told to stop."""
    for file in logs:
        for run in re.findall(r"^SLURM run ID: (\S+)$", Path(file).read_text(), re.MULTILINE):
            subprocess.run(["scancel", "--name", run], check=False)
