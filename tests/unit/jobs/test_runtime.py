"""How a job says why it failed."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from earthdim.jobs.runtime import shortage

BEGIN = """
import errno, resource, sys
from earthdim.jobs import runtime
runtime.begin("embed", "x", sys.argv[1], {"config": {"math_threads": 1}})
"""


def run(path, code):
    command = [sys.executable, "-c", BEGIN + code, path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_full_disk_is_one_line_in_the_log(tmp_path):
    done = run(tmp_path / "log", "raise OSError(errno.ENOSPC, 'No space left on device', 'a.csv')")
    assert done.returncode == 1
    _, *lines = (tmp_path / "log").read_text().splitlines()
    (line,) = lines
    assert line.startswith("[embed x] failed: the disk is full ([Errno 28] No space left on device: 'a.csv')")


def test_a_disk_too_full_for_the_log_still_tells_on_standard_error(tmp_path):
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
    done = run(tmp_path / "log", limit + "open(sys.argv[1], 'a', buffering=1).write('x\\n')")
    assert done.stderr.splitlines()[0].startswith("[embed x] failed: the disk is full")
    assert "Logging error" not in done.stderr


def test_a_disk_too_full_to_begin_a_log_is_one_line_on_standard_error(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
    command = [sys.executable, "-c", limit + BEGIN, tmp_path / "log"]
    (line,) = subprocess.run(command, capture_output=True, text=True, check=False).stderr.splitlines()
    assert line.startswith("[embed x] failed: the disk is full")


def test_another_error_keeps_its_traceback(tmp_path):
    run(tmp_path / "log", "raise KeyError('surprise')")
    text = (tmp_path / "log").read_text()
    assert "Traceback" in text
    assert "surprise" in text


def test_a_warning_is_one_line_of_the_log_and_of_standard_error(tmp_path):
    code = "import warnings; warnings.warn('two\\n  lines'); warnings.warn('old', FutureWarning)"
    done = run(tmp_path / "log", code)
    _, *lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "[embed x] warning: two lines"
    assert lines[1].startswith("[embed x] warning: old (FutureWarning, <string>:")
    assert len(lines) == 2
    assert done.stderr.splitlines() == lines


MEMORY = {
    "numpy": lambda: np.empty(1 << 60, np.uint8),
    "torch": lambda: torch.empty(1 << 60, dtype=torch.uint8),
    "python": lambda: bytearray(1 << 62),
}


@pytest.mark.parametrize("library", MEMORY)
def test_what_libraries_say_of_too_little_memory_is_understood(library):
    with pytest.raises((MemoryError, RuntimeError)) as raised:
        MEMORY[library]()
    assert "not enough memory" in shortage(raised.value)


def test_an_error_that_came_of_a_full_disk_is_told_as_one():
    error = ValueError("the store could not be written")
    error.__cause__ = OSError(28, "No space left on device")
    assert "the disk is full" in shortage(error)


def test_anything_else_is_no_shortage():
    assert shortage(ValueError("k is too large")) is None
    assert shortage(FileNotFoundError(2, "No such file")) is None


JOB = """
import sys
from types import SimpleNamespace
from earthdim.jobs.runtime import job
snakemake = SimpleNamespace(rule="embed", input=["in"], output=["out"], log=[sys.argv[1]], wildcards=WILDCARDS,
    params=SimpleNamespace(job={"config": {"math_threads": 1, "n": 3}, "code": "c0de", "schema": {},
                                "libraries": {"numpy": "2"}}))
def record(of, parameter):
    print("record", of is snakemake, parameter["config"]["n"])
with job(snakemake, NAME, record) as run:
"""


def run_job(path, body, wildcards="{}", name="''"):
    code = JOB.replace("WILDCARDS", wildcards).replace("NAME", name)
    command = [sys.executable, "-c", f"{code}    {body}", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_script_sees_its_job_and_leaves_a_record(tmp_path):
    body = "print(run.input, run.output, run.config, run.whole_config, sorted(run.provenance)); run.log.info('x')"
    done = run_job(tmp_path / "log", body)
    assert done.stdout.splitlines() == [
        "['in'] ['out'] {'n': 3} {'math_threads': 1, 'n': 3} ['code', 'config', 'version numpy']",
        "record True 3",
    ]
    assert (tmp_path / "log").read_text().splitlines()[1:] == ["[embed ] x"]


def test_a_job_that_fails_leaves_no_record_and_logs_why(tmp_path):
    done = run_job(tmp_path / "log", "raise KeyError('surprise')")
    assert done.returncode == 1
    assert "record" not in done.stdout
    assert "surprise" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("wildcards", "given", "name"),
    [
        ("{'variant': 'a', 'points': 'land'}", "''", "a land"),
        ("{'experiment': 'smoke', 'variant': 'a', 'points': 'land'}", "''", "a land"),
        ("{'experiment': 'smoke', 'table': 'probe'}", "''", "smoke probe"),
        ("{}", "'weights'", "weights"),
    ],
)
def test_log_lines_name_the_job(tmp_path, wildcards, given, name):
    run_job(tmp_path / "log", "run.log.info('x')", wildcards, given)
    assert (tmp_path / "log").read_text().splitlines()[1:] == [f"[embed {name}] x"]
