"""Checkpoints are read as tensors and plain data; digests are verified first, and no code in a file is run."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from released_checkpoints import digest, tensors
from safetensors.torch import save_file

from earthdim.encoders.released.checkpoint import contents, read
from earthdim.encoders.released.sources import CheckpointError

SUM = "0" * 64


def test_tensors_are_read_from_every_format(tmp_path):
    save_file({"a.weight": torch.ones(2, 3)}, tmp_path / "w.safetensors")
    torch.save({"a.weight": torch.ones(2, 3)}, tmp_path / "w.pth")
    tensors(tmp_path / "w.pth.tar", params={"x": np.float64(2), "device": torch.device("cpu")})
    for name in ("w.safetensors", "w.pth", "w.pth.tar"):
        path = tmp_path / name
        assert torch.equal(read(path, digest(path))["a.weight"], torch.ones(2, 3))


def test_numbers_that_an_older_numpy_saved_are_read(tmp_path):
    path = tensors(tmp_path / "w.pt", params={"n": np.int64(7)})
    with zipfile.ZipFile(path) as archive:
        members = {item: archive.read(item) for item in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert b"numpy.core.multiarray" in path.read_bytes()
    assert contents(path, digest(path))["params"] == {"n": 7}


class Evil:
    """A pickle that would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def evil_state(path, trap):
    tensors(path, extra=Evil(trap))


def evil_pickle(path, trap):
    path.write_bytes(pickle.dumps(Evil(trap), protocol=2))


def evil_legacy(path, trap):
    torch.save({"state_dict": {"a": Evil(trap)}}, path, _use_new_zipfile_serialization=False)


def test_objects_next_to_the_tensors_are_ignored_with_a_warning(tmp_path):
    path, trap = tmp_path / "w.ckpt", tmp_path / "trap"
    evil_state(path, trap)
    with pytest.warns(UserWarning, match=r"w\.ckpt: holds objects .* not run: posix\.mkdir"):
        assert torch.equal(read(path, digest(path))["a.weight"], torch.ones(2, 3))
    assert not trap.exists()


@pytest.mark.parametrize("write", [evil_pickle, evil_legacy])
def test_a_pickle_that_runs_code_is_rejected_and_not_run(write, tmp_path):
    path, trap = tmp_path / "w.ckpt", tmp_path / "trap"
    write(path, trap)
    with pytest.raises(CheckpointError, match=r"w\.ckpt: holds posix\.mkdir, .* not run") as raised:
        read(path, digest(path))
    assert "\n" not in str(raised.value)
    assert not trap.exists()
    pickle.loads(pickle.dumps(Evil(trap)))  # the trap works
    assert trap.exists()


def test_a_pickle_of_another_protocol_is_rejected_without_bad_advice(tmp_path):
    path, trap = tmp_path / "w.ckpt", tmp_path / "trap"
    path.write_bytes(pickle.dumps(Evil(trap), protocol=4))
    with pytest.warns(UserWarning, match="pickle protocol 4"), pytest.raises(CheckpointError) as raised:
        read(path, digest(path))
    assert "was not run" in str(raised.value)
    assert "weights_only" not in str(raised.value)
    assert not trap.exists()


def test_the_digest_is_checked_before_anything_is_read(tmp_path):
    path, trap = tmp_path / "w.ckpt", tmp_path / "trap"
    evil_state(path, trap)
    for sha256, message in ((SUM, "has the sha256"), (None, "is null")):
        with pytest.raises(CheckpointError, match=rf"build\.sha256.* {message}|build\.sha256 {message}"):
            read(path, sha256)
    assert not trap.exists()


def test_a_tampered_file_is_rejected(tmp_path):
    path = tensors(tmp_path / "w.pt")
    known = digest(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        CheckpointError, match=rf"build\.sha256: .*w\.pt has the sha256 {digest(path)}, not {known}"
    ):
        read(path, known)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors", "w.ckpt"])
@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_truncated_file_is_rejected_even_with_its_digest(name, share, tmp_path):
    path = tmp_path / name
    value = {"a.weight": torch.arange(3000.0)}
    if name.endswith("safetensors"):
        save_file(value, path)
    else:
        torch.save(value, path, _use_new_zipfile_serialization=name.endswith(".pt"))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=rf"{name}: is (not a complete|damaged|empty|not a)") as raised:
        read(path, digest(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "holds a list, not a mapping of tensors"),
        ({"a": 1}, "a is a int, not a tensor"),
        ({"state_dict": {}}, "state_dict holds no tensors"),
        ({"state_dict": {"a.weight": [1.0]}}, r"a\.weight is a list"),
    ],
)
def test_other_objects_than_mappings_of_tensors_are_rejected(value, message, tmp_path):
    torch.save(value, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=message):
        read(tmp_path / "w.pt", digest(tmp_path / "w.pt"))


def test_unsupported_formats_and_missing_files_are_errors(tmp_path):
    for content, message in (
        (b"", "is empty"),
        (b"import torch", "by its first bytes$"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>", "a web page"),
    ):
        (tmp_path / "w.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match=message):
            read(tmp_path / "w.pt", digest(tmp_path / "w.pt"))
    (tmp_path / "w.pt").unlink()
    with pytest.raises(FileNotFoundError, match=r"w\.pt does not exist"):
        read(tmp_path / "w.pt", SUM)
