"""The benchmark runs, and its verdicts follow from its measurements."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "dimension.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_of_dimension", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look their module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def findings(benchmark):
    def costs(cpu, gib=0.5, **more):
        return {"cpu": cpu, "wall": 2 * cpu, "gib": gib, **more}

    found = benchmark.Findings(n=30_000, d=512, limit=3600, rates={"slow": 1e10, "fast": 4.608e10})
    found.ours = {
        "embedding": costs(3),
        "prepare": costs(1),
        "graph": costs(10, gib=1.5),
        "mle": costs(0.5, value=2.0, reads_graph=True),
        "fishers": costs(4.5, value=7.0, reads_graph=False),
        "tle-k100": costs(15, value=3.0, reads_graph=True),
    }
    found.theirs = {"mle": costs(40, value=2.0 * (1 + 1e-12)), "fishers": costs(360, value=7.0)}
    return found


def holds(findings, start):
    (found,) = [(words, verdict) for words, verdict in findings.verdicts() if start in words]
    return found


def test_sums_and_ratios(findings, benchmark):
    assert findings.graph_limit == pytest.approx(5.0)
    assert findings.suite == {"cpu": 16, "wall": 32, "gib": 1.5}
    assert findings.alone("mle") == 11.5
    assert findings.alone("fishers") == 5.5
    lines = {line.split()[0]: line for line in benchmark.table(findings).splitlines() if line[0] != " "}
    assert lines["fishers"].split()[-2:] == ["65.5", "0.0e+00"]
    assert lines["suite"].split()[-2:] == ["400.0", "25.0"]


def test_requirements_are_checked_at_their_size_only(findings):
    assert holds(findings, "times the suite") == (
        "scikit-dimension costs 25.0 times the suite's CPU seconds (required: at least 25)",
        True,
    )
    assert holds(findings, "tle-k100") == ("tle-k100 costs 15.0 CPU s (required: at most 15)", True)
    findings.ours["tle-k100"]["cpu"] = 15.1
    assert holds(findings, "tle-k100")[1] is False
    findings.ours["graph"]["cpu"] = 7
    assert holds(findings, "times the limit")[1] is True
    assert holds(findings, "peak")[1] is None
    findings.ours["graph"]["cpu"] = 11.5
    assert holds(findings, "times the limit") == (
        "the graph costs 2.30 times the limit (required: at most 1.4)",
        False,
    )
    assert holds(findings, "times the suite")[1] is False
    findings.n = 100_000
    assert holds(findings, "peak") == (
        "the suite's peak is 1.50 GiB above the data (required: below 2)",
        True,
    )
    assert holds(findings, "take")[1] is True
    assert holds(findings, "tle-k100") == ("tle-k100 costs 15.1 CPU s", None)
    assert "(required: at least 40)" in holds(findings, "times the suite")[0]
    assert "(required: at most 1.2)" in holds(findings, "times the limit")[0]
    findings.n = 600
    assert holds(findings, "times the limit")[1] is None


def test_values_are_checked_at_every_size(findings):
    findings.n = 600
    assert holds(findings, "values differ")[1] is True
    findings.theirs["mle"]["value"] = 2.0 * (1 + 1e-8)
    assert holds(findings, "values differ")[1] is False


def test_a_stopped_reference_is_reported_as_a_bound(findings, benchmark):
    findings.theirs["fishers"] = {"failed": benchmark.CPU_LIMIT}
    text = benchmark.table(findings)
    assert "≥ 3,600" in text
    assert f"≥ {3640 / 16:.1f}" in text
    assert "at least 227.5 times" in holds(findings, "times the suite")[0]
    findings.theirs["fishers"] = {"failed": "needs more than 20 GiB", "cpu": 8.0}
    assert "needs more than 20 GiB" in benchmark.table(findings)
    assert "at least 3.0 times" in holds(findings, "times the suite")[0]
    # What used an unknown amount is not counted at all.
    findings.theirs["fishers"] = {"failed": "killed"}
    assert "at least 2.5 times" in holds(findings, "times the suite")[0]


def test_a_reference_that_takes_too_long_or_too_much_is_stopped(benchmark, tmp_path):
    import numpy as np

    np.save(tmp_path / "points.npy", np.random.default_rng(0).normal(size=(6000, 32)))
    run = ["--estimator", "twonn"]
    assert benchmark.in_own_process("reference", tmp_path, ["--limit", "0", *run]) == {
        "failed": benchmark.CPU_LIMIT
    }
    found = benchmark.in_own_process("reference", tmp_path, ["--memory", "0.2", *run])
    assert found["failed"] == "needs more than 0.2 GiB"
    assert 0 <= found["cpu"] < 60


def test_a_small_run_compares_every_estimator(benchmark):
    done = subprocess.run([sys.executable, SCRIPT, "--smoke"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    for name in benchmark.ESTIMATORS:
        assert len(lines[name]) == 9
        assert float(lines[name][-1]) <= 1e-9
    assert "pass values differ" in done.stdout
    assert "limit of the graph" in done.stdout
