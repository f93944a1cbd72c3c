"""The gate before the correlation: cells that fail a control are left out of it, by name."""

from collections.abc import Sequence

import pandas as pd

from earthdim.analysis.controls import AGAINST, NO, UNKNOWN, YES
from earthdim.analysis.statistics.cells import text
from earthdim.analysis.statistics.settings import ENFORCE, REPORT

FATES = {
    ENFORCE: ": left out of every correlation",
    REPORT: ": marked only (statistics.gate: report)",
    None: "",
}


def failing(controls: pd.DataFrame | None, cell: Sequence[str], gate: str) -> dict[tuple[str, ...], str]:
    """Cells that the gate leaves out of the correlation, and the reason.

    Parameters
    ----------
    controls : DataFrame or None
        controls.csv; None if there are no controls.
    cell : sequence of str
        Columns that define a cell.
    gate : {"enforce", "report"}
        With "report", no cell is left out.

    Returns
    -------
    dict
        Values of the columns `cell`, as text -> the controls that failed.
    """
    if controls is None or gate == REPORT:
        return {}
    return {key: "; ".join(reasons) for key, reasons in _failed(controls, cell).items() if reasons}


def left_out_cells(failed: dict[tuple[str, ...], str], cell: Sequence[str]) -> list[dict[str, str]]:
    """One row of left_out.csv per cell that `failing` found."""
    about = {"table": "correlation", "what": "cell"}
    return [
        {**about, "name": name_of(key, cell), "reason": f"a control failed: {reason}"}
        for key, reason in failed.items()
    ]


def name_of(key: Sequence[str], cell: Sequence[str]) -> str:
    """Name of a cell, as those of its variants but without the seed."""
    named = {column: value for column, value in zip(cell, key, strict=True) if value != ""}
    tokens = [value for column, value in named.items() if column != "family"]
    return "_".join(tokens) or named.get("family", "")


def verdict(controls: pd.DataFrame, cell: Sequence[str], gate: str | None = None) -> str:
    """The result of the controls in words: what passes, what fails and why, and what was not tested.

    Parameters
    ----------
    controls : DataFrame
        controls.csv.
    cell : sequence of str
        Columns that define a cell.
    gate : {"enforce", "report"}, optional
        The setting, to state what becomes of cells that fail.
    """
    failed = _failed(controls, cell)
    if not failed:
        return "controls: no cell to test"
    bad = {key: reasons for key, reasons in failed.items() if reasons}
    deciding = _keyed(controls[controls["decides"] == YES], cell)
    tested = set(deciding.loc[deciding["passed"] != UNKNOWN, "_key"])
    parts = [f"controls: {len(tested) - len(bad)} of {len(failed)} cells pass"]
    parts[0] += f", {len(failed) - len(tested)} untested" if len(tested) < len(failed) else ""
    if bad:
        names = [f"{name_of(key, cell)} ({'; '.join(reasons)})" for key, reasons in bad.items()]
        parts.append(f"fail: {', '.join(names)}{FATES[gate]}")
    parts += _families(failed, tested, list(cell).index("family"))
    lacking = _untested(deciding, len(failed))
    return "; ".join([*parts, *([f"not tested: {', '.join(lacking)}"] if lacking else [])])


def _families(failed: dict[tuple[str, ...], list[str]], tested: set[tuple[str, ...]], at: int) -> list[str]:
    """Families whose tested cells all pass, those with a cell that fails, and those without a tested cell."""
    every = sorted({key[at] for key in failed})
    bad = {key[at] for key, reasons in failed.items() if reasons}
    some = {key[at] for key in tested}
    kinds = {
        "admitted": [family for family in every if family in some - bad],
        "not admitted": [family for family in every if family in bad],
        "untested": [family for family in every if family not in some],
    }
    return [f"families {word}: {', '.join(found)}" for word, found in kinds.items() if found]


def _keyed(controls: pd.DataFrame, cell: Sequence[str]) -> pd.DataFrame:
    """The rows with the values of the columns `cell` as one column of tuples."""
    named = text(controls, [*cell, "control", "head", "split"], "controls")
    return named.assign(_key=list(zip(*(named[column] for column in cell), strict=True)))


def _failed(controls: pd.DataFrame, cell: Sequence[str]) -> dict[tuple[str, ...], list[str]]:
    """Every cell -> the deciding controls that it failed."""
    rows = _keyed(controls, cell)
    found: dict[tuple[str, ...], list[str]] = {key: [] for key in rows["_key"]}
    for row in rows[(rows["decides"] == YES) & (rows["passed"] == NO)].to_dict("records"):
        where = ", ".join(str(row[name]) for name in ("control", "head", "split") if row[name])
        found[row["_key"]].append(f"{where}: {row['reason']}")
    return found


def _untested(deciding: pd.DataFrame, cells: int) -> list[str]:
    """Controls, and otherwise comparisons, that some cells lack, with the number of these cells."""
    found = []
    for control, names in AGAINST.items():
        rows = deciding[deciding["control"] == control]
        available = rows["passed"].ne(UNKNOWN).groupby(rows["_key"]).transform("any")
        count = rows.loc[~available, "_key"].nunique()
        found += [f"{control} in {count} of {cells} cells"] if count else []
        for head, part in rows[available].groupby("head", sort=False):
            for name in names:
                count = part.loc[part[name].isna(), "_key"].nunique()
                where = f"{control} with {head} heads" if head else control
                found += [f"{where} against {name} in {count} of {cells} cells"] if count else []
    return found
