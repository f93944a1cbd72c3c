"""Killed runs: a small part of the campaign (tests/campaign), and orphans that resume late."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from campaign.crashes import Disturbed, environment
from campaign.disturbance import Running, processes_in, script_of
from campaign.outcome import Undisturbed
from campaign.plan import Kill
from project import Project

from earthdim.jobs import preload, runs

pytestmark = pytest.mark.workflow

VARIANT = "csp_amin10_rgb_tiny_s0"
CHECKPOINT = f"results/variants/{VARIANT}/checkpoint.safetensors"
PRETRAIN = (CHECKPOINT, "--config", "experiment=tiny", "--forcerun", "pretrain")
KILLS = [
    Kill("pretrain", "kill snakemake"),
    Kill("embed", "full disk"),
    Kill("dimension", "kill both"),
    Kill("probe", "out of memory"),
    Kill("figures", "SIGINT"),
]


@pytest.mark.thorough
def test_a_run_killed_repeatedly_ends_with_the_same_results(project, finished, tmp_path):
    for part in (f"variants/{VARIANT}", f"tiny/variants/{VARIANT}", "tiny/tables", "tiny/figures"):
        shutil.rmtree(project.folder / "results" / part)
    log = tmp_path / "log"
    outcome = Disturbed(project, KILLS, random.Random(0), log, within=0.3).run(Undisturbed.of(finished))
    assert outcome.differs == []
    assert outcome.recomputed == []
    assert outcome.unrecorded == []
    assert outcome.left == []
    assert outcome.unsound == ""
    assert [line["kind"] for line in outcome.kills] == [kill.kind for kill in KILLS], log.read_text()[-3000:]
    assert outcome.kills[0]["orphans"] > 0
    assert outcome.kills[0]["locked"]


@pytest.fixture(
    params=[pytest.param("1", id="fork"), pytest.param("no", id="interpreter", marks=pytest.mark.thorough)]
)
def started(request, monkeypatch) -> str:
    """How a job is started."""
    monkeypatch.setenv(preload.SWITCH, request.param)
    return request.param


def nothing_runs(folder: Path) -> bool:
    """Whether no process is left; those that wait for a job end shortly after it."""
    end = time.monotonic() + 10
    while processes_in(folder) and time.monotonic() < end:
        time.sleep(0.1)
    return not processes_in(folder)


def training(project: Project) -> tuple[Running, psutil.Process]:
    """Snakemake and its only job, which has done half of its training steps."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *PRETRAIN]
    running = Running(command, project.folder, environment(project), project.folder / "orphan.log")
    log = project.folder / "results" / "logs" / "pretrain" / f"{VARIANT}.log"
    log.unlink()
    while not (log.exists() and "step 20/" in log.read_text()):
        assert not running.ended(), (project.folder / "orphan.log").read_text()
        time.sleep(0.02)
    ((_, job),) = running.jobs()
    is_fork = job.ppid() != running.process.pid
    assert is_fork == (os.environ[preload.SWITCH] != "no")
    return running, job


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=["Ctrl-C", "a terminal that closes"])
def test_a_signal_from_a_terminal_ends_the_run_and_leaves_no_lock(project, started, number):
    running, _ = training(project)
    try:
        os.killpg(running.process.pid, number)
        assert running.wait(60) == 1
        assert nothing_runs(project.folder)
    finally:
        running.clear()
    state = project.folder / ".snakemake"
    assert not [*state.glob("locks/*"), *state.glob("earthdim/*")]
    assert not (project.folder / CHECKPOINT).exists()


def test_an_orphan_that_wakes_after_a_run_with_another_config_changes_nothing(project, started):
    running, job = training(project)
    job.suspend()
    try:
        running.snakemake.kill()
        running.wait(60)
        project.edit("config/schedule/tiny.yaml", "steps: 40", "steps: 30")
        project.run("--unlock", "--config", "experiment=tiny")
        project.run(*PRETRAIN[:3])
        before = project.files("variants", times=True)
        log = (project.folder / "results" / "logs" / "pretrain" / f"{VARIANT}.log").read_text()
        job.resume()
        job.wait(60)
    finally:
        running.clear()
    assert "step 30/30" in log
    assert project.files("variants", times=True) == before
    assert nothing_runs(project.folder)
    # The files equal those of an undisturbed run of that config.
    project.run(*PRETRAIN)
    made = {name: digest.split()[0] for name, digest in before.items()}
    assert project.files("variants") == made


def test_a_stopped_snakemake_keeps_its_lock_and_ends_normally_when_it_is_continued(project, started):
    running, job = training(project)
    processes = (job, running.snakemake)
    try:
        # As Ctrl-Z does, and later `fg`.
        for process in processes:
            process.suspend()
        done = project.run("--unlock", "--config", "experiment=tiny", check=False)
        for process in processes:
            process.resume()
        code = running.wait(60)
    finally:
        running.clear()
    assert done.returncode
    assert f"the Snakemake process {running.process.pid} still runs" in done.stdout + (done.stderr or "")
    assert code == 0
    assert (project.folder / CHECKPOINT).exists()
    assert nothing_runs(project.folder)


GRAPH = "results/tiny/variants/csp_amin10_untrained_s0/land-500-r0/neighbours.zarr"
SEARCH = (GRAPH, "--config", "experiment=tiny", "--forcerun", "embed")
# Like the scheduler of a cluster, this outlives the user's Snakemake.
SUBMIT = "sh -c 'nohup sh \"$0\" >/dev/null 2>&1 & echo $!'"


def group_at_work(project: Project) -> tuple[psutil.Process, psutil.Process]:
    """The Snakemake of a group of jobs, and its first job as soon as it runs."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for process in processes_in(project.folder):
            with contextlib.suppress(psutil.Error):
                if "--mode" in process.cmdline():
                    for job in process.children(recursive=True):
                        if script_of(job) == "embed":
                            return process, job
        time.sleep(0.02)
    raise AssertionError("no group of jobs began")


def ends(process: psutil.Process) -> bool:
    """Whether a process ends in time; a zombie has ended."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def test_a_group_of_jobs_that_outlives_its_run_neither_writes_nor_removes_results(project):
    output = project.folder / "output.txt"
    submit = ("--cluster-generic-submit-cmd", SUBMIT)
    run = project.start(*SEARCH, *submit, profile="cluster", environment={}, output=output)
    try:
        group, job = group_at_work(project)
        group.suspend()
        job.suspend()
        run.kill()
        run.wait(60)
        project.edit("config/config.yaml", "k: 100", "k: 90")
        project.run("--unlock", "--config", "experiment=tiny")
        project.run(*SEARCH[:3])
        before = project.files("variants", times=True)
        job.resume()
        assert ends(job)
        # A living Snakemake would remove the outputs of the failed job.
        with contextlib.suppress(psutil.NoSuchProcess):
            group.resume()
        assert ends(group)
    finally:
        for process in processes_in(project.folder):
            process.kill()
    assert project.files("variants", times=True) == before
    assert "Nothing to be done" in project.run(*SEARCH[:3]).stdout


def test_a_job_that_starts_after_the_end_of_its_run_removes_nothing(project):
    before = project.files("variants", times=True)
    words = [sys.executable, "-m", "snakemake", "--cores", "1", "--mode", "remote", *SEARCH, "--nolock"]
    late = environment(project) | {runs.FILE: str(project.folder / ".snakemake" / "earthdim" / "gone")}
    done = subprocess.run(words, cwd=project.folder, env=late, capture_output=True, text=True)
    assert done.returncode
    assert "the run of this job is over" in done.stderr
    assert project.files("variants", times=True) == before
