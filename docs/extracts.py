"""What the scripts of generated pages share: reading a run, scores, and a page that is written or compared."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd

ROOT = Path(__file__).parents[1]
KINDS = {"ridge": "linear", "logistic": "linear", "mlp": "mlp"}


def read(results: Path, experiment: str, *names: str) -> list[pd.DataFrame]:
    """Tables of a finished experiment, in the order of their names."""
    folder = results / experiment / "tables"
    return [pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=[""]) for name in names]


def origin(results: Path, experiment: str) -> dict[str, str]:
    """The commit and the processor that made an experiment, and the date, from the record of probe.csv."""
    record = json.loads((results / "records" / "table" / experiment / "probe.json").read_text())
    return {
        "commit": str(record["git"].get("commit") or "")[:7],
        "processor": record["machine"]["cpu"],
        "date": record["ended"][:10],
    }


def scores(probe: pd.DataFrame, tasks: Sequence[str] = ()) -> pd.DataFrame:
    """Mean primary score of every variant over tasks, by split and kind of heads.

    Parameters
    ----------
    probe : DataFrame
        probe.csv of an experiment.
    tasks : sequence of str
        Default: the set selection.

    Returns
    -------
    DataFrame
        Index variant; columns such as random_linear and blocks_mlp. NaN where a variant lacks a score in some task:
        means over different tasks are not comparable.
    """
    asked = probe["task"].isin(tasks) if tasks else probe["task_set"] == "selection"
    rows = probe[(probe["primary"].astype(str) == "True") & asked].dropna(subset="value")
    rows = rows.assign(column=rows["split"] + "_" + rows["head"].map(KINDS))
    by_task = rows.groupby(["variant", "column", "task"])["value"].mean().groupby(["variant", "column"])
    return by_task.mean().where(by_task.size() == rows["task"].nunique()).unstack()


def template(name: str, **filters) -> jinja2.Template:
    """A template of docs/templates."""
    jinja = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    jinja.filters |= filters
    return jinja.from_string((ROOT / "docs" / "templates" / name).read_text(encoding="utf-8"))


def arguments(text: str, experiment: str, given: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of a script of a page: results, write and check."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, help=f"results of a run of `{experiment}`")
    parser.add_argument("--write", action="store_true", help="write the page")
    parser.add_argument("--check", action="store_true", help="fail if the page differs (the default)")
    return parser.parse_args(given)


def finish(page: Path, text: str, write: bool) -> int:
    """Write a page, or compare it with its text; the exit status."""
    if page.is_file() and page.read_text(encoding="utf-8") == text:
        return 0
    if write:
        page.write_text(text, encoding="utf-8")
        return 0
    print(
        f"{page.name} differs from its table in docs/results; run docs/{page.stem}.py --write",
        file=sys.stderr,
    )
    return 1
