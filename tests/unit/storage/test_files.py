"""Tables, JSON and text, written and read back."""

import pandas as pd
import pytest

from earthdim.storage.files import read, read_json, read_table, write_json, write_table, write_text


def test_files_are_read_by_their_suffix_and_lists_one_by_one(tmp_path):
    write_table(pd.DataFrame({"a": [1]}), tmp_path / "t.csv")
    write_json({"b": 2}, tmp_path / "j.json")
    first, (second, third) = read([tmp_path / "t.csv", [str(tmp_path / "j.json"), str(tmp_path / "t.csv")]])
    pd.testing.assert_frame_equal(first, read_table(tmp_path / "t.csv"))
    assert second == read_json(tmp_path / "j.json") == {"b": 2}
    pd.testing.assert_frame_equal(third, first)
    with pytest.raises(KeyError, match="zarr"):
        read(tmp_path / "s.zarr")


def test_text_is_written_unchanged(tmp_path):
    write_text("1 km² ≈ 0.386 sq mi\n", tmp_path / "deep" / "a.rst")
    assert (tmp_path / "deep" / "a.rst").read_bytes() == "1 km² ≈ 0.386 sq mi\n".encode()
