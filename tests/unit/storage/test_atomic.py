"""Published files are complete, despite concurrent writers, killed processes and full disks."""

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
    """A store in which all values are equal, so that a mixture of two stores is detected."""
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
    """Simulate a full disk: files are limited to a hundred bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(Exception, match=r"File too large|os error 27"):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_publishes_nothing_and_a_retry_succeeds(tmp_path, name):
    with full_disk():
        WRITERS[name](tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    WRITERS[name](tmp_path / name)
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_keeps_the_existing_file(tmp_path, name):
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


def test_concurrent_writers_and_readers_see_only_complete_stores(tmp_path):
    path = tmp_path / "e.zarr"
    write_store(path, 1)
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, path, str(number)]) for number in (1, 2)]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        try:
            values = stores.open_store(path, "embeddings")["embedding"].values
        except (ArtefactError, OSError):
            # The store was replaced during the read: an error, never a mixture.
            continue
        seen |= set(np.unique(values).tolist())
        assert len(np.unique(values)) == 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen == {1.0, 2.0}
    assert sorted(item.name for item in tmp_path.iterdir()) == ["e.json", "e.zarr"]
    assert len(np.unique(stores.open_store(path, "embeddings")["embedding"].values)) == 1


def test_concurrent_threads_leave_one_complete_folder(tmp_path):
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


def test_folders_replace_files_and_files_replace_folders(tmp_path):
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
    """A live process that has written half of a store."""
    process = subprocess.Popen([sys.executable, "-c", HALF, tmp_path / "e.zarr"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"half\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_files_of_killed_writers_are_removed_at_the_next_publication(tmp_path, writer):
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert len(list(tmp_path.glob(".e.zarr.*.partial"))) == 1
    write_store(tmp_path / "other.zarr")
    assert len(list(tmp_path.glob(".e.zarr.*.partial"))) == 1
    write_store(tmp_path / "e.zarr")
    assert not list(tmp_path.glob(".*"))


def test_files_of_live_writers_are_kept(tmp_path, writer):
    write_store(tmp_path / "e.zarr")
    (partial,) = tmp_path.glob(".e.zarr.*.partial")
    assert (partial / "half").read_text() == "half"


def test_the_stale_description_is_removed_before_the_new_content_appears(tmp_path):
    manifest = tmp_path / "e.json"
    write_store(tmp_path / "e.zarr")
    with pytest.raises(KeyboardInterrupt), atomic.publish(tmp_path / "e.zarr", stale=manifest):
        raise KeyboardInterrupt
    assert manifest.is_file()
    with atomic.publish(tmp_path / "e.zarr", stale=manifest) as partial:
        partial.mkdir()
    assert not manifest.exists()


def test_files_of_other_machines_are_removed_by_age(tmp_path):
    path = tmp_path / "left"
    path.touch()
    signed = processes.signature().split("-")
    elsewhere = "-".join(["another_host", *signed[1:]])
    assert not processes.is_left_over("-".join(signed), path)
    assert not processes.is_left_over(elsewhere, path)
    os.utime(path, (0, 0))
    assert processes.is_left_over(elsewhere, path)
    # The ID of a process that ended may have been reused.
    host, number, began, count = signed
    assert processes.is_left_over(f"{host}-{number}-{int(began) - 100}-{count}", path)
    assert not processes.is_left_over("-".join(signed), path)
