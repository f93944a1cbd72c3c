"""What is published is whole, whoever writes, dies or runs out of space meanwhile."""

import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from earthdim.storage import atomic, processes, stores
from earthdim.storage.files import save_checkpoint, write_json, write_table
from earthdim.storage.schema import ArtefactError


def store_of(number: int) -> xr.Dataset:
    """A store whose every value is the same, and which value that is: a mixture of two is seen at once."""
    return xr.Dataset({"embedding": (("point", "feature"), np.full((200, 8), float(number)))})


def write_store(path, number=1):
    stores.save_store(store_of(number), path, "embeddings", {"code": "c"})


WRITERS = {
    "a.zarr": write_store,
    "a.csv": lambda path: write_table(pd.DataFrame({"a": np.arange(5000)}), path),
    "a.json": lambda path: write_json(list(range(5000)), path),
    "a.safetensors": lambda path: save_checkpoint({"w": torch.zeros(5000)}, path, {}),
}


@contextmanager
def full_disk():
    """As if the disk were full beyond the first hundred bytes of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(Exception, match=r"File too large|os error 27"):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", WRITERS)
def test_on_a_full_disk_nothing_appears_and_the_same_goes_on_with_space(tmp_path, name):
    with full_disk():
        WRITERS[name](tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    WRITERS[name](tmp_path / name)
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_what_stood_there(tmp_path, name):
    WRITERS[name](tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with full_disk():
        WRITERS[name](tmp_path / name)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


WRITE = """
import sys
from pathlib import Path
import numpy as np, xarray as xr
from earthdim.storage import stores
path, number = Path(sys.argv[1]), int(sys.argv[2])
dataset = xr.Dataset({"embedding": (("point", "feature"), np.full((200, 8), float(number)))})
for _ in range(20):
    stores.save_store(dataset, path, "embeddings", {"code": "c"})
"""


def test_two_writers_at_once_and_a_reader_see_only_whole_stores(tmp_path):
    path = tmp_path / "e.zarr"
    write_store(path, 1)
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, path, str(number)]) for number in (1, 2)]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        try:
            values = stores.open_store(path, "embeddings")["embedding"].values
        except (ArtefactError, OSError):
            # It was taken away, or half of what was read was the other's: refused, never used.
            continue
        seen |= set(np.unique(values).tolist())
        assert len(np.unique(values)) == 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen == {1.0, 2.0}
    assert sorted(item.name for item in tmp_path.iterdir()) == ["e.json", "e.zarr"]
    assert len(np.unique(stores.open_store(path, "embeddings")["embedding"].values)) == 1


def test_threads_that_publish_one_folder_leave_one_of_them(tmp_path):
    def write(number):
        for _ in range(50):
            with atomic.publish(tmp_path / "folder") as partial:
                partial.mkdir()
                for name in "ab":
                    (partial / name).write_text(str(number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [item.name for item in tmp_path.iterdir()] == ["folder"]
    assert (tmp_path / "folder" / "a").read_text() == (tmp_path / "folder" / "b").read_text()


def test_a_folder_takes_the_place_of_a_file_and_the_other_way_round(tmp_path):
    path = tmp_path / "x"
    path.write_text("file")
    with atomic.publish(path) as partial:
        partial.mkdir()
        (partial / "inside").write_text("folder")
    assert (path / "inside").read_text() == "folder"
    with atomic.publish(path) as partial:
        partial.write_text("file")
    assert path.read_text() == "file"
    assert list(tmp_path.iterdir()) == [path]


HALF = """
import os, sys, time
from pathlib import Path
from earthdim.storage import atomic
with atomic.publish(Path(sys.argv[1])) as partial:
    partial.mkdir()
    (partial / "half").write_text("half")
    print("half", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path):
    """A process that has written half of a store, and lives."""
    process = subprocess.Popen([sys.executable, "-c", HALF, tmp_path / "e.zarr"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"half\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_what_a_killed_writer_left_is_swept_when_the_same_is_next_published(tmp_path, writer):
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert len(list(tmp_path.glob(".e.zarr.*.partial"))) == 1
    write_store(tmp_path / "other.zarr")
    assert len(list(tmp_path.glob(".e.zarr.*.partial"))) == 1
    write_store(tmp_path / "e.zarr")
    assert not list(tmp_path.glob(".*"))


def test_a_living_writers_half_is_let_alone(tmp_path, writer):
    write_store(tmp_path / "e.zarr")
    (partial,) = tmp_path.glob(".e.zarr.*.partial")
    assert (partial / "half").read_text() == "half"


def test_what_describes_the_old_goes_before_the_new_comes(tmp_path):
    manifest = tmp_path / "e.json"
    write_store(tmp_path / "e.zarr")
    with pytest.raises(KeyboardInterrupt), atomic.publish(tmp_path / "e.zarr", stale=manifest):
        raise KeyboardInterrupt
    assert manifest.is_file()
    with atomic.publish(tmp_path / "e.zarr", stale=manifest) as partial:
        partial.mkdir()
    assert not manifest.exists()


def test_a_left_over_of_another_machine_is_judged_by_its_age(tmp_path):
    path = tmp_path / "left"
    path.touch()
    signed = processes.signature().split("-")
    elsewhere = "-".join(["another_host", *signed[1:]])
    assert not processes.is_left_over("-".join(signed), path)
    assert not processes.is_left_over(elsewhere, path)
    os.utime(path, (0, 0))
    assert processes.is_left_over(elsewhere, path)
    # The number of a process that ended may have been given again.
    host, number, began, count = signed
    assert processes.is_left_over(f"{host}-{number}-{int(began) - 100}-{count}", path)
    assert not processes.is_left_over("-".join(signed), path)
