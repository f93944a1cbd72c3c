"""Compiled code where it can be kept, where it cannot, and where what was kept is damaged."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import earthdim

PACKAGE = Path(earthdim.__file__).parent
# Without earthdim: the third neighbours of points on a line with gaps of 1, 2, 4, 8.
DISTANCES = """
import numpy as np
from earthdim import neighbours
points = np.array([[0.0], [1.0], [3.0], [7.0], [15.0]], dtype=np.float32)
print(neighbours.search(points, k=2).distances.ravel().tolist())
"""
KEPT = """
from earthdim import compiled

@compiled.njit()
def double(x):
    return 2 * x

print(double(21), double.stats.cache_hits[(int64,)] if False else len(double.stats.cache_hits))
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of the package beside which nothing can be written: even root makes no folder where a file is."""
    package = tmp_path / "readonly" / "earthdim"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").touch()
    return package.parent


def run(code, folder, **variables):
    """What a process prints that has no home, and no folder for caches but the given ones."""
    lost = {"HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"}
    environment = {key: value for key, value in os.environ.items() if key not in lost}
    environment |= {"HOME": "/dev/null/home", "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | variables,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_a_place_for_compiled_code_it_is_compiled(copy):
    pass
