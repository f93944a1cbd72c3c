"""Checksums of user-supplied files are cached exactly as long as the file cannot have changed."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from earthdim.storage.file_digests import Checksums

FALSE = "0" * 64


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path("state/sums.json")


def sum_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def told(cache, name="a", value=FALSE):
    """Write another sum into the cache: whoever gives it did not read the file."""
    kept = json.loads(cache.read_text())
    kept[name][1] = value
    cache.write_text(json.dumps(kept))


def old(name, text, monkeypatch, seconds=10):
    """A file, and a clock that says it was written long ago."""
    Path(name).write_text(text)
    now = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: now)


def test_a_sum_is_taken_once(cache, monkeypatch):
    old("a", "one", monkeypatch)
    assert Checksums(cache).of("a") == sum_of("one")
    told(cache)
    assert Checksums(cache).of("a") == FALSE


def test_a_file_that_changed_just_now_is_not_trusted(cache, monkeypatch):
    old("a", "one", monkeypatch, seconds=1)
    assert Checksums(cache).of("a") == sum_of("one")
    assert not cache.exists()


def replaced(text):
    Path("b").write_text(text)
    os.utime("b", ns=(Path("a").stat().st_mtime_ns,) * 2)
    Path("b").rename("a")


def written_with_its_date(text):
    date = Path("a").stat().st_mtime_ns
    Path("a").write_text(text)
    os.utime("a", ns=(date, date))


def retargeted(text):
    Path("b").write_text(text)
    Path("a").unlink()
    Path("a").symlink_to("b")


@pytest.mark.parametrize("change", [replaced, written_with_its_date, retargeted])
def test_other_bytes_of_the_same_size_and_date_have_another_sum(cache, monkeypatch, change):
    old("a", "one", monkeypatch)
    os.utime("a", (1_577_836_800, 1_577_836_800))
    assert Checksums(cache).of("a") == sum_of("one")
    change("two")
    assert Checksums(cache).of("a") == sum_of("two")


def test_within_a_process_a_file_is_read_once(cache, monkeypatch):
    old("a", "one", monkeypatch)
    sums = Checksums(cache)
    assert sums.of("a") == sum_of("one")
    Path("a").write_text("two")
    assert sums.of("a") == sum_of("one")


@pytest.mark.parametrize(
    "text", ["", "[]", "\x00", '{"a": 5}', '{"a": [{}, "00"]}', '{"a": [[], 1, 2]}', "[" * 100_000]
)
def test_a_cache_that_is_damaged_costs_time_alone(cache, monkeypatch, text):
    old("a", "one", monkeypatch)
    cache.parent.mkdir()
    cache.write_text(text)
    assert Checksums(cache).of("a") == sum_of("one")
    assert json.loads(cache.read_text())["a"][1] == sum_of("one")


def test_a_cache_that_cannot_be_written_costs_time_alone(cache, monkeypatch):
    old("a", "one", monkeypatch)
    Path("state").write_text("a file in its place")
    assert Checksums(cache).of("a") == sum_of("one")


def test_what_another_process_kept_stays_and_what_is_gone_goes(cache, monkeypatch):
    for name in "abc":
        old(name, name, monkeypatch)
    first, second = Checksums(cache), Checksums(cache)
    first.of("a")
    second.of("b")
    assert set(json.loads(cache.read_text())) == {"a", "b"}
    Path("a").unlink()
    Checksums(cache).of("c")
    assert set(json.loads(cache.read_text())) == {"b", "c"}


def test_names_and_bytes_decide_and_the_order_does_not(cache):
    Path("a").write_text("one")
    Path("b").write_text("two")
    both = Checksums().one_of(["a", "b"])
    assert Checksums().one_of(["b", Path("a")]) == both
    Path("a").write_text("two")
    Path("b").write_text("one")
    assert Checksums().one_of(["a", "b"]) != both
