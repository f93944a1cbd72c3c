"""Checksums of user-supplied files are cached only while the file cannot have changed."""

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
    """Write a false checksum into the cache, which is returned only if the file is not read."""
    kept = json.loads(cache.read_text())
    kept[name][1] = value
    cache.write_text(json.dumps(kept))


def old(name, text, monkeypatch, seconds=10):
    """A file, and a clock by which it was written long ago."""
    Path(name).write_text(text)
    now = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: now)


def test_a_checksum_is_computed_once(cache, monkeypatch):
    old("a", "one", monkeypatch)
    assert Checksums(cache).of("a") == sum_of("one")
    told(cache)
    assert Checksums(cache).of("a") == FALSE


def test_the_checksum_of_a_recently_changed_file_is_not_cached(cache, monkeypatch):
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
def test_other_bytes_of_the_same_size_and_date_change_the_checksum(cache, monkeypatch, change):
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
def test_a_damaged_cache_is_ignored(cache, monkeypatch, text):
    old("a", "one", monkeypatch)
    cache.parent.mkdir()
    cache.write_text(text)
    assert Checksums(cache).of("a") == sum_of("one")
    assert json.loads(cache.read_text())["a"][1] == sum_of("one")


def test_an_unwritable_cache_is_ignored(cache, monkeypatch):
    old("a", "one", monkeypatch)
    Path("state").write_text("a file in its place")
    assert Checksums(cache).of("a") == sum_of("one")


def test_entries_of_other_processes_are_kept_and_of_missing_files_dropped(cache, monkeypatch):
    for name in "abc":
        old(name, name, monkeypatch)
    first, second = Checksums(cache), Checksums(cache)
    first.of("a")
    second.of("b")
    assert set(json.loads(cache.read_text())) == {"a", "b"}
    Path("a").unlink()
    Checksums(cache).of("c")
    assert set(json.loads(cache.read_text())) == {"b", "c"}


def test_the_digest_depends_on_names_and_bytes_not_on_order(cache):
    Path("a").write_text("one")
    Path("b").write_text("two")
    both = Checksums().one_of(["a", "b"])
    assert Checksums().one_of(["b", Path("a")]) == both
    Path("a").write_text("two")
    Path("b").write_text("one")
    assert Checksums().one_of(["a", "b"]) != both
