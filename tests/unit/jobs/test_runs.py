"""The file of a run: created at its start, removed at its end, after which its processes exit."""

import os
import signal
import subprocess
import sys

import pytest

from earthdim.jobs import runs

RUNNING = """
import sys, time
from pathlib import Path
from earthdim.jobs import runs
WORK
print("began", flush=True)
time.sleep(60)
"""


@pytest.fixture
def run(monkeypatch, tmp_path):
    """State folder of a run whose Snakemake is this process."""
    monkeypatch.setenv(runs.SNAKEMAKE, "")
    monkeypatch.setenv(runs.FILE, "")
    runs.start(tmp_path)
    runs.begin()
    return tmp_path


def test_a_run_lasts_until_its_end(run):
    runs.check()
    runs.end()
    with pytest.raises(runs.OrphanError, match="run of this job is over"):
        runs.check()


def test_without_hooks_there_is_no_run_to_check(monkeypatch, tmp_path):
    monkeypatch.setenv(runs.SNAKEMAKE, "")
    monkeypatch.setenv(runs.FILE, "somewhere/else")
    runs.start(None)
    runs.check()
    runs.end()


def started(work) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNING.replace("WORK", work)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"began\n"
    return process


def ended(process, seconds=30) -> str:
    """Wait for a process and return its standard error."""
    try:
        return process.communicate(timeout=seconds)[1].decode()
    finally:
        process.kill()
        process.wait()


def test_a_new_run_ends_those_whose_snakemake_was_killed_and_no_other(run):
    begin = f"runs.start(Path({str(run)!r})); runs.begin()"
    killed, living = started(begin), started(begin)
    killed.kill()
    killed.wait()
    elsewhere = run / "earthdim" / "other_host-1-1-0"
    elsewhere.touch()
    # The state of another machine's process is unknown, however old its file is.
    os.utime(elsewhere, (0, 0))
    runs.start(run)
    runs.begin()
    left = {path.name for path in (run / "earthdim").iterdir()}
    assert not any(f"-{killed.pid}-" in name for name in left)
    assert any(f"-{living.pid}-" in name for name in left)
    assert elsewhere.name in left
    living.kill()
    ended(living)


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped by Ctrl-Z"])
def test_unlocking_fails_while_a_snakemake_lives_and_ends_all_runs_afterwards(tmp_path, stopped):
    living = started(f"runs.start(Path({str(tmp_path)!r})); runs.begin()")
    elsewhere = tmp_path / "earthdim" / "other_host-1-1-0"
    elsewhere.touch()
    if stopped:
        living.send_signal(signal.SIGSTOP)
    with pytest.raises(runs.RunningError, match=f"process {living.pid} "):
        runs.end_all(tmp_path)
    assert len(list((tmp_path / "earthdim").iterdir())) == 2
    living.kill()
    ended(living)
    runs.end_all(tmp_path)
    assert not list((tmp_path / "earthdim").iterdir())


def test_a_snakemake_within_a_job_exits_with_its_run(run):
    process = started("runs.POLL_S = 0.1; runs.join()")
    assert process.poll() is None
    runs.end()
    assert "this Snakemake exits: the run" in ended(process)
    assert process.returncode == 1


def test_a_snakemake_within_a_job_does_not_join_a_run_that_is_over(run):
    runs.end()
    with pytest.raises(runs.OrphanError, match="run of this job is over"):
        runs.join()
