"""A run is known on the disk from its beginning to its end, and what belongs to it ends with it."""

import os
import subprocess
import sys
from pathlib import Path

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
    """This process as the Snakemake that a user started."""
    monkeypatch.setenv(runs.SNAKEMAKE, "")
    monkeypatch.setenv(runs.FILE, "")
    runs.announce_new(tmp_path)
    runs.begin()
    return tmp_path


def test_a_run_goes_on_until_its_end(run):
    runs.check()
    runs.end()
    with pytest.raises(runs.OrphanError, match="the run that this job belongs to is over"):
        runs.check()


def test_without_a_run_nothing_is_over(monkeypatch, tmp_path):
    monkeypatch.setenv(runs.SNAKEMAKE, "")
    monkeypatch.setenv(runs.FILE, "somewhere/else")
    runs.announce_new(None)
    runs.check()
    runs.end()


def started(work) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNING.replace("WORK", work)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"began\n"
    return process


def ended(process, seconds=30) -> str:
    """End of a process, and its last words."""
    try:
        return process.communicate(timeout=seconds)[1].decode()
    finally:
        process.kill()
        process.wait()


def test_a_new_run_ends_those_whose_snakemake_was_killed_and_no_other(run):
    begin = f"runs.announce_new(Path({str(run)!r})); runs.begin()"
    killed, living = started(begin), started(begin)
    killed.kill()
    killed.wait()
    elsewhere = run / "earthdim" / "other_host-1-1-0"
    elsewhere.touch()
    # However long ago: of another machine nothing is known.
    os.utime(elsewhere, (0, 0))
    runs.announce_new(run)
    runs.begin()
    left = {path.name for path in (run / "earthdim").iterdir()}
    assert not any(f"-{killed.pid}-" in name for name in left)
    assert any(f"-{living.pid}-" in name for name in left)
    assert elsewhere.name in left
    runs.end_all(run)
    assert not list((run / "earthdim").iterdir())
    living.kill()
    ended(living)


def test_a_snakemake_within_a_job_ends_with_its_run(run):
    process = started("runs.announce(); runs.LOOK_S = 0.1; runs.follow()")
    runs.end()
    assert "this Snakemake ends: the run" in ended(process)
    assert process.returncode == 1


OWN = "runs.LOOK_S = 0.1; runs.announce_new(Path({!r})); runs.begin(); runs.follow()"


def test_the_users_snakemake_ends_when_another_says_that_its_run_is_over(tmp_path):
    process = started(OWN.format(str(tmp_path)))
    runs.end_all(tmp_path)
    assert "this Snakemake ends: the run" in ended(process)
    assert process.returncode == 1


def test_a_snakemake_that_ends_its_run_itself_goes_on_to_its_own_end(tmp_path):
    process = started(OWN.format(str(tmp_path)) + "; runs.end(); time.sleep(1)")
    assert not list((tmp_path / "earthdim").iterdir())
    assert process.poll() is None
    process.kill()
    assert ended(process) == ""


def test_the_users_snakemake_is_told_from_one_within_a_job(run, monkeypatch):
    assert runs.is_users(os.getpid())
    assert not runs.is_users(os.getppid())
    # The same number on another machine is another process.
    file = Path(os.environ[runs.FILE])
    monkeypatch.setenv(runs.FILE, str(file.with_name(f"another_{file.name}")))
    assert not runs.is_users(os.getpid())
