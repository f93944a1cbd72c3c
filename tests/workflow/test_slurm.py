"""The cluster profiles on a real Slurm of two nodes, which the tests start and stop."""

import os
import re
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from project import Project
from slurm import INSTALL, NODES, Slurm, absent, waited_for

pytestmark = pytest.mark.workflow

# Double quotes and brackets must pass through two shells and a batch script.
PART = ("branch", "--config", "experiment=tiny", "branch=csp", 'overrides=["estimator.mle.k=10"]')
# This Slurm has no accounting; short intervals between status checks.
HERE = (
    "--slurm-no-account",
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "2"),
)
# First attempts get too little memory for the trained variant, and one minute for probes.
LIMITED = (
    "--set-resources",
    "pretrain:mem_mb=400 if attempt == 1 and len(input) else 3000",
    "pretrain:runtime=30",
    "probe:runtime=1 if attempt == 1 else 30",
)
SECONDS = 1500


class Run:
    """A running Snakemake on the cluster."""

    def __init__(self, slurm: Slurm, project: Project, *arguments: str):
        self.slurm, self.project = slurm, project
        self.file = project.folder / "output.txt"
        environment = slurm.environment
        self.process = project.start(
            *HERE, *arguments, profile="slurm", environment=environment, output=self.file
        )

    @property
    def output(self) -> str:
        return self.file.read_text()

    def wait(self, met=lambda: False) -> int | None:
        """Wait for a condition or for Snakemake to end; its return code, or None while it runs."""
        assert waited_for(lambda: self.process.poll() is not None or met(), SECONDS), self.output[-6000:]
        return self.process.poll()

    def interrupt(self) -> SimpleNamespace:
        """Send SIGINT to the process group, as Ctrl-C does; return what is left shortly after."""
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.wait()
        # Slurm takes some seconds to end cancelled jobs.
        waited_for(lambda: not self.slurm.queue() and not self.alive(), 15)
        return SimpleNamespace(code=code, queue=self.slurm.queue(), alive=self.alive(), output=self.output)

    def alive(self, ending: str = "", node: str | None = None) -> list[psutil.Process]:
        """Processes of this run, optionally only those with this end of the last argument or on this node."""
        found = []
        for process in self.slurm.processes():
            try:
                words, folder, there = (
                    process.cmdline(),
                    process.cwd(),
                    process.environ().get("SLURMD_NODENAME"),
                )
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if (
                folder == str(self.project.folder)
                and words
                and words[-1].endswith(ending)
                and node in (None, there)
            ):
                found.append(process)
        return [process for process in found if process.pid != self.process.pid]


@pytest.fixture(scope="module")
def slurm():
    if missing := absent():
        pytest.skip(f"there is no {', '.join(missing)}; {INSTALL}")
    with Slurm() as running:
        yield running
    assert not running.processes()
    assert not running.folder.exists()


@pytest.fixture(scope="module")
def local(finished, tmp_path_factory) -> Project:
    """The same part of the experiment, run on this machine."""
    project = finished.copy(tmp_path_factory.mktemp("local") / "project")
    project.run(*PART)
    return project


@pytest.fixture(scope="module")
def stopped_early(slurm, tmp_path_factory) -> SimpleNamespace:
    """A run that is interrupted while it submits its first jobs."""
    project = Project.create(tmp_path_factory.mktemp("early") / "project")
    run = Run(slurm, project, "--config", "experiment=tiny")
    assert run.wait(lambda: "Execute " in run.output) is None, run.output
    return run.interrupt()


@pytest.fixture(scope="module")
def cluster(slurm, finished, tmp_path_factory) -> SimpleNamespace:
    """The part on two nodes with its data available: interrupted, restarted, with two jobs that exceed their limits."""
    project = finished.copy(tmp_path_factory.mktemp("cluster") / "project")
    for made in ("variants", "tiny"):
        shutil.rmtree(project.folder / "results" / made)
    before = len(slurm.jobs())
    run = Run(slurm, project, *PART)
    assert run.wait(lambda: run.alive(".pretrain.py")) is None, run.output
    interrupted = run.interrupt()
    run = Run(slurm, project, *PART, *LIMITED)
    assert run.wait(lambda: run.alive(".probe.py", NODES[0])) is None, run.output
    # A stopped probe exceeds its time limit.
    run.alive(".probe.py", NODES[0])[0].suspend()
    assert run.wait() == 0, run.output[-6000:]
    time.sleep(1)
    return SimpleNamespace(
        project=project,
        interrupted=interrupted,
        output=run.output,
        jobs=slurm.jobs()[before:],
        killed_for_memory=slurm.killed_for_memory(),
    )


def tables(project: Project) -> dict[str, str]:
    return {name: digest for name, digest in project.files("tiny@").items() if "/branches/" in name}


def test_ctrl_c_during_submission_leaves_no_job(stopped_early):
    assert stopped_early.code != 0
    assert stopped_early.queue == []
    assert stopped_early.alive == []


@pytest.mark.thorough
def test_ctrl_c_during_jobs_leaves_no_job(cluster):
    assert cluster.interrupted.code != 0
    assert cluster.interrupted.queue == []
    assert cluster.interrupted.alive == []


@pytest.mark.thorough
def test_two_nodes_compute_the_same_tables(cluster, local):
    assert len(tables(local)) == 3
    assert tables(cluster.project) == tables(local)
    completed = [job for job in cluster.jobs if job["JobState"] == "COMPLETED"]
    assert {job["NodeList"] for job in completed} == set(NODES)
    checkpoints = "variants/csp_amin10_rgb_tiny_s0/checkpoint"
    assert cluster.project.files(checkpoints) == local.files(checkpoints)


@pytest.mark.thorough
def test_small_jobs_share_a_slurm_job(cluster):
    done = re.findall(r"^\s*(?:local)?rule (\w+):", cluster.output, re.MULTILINE)
    of_measures = [rule for rule in done if rule in ("embed", "dimension")]
    assert len(of_measures) >= 4
    assert len(cluster.jobs) < len(done) - len(of_measures) / 2


@pytest.mark.thorough
def test_a_job_out_of_memory_is_repeated_with_more(cluster):
    killed = [job for job in cluster.jobs if job["JobId"] in cluster.killed_for_memory]
    assert ["mem=400M" in job["Tres"] for job in killed] == [True]
    assert f"SLURM-job '{killed[0]['JobId']}' failed" in cluster.output
    # The checkpoints of both variants.
    again = [job for job in cluster.jobs if job["TimeLimit"] == "30" and job["JobState"] == "COMPLETED"]
    assert len([job for job in again if "mem=3000M" in job["Tres"]]) >= 2


@pytest.mark.thorough
def test_a_job_over_its_time_limit_is_repeated_with_more(cluster):
    late = [job for job in cluster.jobs if job["JobState"] == "TIMEOUT"]
    assert late
    assert {job["TimeLimit"] for job in late} == {"1"}
    assert "SLURM status is: 'TIMEOUT'" in cluster.output
    assert "Trying to restart job" in cluster.output


def test_training_on_a_gpu_requests_one_from_slurm(slurm, project):
    project.edit("config/config.yaml", "  device: cpu # or cuda,", "  device: cuda # or cpu,")
    known = len(slurm.jobs())
    target = "results/variants/csp_amin10_rgb_tiny_s0/checkpoint.safetensors"
    run = Run(slurm, project, target, "--config", "experiment=tiny", "--retries", "0")
    if run.wait():
        log = project.folder / "results/logs/pretrain/csp_amin10_rgb_tiny_s0.log"
        assert "pretraining.device: cuda, but torch finds no GPU on this machine" in log.read_text()
    assert waited_for(lambda: len(slurm.jobs()) > known, 10)
    (job,) = slurm.jobs()[known:]
    assert "TresPerJob=gres:gpu:1" in slurm.command("scontrol", "show", "job", job["JobId"])


@pytest.mark.thorough
def test_two_nodes_compute_smoke_like_one_machine(slurm, smoke, tmp_path):
    project = Project.create(tmp_path / "project")
    before = len(slurm.jobs())
    run = Run(slurm, project, "--config", "experiment=smoke")
    assert run.wait() == 0, run.output[-6000:]
    expected = smoke.files("smoke/tables", "smoke/variants")
    assert len(expected) > 10
    assert project.files("smoke/tables", "smoke/variants") == expected
    time.sleep(1)
    assert {job["NodeList"] for job in slurm.jobs()[before:] if job["JobState"] == "COMPLETED"} == set(NODES)


# Point sets that are recomputed from available data.
DRAWS = ("results/data/points/land-500-r0.json", "results/data/points/task-land-600-r0.json")
STATUS = """\
#!/bin/sh
state=$(squeue --noheader --states all --format %T --jobs "$1")
case "$state" in
  COMPLETED) echo success ;;
  PENDING|CONFIGURING|RUNNING|COMPLETING) echo running ;;
  *) echo failed ;;
esac
"""


def generic(project: Project, submit: str, *arguments: str, environment=None) -> tuple[dict, dict, str]:
    """Recompute the point sets with the generic profile: digests before and after, and the run's output."""
    before = project.files("data/points")
    for made in DRAWS:
        (project.folder / made).unlink()
        shutil.rmtree((project.folder / made).with_suffix(".zarr"))
    output = project.folder / "output.txt"
    run = project.start(
        *(*DRAWS, "--config", "experiment=tiny", "--cluster-generic-submit-cmd", submit, *arguments),
        profile="cluster",
        environment=environment or {},
        output=output,
    )
    code = run.wait(SECONDS)
    assert code == 0, output.read_text()
    return before, project.files("data/points"), output.read_text()


def test_generic_profile_submits_jobs_with_any_command(project):
    before, after, output = generic(project, "sh")
    assert after == before
    assert "Provided remote nodes" in output


def test_generic_profile_with_the_commands_of_slurm(slurm, project):
    status = Path(project.folder / "status.sh")
    status.write_text(STATUS)
    status.chmod(0o755)
    submit = "sbatch --parsable --mem={resources.mem_mb} --time={resources.runtime} --cpus-per-task={threads}"
    commands = ("--cluster-generic-status-cmd", str(status), "--cluster-generic-cancel-cmd", "scancel")
    known = len(slurm.jobs())
    before, after, _ = generic(project, submit, *commands, environment=slurm.environment)
    assert after == before
    assert waited_for(lambda: len(slurm.jobs()) > known, 10)
    assert {job["JobState"] for job in slurm.jobs()[known:]} == {"COMPLETED"}
