"""An archive is written of a sound experiment only; workflow tests cover the rest."""

import pytest
from stage_stores import Log

from earthdim.provenance.archive import ArchiveError
from earthdim.provenance.archiving import archive_finished


def test_a_missing_file_stops_the_archive(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lost = "results/tiny/tables/lost.csv"
    with pytest.raises(ArchiveError, match=r"lost\.csv"):
        archive_finished("tiny", [lost], ["experiment=tiny"], Log("archive").logger)
    assert not (tmp_path / "results" / "archives").exists()
