"""File systems without fsync for files or folders, and file systems on which it fails."""

import errno
import json
import os
import stat

import pytest

from earthdim.jobs import lease, runs
from earthdim.storage import atomic, disk
from earthdim.storage.files import write_json

NOWHERE = ["EINVAL", "ENOSYS", "EOPNOTSUPP"]
FOR_FOLDERS = [*NOWHERE, "EACCES", "EPERM", "EBADF", "EISDIR", "EROFS"]
LOST = ["EIO", "ENOSPC", "EDQUOT"]


def answer(monkeypatch, name, files):
    """Let fsync raise an error for folders, or for files too."""
    sync = os.fsync

    def answers(descriptor):
        if files or stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", answers)


def store(folder):
    with atomic.publish(folder / "store") as partial:
        (partial / "within").mkdir(parents=True)
        (partial / "within" / "part").write_text("whole")
    return folder / "store" / "within" / "part"


@pytest.mark.parametrize("name", FOR_FOLDERS)
def test_file_systems_that_cannot_sync_folders_are_supported(monkeypatch, tmp_path, name):
    answer(monkeypatch, name, files=False)
    assert store(tmp_path).read_text() == "whole"


@pytest.mark.parametrize("name", NOWHERE)
def test_file_systems_without_fsync_are_supported(monkeypatch, tmp_path, name):
    answer(monkeypatch, name, files=True)
    assert store(tmp_path).read_text() == "whole"
    write_json([1], tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == [1]


@pytest.mark.parametrize("name", NOWHERE)
def test_runs_and_jobs_start_without_fsync(monkeypatch, tmp_path, name):
    answer(monkeypatch, name, files=True)
    monkeypatch.setenv(runs.SNAKEMAKE, "")
    monkeypatch.setenv(runs.FILE, "")
    runs.start(tmp_path)
    runs.begin()
    monkeypatch.delenv(runs.SNAKEMAKE)
    lease.take(tmp_path / "log")
    assert (tmp_path / "log").is_file()
    runs.check()


@pytest.mark.parametrize("files", [True, False], ids=["of a file", "of a folder"])
@pytest.mark.parametrize("name", LOST)
def test_errors_that_lose_data_are_raised(monkeypatch, tmp_path, name, files):
    answer(monkeypatch, name, files)
    with pytest.raises(OSError, match=os.strerror(getattr(errno, name))):
        store(tmp_path)
    if files:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted({*FOR_FOLDERS} - {*NOWHERE}))
def test_for_files_only_a_missing_fsync_is_tolerated(monkeypatch, tmp_path, name):
    answer(monkeypatch, name, files=True)
    with pytest.raises(OSError, match=os.strerror(getattr(errno, name))):
        store(tmp_path)


def test_an_unreadable_folder_is_tolerated_and_a_file_is_not(monkeypatch, tmp_path):
    def refuse(path, flags):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "open", refuse)
    disk.sync_path(tmp_path)
    with pytest.raises(PermissionError, match="file"):
        disk.sync_path(tmp_path / "file")
