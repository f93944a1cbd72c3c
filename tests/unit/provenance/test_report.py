"""Conditions under which a run writes a report."""

import os
import time
from pathlib import Path

import pytest
from files import write

from earthdim.provenance import record
from earthdim.provenance.environment import ROOT
from earthdim.provenance.report import finish, is_current, is_idle

SCRIPT = ROOT / "workflow" / "scripts" / "finish.py"


@pytest.mark.parametrize(
    ("arguments", "config", "idle"),
    [
        (["--cores", "2"], ["experiment=tiny"], False),
        (["-n"], [], True),
        (["-nq"], [], True),
        (["--dry-run"], [], True),
        (["--no-hooks"], [], False),
        (["verify"], ["experiment=tiny"], True),
        (["-j1", "--keep-going"], [], False),
    ],
)
def test_a_call_that_runs_no_job_is_idle(arguments, config, idle):
    assert is_idle(arguments, config) is idle


def test_nothing_is_written_for_a_folder_that_does_not_exist_or_has_no_tables(tmp_path, capsys):
    here = Path.cwd()
    try:
        assert finish(["--directory", str(tmp_path / "lost")], SCRIPT) == 0
        assert finish(["--directory", str(tmp_path), "--config", "experiment=tiny"], SCRIPT) == 0
    finally:
        os.chdir(here)
    assert capsys.readouterr().out == ""


def test_a_report_is_current_while_it_is_newer_than_its_tables_and_has_a_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(SCRIPT)])
    table = Path(write(tmp_path, "results/tiny/tables/t.csv", "x\n1\n"))
    assert not is_current("tiny", [table])
    for path in record.report_files("tiny"):
        write(tmp_path, str(path), "made")
    assert not is_current("tiny", [table])
    record.write_report("tiny", [table])
    assert is_current("tiny", [table])
    later = time.time() + 60
    os.utime(table, (later, later))
    assert not is_current("tiny", [table])
