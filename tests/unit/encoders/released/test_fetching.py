"""Fetching all weights of an experiment."""

import pytest
from stage_stores import Log

from earthdim.encoders.released.fetching import fetch_all
from earthdim.encoders.released.sources import CheckpointError


def leaf(path):
    return {"kind": "released", "source": {"file": str(path)}, "sha256": None}


def test_a_failure_does_not_stop_the_others(tmp_path):
    there = tmp_path / "there.bin"
    there.write_bytes(b"weights")
    log = Log("fetch")
    weights = {"lost": leaf(tmp_path / "lost.bin"), "found": leaf(there), "gone": leaf(tmp_path / "gone.bin")}
    with pytest.raises(CheckpointError) as raised:
        fetch_all(weights, log.logger)
    assert [line.partition(":")[0] for line in str(raised.value).splitlines()] == ["lost", "gone"]
    assert log == [("INFO", f"found: {there}")]


def test_nothing_to_fetch_is_logged():
    log = Log("nothing")
    fetch_all({}, log.logger)
    assert len(log) == 1
