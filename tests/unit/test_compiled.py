"""The cache of compiled code: writable, not writable, damaged."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import earthdim

PACKAGE = Path(earthdim.__file__).parent
DISTANCES = """
import numpy as np
from earthdim.estimation.neighbours.kernels import squared_distances
points = np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]])
print(squared_distances(points, 0, np.array([1, 2])).tolist())
print(sum(squared_distances.stats.cache_hits.values()))
"""
# By hand: 9 + 16 and 1 + 1.
RIGHT = "[25.0, 2.0]"
ZONES = """
from earthdim import compiled
with compiled.load("timezonefinder", "TimezoneFinder")() as finder:
    print(finder.timezone_at(lng=2.35, lat=48.85))
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of the package whose cache folders cannot be created, even by root: files have their names."""
    package = tmp_path / "readonly" / "earthdim"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").touch()
    return package.parent


def run(code, folder, **variables):
    """Output of a process without a home folder and with only the given cache folders."""
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


def test_without_a_cache_folder_code_is_compiled(copy):
    assert run(DISTANCES, copy).split("\n")[:2] == [RIGHT, "0"]


def test_other_processes_load_the_cached_code(copy, tmp_path):
    cache = str(tmp_path / "cache")
    assert run(DISTANCES, copy, NUMBA_CACHE_DIR=cache).split("\n")[:2] == [RIGHT, "0"]
    assert run(DISTANCES, copy, NUMBA_CACHE_DIR=cache).split("\n")[:2] == [RIGHT, "1"]


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("rest", [0, 10], ids=["empty", "cut off"])
def test_damaged_cached_code_is_compiled_again_and_replaced(copy, tmp_path, kind, rest):
    cache = tmp_path / "cache"
    run(DISTANCES, copy, NUMBA_CACHE_DIR=str(cache))
    damaged = list(cache.rglob(f"*.{kind}"))
    assert damaged
    for file in damaged:
        file.write_bytes(file.read_bytes()[:rest])
    assert run(DISTANCES, copy, NUMBA_CACHE_DIR=str(cache)).split("\n")[:2] == [RIGHT, "0"]
    assert run(DISTANCES, copy, NUMBA_CACHE_DIR=str(cache)).split("\n")[:2] == [RIGHT, "1"]


def test_a_full_disk_does_not_prevent_results(copy, tmp_path):
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n" + DISTANCES
    assert run(full, copy, NUMBA_CACHE_DIR=str(tmp_path / "cache")).split("\n")[:2] == [RIGHT, "0"]


def test_a_library_with_a_cache_is_loaded_without_a_cache_folder(copy):
    library = Path(find_spec("timezonefinder").origin).parent
    (copy / "timezonefinder").mkdir()
    (copy / "timezonefinder" / "__pycache__").touch()
    for part in library.iterdir():
        if part.name != "__pycache__":
            (copy / "timezonefinder" / part.name).symlink_to(part)
    temporary = copy / "tmp"
    temporary.mkdir()
    assert run(ZONES, copy, TMPDIR=str(temporary)).strip() == "Europe/Paris"
    assert list(temporary.iterdir()) == []
