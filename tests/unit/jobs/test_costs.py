import json
import subprocess
import sys
import time

import numpy as np
import pytest

from earthdim.jobs.costs import budget, so_far


def write(path, seconds, cpu, peak):
    path.parent.mkdir(parents=True, exist_ok=True)
    cost = {"cpu_seconds": cpu, "wall_seconds": seconds, "peak_mib": peak}
    path.write_text(json.dumps({"rule": path.parent.name, "cost": cost}))


def test_stages_are_added_up_over_the_experiments_own_jobs(tmp_path):
    write(tmp_path / "pretrain" / "a.json", 10, 8, 100)
    write(tmp_path / "pretrain" / "b.json", 20, 9, 300)
    write(tmp_path / "pretrain" / "other.json", 20, 99, 900)
    write(tmp_path / "embed" / "a" / "land.json", 1, 2, 50)
    write(tmp_path / "embed" / "a" / "elsewhere.json", 1, 2, 50)
    write(tmp_path / "tables" / "smoke.json", 1, 1, 50)
    write(tmp_path / "dataset" / "blue-marble.json", 3, 3, 400)
    table = budget(tmp_path, {"smoke", "a", "b", "land", "blue-marble"}).set_index("stage")
    assert table.loc["pretrain"].tolist() == [2, 17, 9, 30, 300]
    assert set(table.index) == {"pretrain", "embed", "tables", "dataset"}
    assert table.loc["embed", "jobs"] == 1
    assert table.index[0] == "pretrain"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cost": null}', '{"cost": {"cpu_seconds": 1}}'])
def test_records_without_a_cost_are_ignored(tmp_path, text):
    write(tmp_path / "embed" / "a.json", 1, 2, 3)
    (tmp_path / "embed" / "b.json").write_text(text)
    assert budget(tmp_path, {"a", "b"})["jobs"].tolist() == [1]


BUSY = "import time\nwhile time.process_time() < 0.5: pass"
JOB = f"""
import subprocess, sys
from earthdim.jobs.costs import so_far
subprocess.run([sys.executable, "-c", {BUSY!r}], check=True)
held = b"x" * 2**28
print(so_far())
"""


def test_the_cost_is_that_of_the_kernel_with_start_and_children():
    """A process that does nothing itself: its child's time is counted, and its own start."""
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", JOB], capture_output=True, text=True, check=True)
    wall = time.monotonic() - begun
    cost = eval(done.stdout)
    assert 0.5 < cost["cpu_seconds"] < wall + 0.1
    # The clock of the start has a resolution of a hundredth of a second.
    assert 0.5 < cost["wall_seconds"] < wall + 0.05
    assert 256 < cost["peak_mib"] < 400


def test_the_peak_is_not_that_of_the_process_that_started_it():
    held = np.ones(2**26)
    print_peak = "from earthdim.jobs.costs import so_far; print(so_far()['peak_mib'])"
    done = subprocess.run([sys.executable, "-c", print_peak], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 200 < so_far()["peak_mib"]
    assert held.all()
