"""Claims that were left out."""

from stage_stores import Log

from earthdim.analysis.claims import left_out_numbers, left_out_rows
from earthdim.omissions import left_out

OTHER = {"table": "probe", "what": "split", "name": "blocks", "reason": "too few points"}


def test_numbers_are_read_back_from_the_rows():
    log = Log("claims")
    table = left_out([OTHER, *left_out_rows({2: {"task": "country"}, 11: {"task": "rain"}})])
    assert left_out_numbers(table, log.logger) == [2, 11]
    assert [level for level, _ in log] == ["WARNING", "WARNING"]
    assert log[0][1].startswith("statistics.primary.2 is left out: ")
    assert "country" in log[0][1]


def test_other_rows_are_no_claims():
    assert left_out_numbers(left_out([OTHER]), Log("none").logger) == []
    assert left_out_rows({}) == []
