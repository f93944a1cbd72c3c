"""Orphans publish nothing: real processes that receive real signals."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest
from campaign.disturbance import heed

from earthdim.jobs import lease, runs
from earthdim.storage import atomic

JOB = """
import sys, time
from pathlib import Path
from earthdim.jobs import runtime
from earthdim.storage import files
log = runtime.begin("embed", "x", sys.argv[1], {"config": {"math_threads": 1}})
print("began", flush=True)
WORK
files.write_json(1, Path(sys.argv[2]))
log.info("published")
"""
# In place of Snakemake: starts one job through a shell that remains its parent, and waits.
SNAKEMAKE = """
import subprocess, sys
from pathlib import Path
from earthdim.jobs import runs
START
subprocess.run(["bash", "-c", '"$@"; true', "bash", sys.executable, "-c", *sys.argv[1:]])
"""
SLEEPING = """
from earthdim.storage import atomic
with atomic.publish(Path(sys.argv[2])) as partial:
    partial.write_text("half")
    time.sleep(60)
"""
# Like compiled code, which handles no signal.
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


@pytest.fixture
def start(tmp_path):
    """Start a stand-in for Snakemake with one job; all its processes are killed after the test."""
    started = []

    def starter(work, begin="runs.start(None)"):
        words = [JOB.replace("WORK", textwrap.dedent(work)), tmp_path / "log", tmp_path / "out.json"]
        process = subprocess.Popen(
            [sys.executable, "-c", SNAKEMAKE.replace("START", begin), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=heed,
        )
        started.append(process)
        assert process.stdout.readline() == b"began\n"
        return process

    yield starter
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def group_ends(process, seconds) -> bool:
    """Whether every process of a process group ends in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        process.poll()
        time.sleep(0.1)
    return False


def test_a_job_whose_snakemake_lives_publishes(start, tmp_path):
    assert start("pass").wait(60) == 0
    assert (tmp_path / "out.json").read_text() == "1\n"
    first, *rest = (tmp_path / "log").read_text().splitlines()
    assert first.startswith("process ")
    assert rest == ["[embed x] published"]


def test_an_orphan_stops_and_publishes_nothing(start, tmp_path):
    snakemake = start(SLEEPING)
    while not list(tmp_path.glob(".out.json.*.partial")):
        time.sleep(0.05)
    snakemake.kill()
    assert group_ends(snakemake, 60)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    assert "this job stops: the Snakemake process" in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_an_orphan_that_ignores_sigterm_is_ended(start, tmp_path):
    snakemake = start(DEAF)
    snakemake.kill()
    assert group_ends(snakemake, 60)
    assert not (tmp_path / "out.json").exists()


def test_an_orphan_that_publishes_before_it_is_ended_fails(start, tmp_path):
    # The killed process is a zombie: nobody has waited for it yet.
    snakemake = start(DEAF.replace("60", "3"))
    os.kill(snakemake.pid, signal.SIGKILL)
    time.sleep(6)
    assert not (tmp_path / "out.json").exists()
    assert "stopped: the Snakemake process" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_job_leaves_no_unfinished_file(start, tmp_path, number):
    snakemake = start(SLEEPING)
    while not list(tmp_path.glob(".out.json.*.partial")):
        time.sleep(0.05)
    os.kill(int((tmp_path / "log").read_text().split()[1]), number)
    snakemake.wait(60)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The file of a run on another machine, whose jobs a Snakemake on this one executes."""
    file = tmp_path / "another_host-1-1-0"
    file.touch()
    monkeypatch.setenv(runs.FILE, str(file))
    return file


def test_when_the_run_is_over_the_nested_snakemake_ends_before_its_job_fails(start, tmp_path, elsewhere):
    # As a cluster job does, but without the thread of `join`, so that only the job can end it.
    nested = "import os; os.environ |= {runs.NESTED: '1', runs.SNAKEMAKE: str(os.getpid())}"
    snakemake = start(DEAF.replace("60", "1"), nested)
    elsewhere.unlink()
    assert snakemake.wait(60) == -signal.SIGKILL
    assert group_ends(snakemake, 60)
    assert not (tmp_path / "out.json").exists()


def test_the_users_snakemake_survives_a_job_that_may_not_publish(start, tmp_path):
    snakemake = start(DEAF.replace("60", "1"), f"runs.start(Path({str(tmp_path)!r})); runs.begin()")
    for file in (tmp_path / "earthdim").iterdir():
        file.unlink()
    assert snakemake.wait(60) == 0
    assert not (tmp_path / "out.json").exists()
    assert "run of this job is over" in (tmp_path / "log").read_text()


@pytest.fixture
def job(tmp_path, monkeypatch):
    """The log of this process as a job without a Snakemake."""
    monkeypatch.delenv(runs.SNAKEMAKE, raising=False)
    monkeypatch.setattr(lease, "_snakemake", None)
    monkeypatch.setattr(atomic, "_may_publish", atomic._may_publish)
    return tmp_path / "logs" / "x.log"


def test_a_process_that_is_no_job_may_always_publish(job):
    lease.check()


def test_a_job_replaces_the_log_and_an_earlier_process_writes_to_the_old_one(job):
    lease.take(job)
    with job.open("a") as earlier:
        lease.take(job)
        earlier.write("a late line\n")
    assert job.read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"


def test_a_job_without_its_snakemake_does_not_start(job, monkeypatch):
    # A living process that did not start this job, as after the reuse of a process ID.
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        monkeypatch.setenv(runs.SNAKEMAKE, str(stranger.pid))
        with pytest.raises(runs.OrphanError, match="does not start"):
            lease.take(job)
    finally:
        stranger.kill()
        stranger.wait()
    assert not job.exists()


def test_no_job_of_a_run_that_is_over_starts_or_publishes(job, tmp_path, monkeypatch):
    monkeypatch.setenv(runs.FILE, "")
    monkeypatch.setenv(runs.SNAKEMAKE, "")
    runs.start(tmp_path)
    runs.begin()
    assert os.environ[runs.SNAKEMAKE] == str(os.getpid())
    # Here Snakemake and the job are one process, and no process is its own ancestor.
    monkeypatch.delenv(runs.SNAKEMAKE)
    lease.take(job)
    lease.check()
    runs.end()
    with pytest.raises(runs.OrphanError, match="is over"):
        lease.check()
    log = job.read_text()
    with pytest.raises(runs.OrphanError, match="is over"):
        lease.take(job)
    assert job.read_text() == log
