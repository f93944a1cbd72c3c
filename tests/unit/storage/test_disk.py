"""File systems that do not bring files or folders to the disk at one's word, and those that fail to."""

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
    """Let the system answer fsync with an error, for folders or for files too."""
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
def test_what_does_not_sync_folders_is_written_to(monkeypatch, tmp_path, name):
    answer(monkeypatch, name, files=False)
    assert store(tmp_path).read_text() == "whole"


@pytest.mark.parametrize("name", NOWHERE)
def test_what_syncs_nothing_is_written_to(monkeypatch, tmp_path, name):
    answer(monkeypatch, name, files=True)
    assert store(tmp_path).read_text() == "whole"
    write_json([1], tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == [1]


@pytest.mark.parametrize("name", NOWHERE)
def test_a_run_and_its_jobs_begin_where_nothing_is_synced(monkeypatch, tmp_path, name):
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
def test_a_loss_is_never_passed_over(monkeypatch, tmp_path, name, files):
    answer(monkeypatch, name, files)
    with pytest.raises(OSError, match=os.strerror(getattr(errno, name))):
        store(tmp_path)
    if files:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted({*FOR_FOLDERS} - {*NOWHERE}))
def test_of_files_no_more_is_forgiven_than_that_there_is_no_such_thing(monkeypatch, tmp_path, name):
    answer(monkeypatch, name, files=True)
    with pytest.raises(OSError, match=os.strerror(getattr(errno, name))):
        store(tmp_path)


def test_a_folder_that_cannot_be_opened_is_no_loss_and_a_file_is(monkeypatch, tmp_path):
    def refuse(path, flags):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "open", refuse)
    disk.sync_path(tmp_path)
    with pytest.raises(PermissionError, match="file"):
        disk.sync_path(tmp_path / "file")
