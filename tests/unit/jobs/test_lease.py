"""Orphans and jobs whose place was taken publish nothing: real processes, killed for real."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from campaign.disturbance import heed

from earthdim.jobs import lease, runs

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
# Stands for Snakemake: tells its jobs who it is, starts one through a shell, and waits.
SNAKEMAKE = """
import subprocess, sys
from pathlib import Path
from earthdim.jobs import runs
ANNOUNCE
subprocess.run(["bash", "-c", '"$@"; true', "bash", sys.executable, "-c", *sys.argv[1:]])
"""
SLEEPING = """
from earthdim.storage import atomic
with atomic.publish(Path(sys.argv[2])) as partial:
    partial.write_text("half")
    time.sleep(60)
"""
# Compiled code that looks at no signal.
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


@pytest.fixture
def start(tmp_path):
    """Start a stand-in of Snakemake with one job; everything that it started is ended with the test."""
    started = []

    def starter(work, announce="runs.announce()"):
        words = [JOB.replace("WORK", textwrap.dedent(work)), tmp_path / "log", tmp_path / "out.json"]
        process = subprocess.Popen(
            [sys.executable, "-c", SNAKEMAKE.replace("ANNOUNCE", announce), *words],
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
    """Whether all that a process started ends in time: the pipe that they share is then closed."""
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
    assert first.startswith("job ")
    assert rest == ["[embed x] published"]


def test_an_orphan_stops_and_publishes_nothing(start, tmp_path):
    snakemake = start(SLEEPING)
    while not list(tmp_path.glob(".out.json.*.partial")):
        time.sleep(0.05)
    snakemake.kill()
    assert group_ends(snakemake, 60)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    assert "this job stops: the Snakemake that started this job is gone" in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_an_orphan_that_hears_no_signal_is_ended(start, tmp_path):
    snakemake = start(DEAF)
    snakemake.kill()
    assert group_ends(snakemake, 60)
    assert not (tmp_path / "out.json").exists()


def test_an_orphan_that_comes_to_publish_before_it_is_ended_is_refused(start, tmp_path):
    # Nobody has waited for the killed process yet: it still stands in the process table.
    snakemake = start(DEAF.replace("60", "3"))
    os.kill(snakemake.pid, signal.SIGKILL)
    time.sleep(6)
    assert not (tmp_path / "out.json").exists()
    assert "stopped: the Snakemake that started this job is gone" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_job_that_is_told_to_end_leaves_nothing_half_written(start, tmp_path, number):
    snakemake = start(SLEEPING)
    while not list(tmp_path.glob(".out.json.*.partial")):
        time.sleep(0.05)
    os.kill(int((tmp_path / "log").read_text().split("process ")[1].split()[0]), number)
    snakemake.wait(60)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A run that was begun on another machine, of which a Snakemake here does the jobs."""
    file = tmp_path / "another_host-1-1-0"
    file.touch()
    monkeypatch.setenv(runs.FILE, str(file))
    return file


def test_of_a_replaced_job_the_snakemake_within_ends_before_it_could_remove_anything(
    start, tmp_path, elsewhere
):
    snakemake = start(SLEEPING)
    (tmp_path / "log").write_text("job of another process\n")
    assert snakemake.wait(60) == -signal.SIGKILL
    assert group_ends(snakemake, 60)
    assert not (tmp_path / "out.json").exists()


def test_of_a_job_whose_run_is_over_the_snakemake_within_ends_first(start, tmp_path, elsewhere):
    snakemake = start(DEAF.replace("60", "1"))
    elsewhere.unlink()
    assert snakemake.wait(60) == -signal.SIGKILL
    assert group_ends(snakemake, 60)
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("begun", ["Path({!r})); runs.begin()", "None)"], ids=["a run", "without hooks"])
def test_of_a_replaced_job_the_users_snakemake_goes_on(start, tmp_path, begun):
    snakemake = start(SLEEPING, f"runs.announce_new({begun.format(str(tmp_path))}")
    (tmp_path / "log").write_text("job of another process\n")
    assert snakemake.wait(60) == 0
    assert not (tmp_path / "out.json").exists()


def test_a_job_whose_run_is_over_waits_for_the_users_snakemake(start, tmp_path):
    # This one does not follow its run: the job waits in vain, and must not fail under it.
    snakemake = start(DEAF.replace("60", "1"), f"runs.announce_new(Path({str(tmp_path)!r})); runs.begin()")
    runs.end_all(tmp_path)
    time.sleep(4)
    assert snakemake.poll() is None
    snakemake.kill()
    assert group_ends(snakemake, 60)
    assert not (tmp_path / "out.json").exists()


@pytest.fixture
def job(tmp_path, monkeypatch):
    """This process as a job without a Snakemake, and its log."""
    monkeypatch.delenv(runs.SNAKEMAKE, raising=False)
    monkeypatch.setattr(lease, "_held", None)
    return tmp_path / "logs" / "x.log"


def test_a_process_that_is_no_job_may_always_publish(job):
    lease.check()


def test_who_begins_later_takes_the_place(job):
    lease.take(job)
    mine = lease._held
    mine.check()
    lease.take(job)
    lease._held.check()
    with pytest.raises(runs.OrphanError, match="another job's by now"):
        mine.check()


def test_a_log_that_was_taken_away_ends_the_right_to_publish(job):
    lease.take(job)
    job.unlink()
    with pytest.raises(runs.OrphanError, match="taken away"):
        lease.check()


def test_a_job_that_begins_without_its_snakemake_is_refused(job, monkeypatch):
    # A living process, but not one that started this job: its number may have been given again.
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        monkeypatch.setenv(runs.SNAKEMAKE, str(stranger.pid))
        with pytest.raises(runs.OrphanError, match="does not begin"):
            lease.take(job)
    finally:
        stranger.kill()
        stranger.wait()
    assert not job.exists()


def test_no_job_of_a_run_that_is_over_begins_or_publishes(job, tmp_path, monkeypatch):
    monkeypatch.setenv(runs.FILE, "")
    monkeypatch.setenv(runs.SNAKEMAKE, "")
    runs.announce_new(tmp_path)
    runs.begin()
    assert os.environ[runs.SNAKEMAKE] == str(os.getpid())
    # Here the job is the process of its Snakemake itself, and nothing is its own ancestor.
    monkeypatch.delenv(runs.SNAKEMAKE)
    lease.take(job)
    lease.check()
    runs.end()
    with pytest.raises(runs.OrphanError, match="is over"):
        lease.check()
    mark = job.read_text()
    with pytest.raises(runs.OrphanError, match="is over"):
        lease.take(job)
    assert job.read_text() == mark
