"""Numbers in README and in the results page: extracts of results in docs/results, and the texts that show them.

`docs/templates` holds the results page and the README's summary as Jinja templates. Every number in them is looked up
in `docs/results/*.csv` (rows of key, value and source). The README has its summary between two markers.

    envs/run python docs/tables.py --check                            fail if README or page differ from docs/results
    envs/run python docs/tables.py --write                            write README and page from docs/results
    envs/run python docs/tables.py --results results --write          first extract the numbers of a run of `miniature`,
                                                                      and of table1 if it was run
    envs/run python docs/tables.py --other DIR --write                first extract those of a run on another machine
                                                                      into docs/results/other_machine.csv

A second machine can be imitated by a fresh clone that is run with OPENBLAS_CORETYPE=Haswell and
ATEN_CPU_CAPABILITY=avx2 in the environment (other kernels, other last digits). The processor is taken from the records
of the run; --setting names the variables: --setting 'this machine with OPENBLAS_CORETYPE=Haswell'.
Each file of extracts states commit, processor, date and versions.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from earthdim.analysis.gate import failing
from earthdim.analysis.statistics.cells import cells
from earthdim.analysis.statistics.coefficients import COEFFICIENTS
from earthdim.analysis.statistics.families import members, permutation_p, rearrangements
from earthdim.analysis.statistics.settings import ENFORCE, REPORT

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "results"
BEGIN, END = "<!-- begin: written by docs/tables.py -->", "<!-- end: written by docs/tables.py -->"
SPEARMAN = COEFFICIENTS["spearman"]
KINDS = {"linear": ("ridge", "logistic"), "MLP": ("mlp",)}
SPACES = {"fishers": ("fishers", "embedding"), "activation": ("twonn", "activation")}
CELL = ["family", "model", "resolution", "modality", "objective", "schedule"]
Numbers = dict[str, str]


def joint(table: pd.DataFrame, draws: int, seed: int) -> tuple[float, float]:
    """Test one measure of dimension against all tasks at once.

    Parameters
    ----------
    table : DataFrame
        Cells with the columns `CELL`, task, dimension, performance and leaked, including those that leak a task: they
        are left out of that task, but not out of the permutation.
    draws, seed : int
        Permutations of whole cells within families, the same for all tasks.

    Returns
    -------
    tuple of float
        tanh of the mean over tasks of the mean over families of Fisher's z of Spearman's coefficients, and its
        two-sided p.
    """
    wide = table.pivot_table(index=CELL, columns="task", values=["performance", "leaked"], aggfunc="first")
    dimension = table.groupby(CELL)["dimension"].first().loc[wide.index].to_numpy()
    families = wide.index.get_level_values("family").to_numpy(dtype=str)
    orders = rearrangements(families, draws, seed)
    found = [
        _z(dimension, wide["performance"][task].to_numpy(float), ~wide["leaked"][task].astype(bool).to_numpy(),
           families, orders)
        for task in wide["performance"].columns
    ]  # fmt: skip
    mean = np.mean(found, axis=0)
    reached = np.abs(mean[1:]) >= np.abs(mean[0]) - 1e-9
    return float(np.tanh(mean[0])), float((reached.sum() + 1) / (len(reached) + 1))


def _z(x: np.ndarray, y: np.ndarray, kept: np.ndarray, families: np.ndarray, orders: dict) -> np.ndarray:
    """Mean over families of Fisher's z between the kept cells of permuted x and y: (draws + 1,)."""
    of_family = []
    for name, rows in members(families).items():
        use = np.flatnonzero(kept[rows])
        if len(use) > 2:
            fixed = SPEARMAN.unit(y[rows][use])
            of_draw = [SPEARMAN.unit(x[rows][order[use]]) @ fixed for order in orders[name]]
            of_family.append(SPEARMAN.fisher_z(np.array(of_draw), len(use)))
    if not of_family:
        raise ValueError(
            "joint test: no family has three cells without leakage; use an experiment with more cells"
        )
    return np.mean(of_family, axis=0)


def power(rho: float, level: float, sizes=(8, 4, 4), trials=2000, draws=9999, seed=0) -> float:
    """Share of experiments on normal data that reject at a level, where rho holds within each family of cells."""
    rng = np.random.default_rng(seed)
    families = np.repeat([f"family {number}" for number in range(len(sizes))], sizes)
    x, noise = rng.standard_normal((2, len(families), trials))
    y = rho * x + np.sqrt(1 - rho**2) * noise
    for rows in members(families).values():
        # Ranks alone count: in the order of x, all trials share them.
        y[rows] = np.take_along_axis(y[rows], np.argsort(x[rows], axis=0), axis=0)
    orders = rearrangements(families, draws, seed)
    p = [
        permutation_p(SPEARMAN, np.arange(len(families)), part, families, orders)
        for part in np.split(y, trials // 100, axis=1)
    ]
    return float((np.concatenate(p) <= level).mean())


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of an experiment by name."""
    if not folder.is_dir():
        raise SystemExit(f"{folder}: folder not found; run the experiment first")
    return {
        path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in folder.glob("*.csv")
    }


def about(results: Path, experiment: str, setting: str) -> Iterator[tuple[str, str]]:
    """Commit, processor, date and versions, from the record of dimension.csv."""
    record = json.loads((results / "records" / "table" / experiment / "dimension.json").read_text())
    yield "about/commit", str(record["git"].get("commit") or "")[:7]
    yield "about/processor", record["machine"]["cpu"]
    yield "about/date", record["ended"][:10]
    yield "about/python", record["machine"]["python"]
    versions = read_tables(results / experiment / "tables")["dimension"][["library", "library_version"]]
    yield "about/versions", ", ".join(sorted({" ".join(map(str, row)) for row in versions.to_numpy()}))
    yield "about/command", f"envs/run snakemake --cores 2 --config experiment={experiment}"
    yield "about/setting", setting


def dimensions(tables: dict[str, pd.DataFrame]) -> Iterator[tuple[str, object]]:
    """Mean and range over seeds of each cell's ID, and the median neighbour radius."""
    rows = tables["dimension"].query("space == 'embedding'")
    rows = rows.merge(tables["variants"][["variant", "family"]], on="variant")
    rows = rows[rows["points"].map(rows.groupby("points")["variant"].nunique()) > 1]
    rows = rows.assign(what=rows["modality"].where(rows["weights"] == "trained", rows["weights"]))
    for key, part in rows.groupby(["estimator", "k", "family", "resolution", "what"], dropna=False):
        estimator, k, *cell = ("" if pd.isna(name) else name for name in key)
        at = "/".join(["id", f"{estimator}{'' if k == '' else f'-k{k:.0f}'}", *map(str, cell)])
        values = part["value"]
        yield from ((f"{at}/mean", values.mean()), (f"{at}/low", values.min()), (f"{at}/high", values.max()))
    yield "n", int(rows["n"].max())
    waves = rows.merge(tables["variants"][["variant", "shortest_wavelength_km"]], on="variant")
    for (family, resolution), wave in (
        waves.groupby(["family", "resolution"])["shortest_wavelength_km"].first().items()
    ):
        yield f"wavelength/{family}/{resolution}", wave
    if "neighbour_radius_km" in rows:
        yield "radius/k20", rows.loc[rows["k"] == 20, "neighbour_radius_km"].median()


def correlations(tables: dict[str, pd.DataFrame]) -> Iterator[tuple[str, object]]:
    """Coefficients within families by task, head and split."""
    rows = tables["correlation"].query("level == 'within' and coefficient == 'spearman'")
    for name, (estimator, space) in SPACES.items():
        of_space = rows[(rows["estimator"] == estimator) & (rows["space"] == space)]
        for kind, heads in KINDS.items():
            for row in of_space[of_space["head"].isin(heads)].itertuples():
                at = f"rho/{name}/{row.task}/{kind}/{row.split}"
                yield from ((at, row.value), (f"{at}/p", row.p_adjusted), (f"{at}/cells", row.n_cells))
                yield f"{at}/significant", int(row.p_adjusted < 0.05)


def joint_cells(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Cells of FisherS and of the task points, without those that the experiment's gate left out of the correlation."""
    gate = ENFORCE if (tables["left_out"]["what"] == "cell").any() else REPORT
    failed = failing(tables["controls"], CELL, gate)
    table = cells(tables["variants"], tables["dimension"], tables["probe"], CELL, failed)
    table = table[~table["failed"]]
    table = table[(table["estimator"] == "fishers") & (table["space"] == "embedding")]
    return table[table["points"] == table.groupby("points").size().idxmax()]


def joint_tests(tables: dict[str, pd.DataFrame]) -> Iterator[tuple[str, object]]:
    """FisherS against all tasks at once, by kind of head and split."""
    table = joint_cells(tables)
    for kind, heads in KINDS.items():
        for split, part in table[table["head"].isin(heads)].groupby("split"):
            at = f"joint/fishers/{kind}/{split}"
            yield from zip((at, f"{at}/p"), joint(part, 9999, 0), strict=True)


def gaps(tables: dict[str, pd.DataFrame]) -> Iterator[tuple[str, object]]:
    """Median scores of MLP heads over trained variants that do not leak, by task and split."""
    rows = tables["probe"]
    rows = rows[rows["primary"].astype(bool) & (rows["head"] == "mlp") & (rows["weights"] == "trained")]
    rows = rows[rows["leaked"] != "yes"]
    averaged = rows.groupby(["task", "split", "model", "resolution", "modality"])["value"].mean()
    for (task, split), value in averaged.groupby(["task", "split"]).median().items():
        yield f"score/{task}/{split}", value


def scales(tables: dict[str, pd.DataFrame]) -> Iterator[tuple[str, object]]:
    """ID on each support, and of fewer points of the sample."""
    for row in tables["scale"].itertuples():
        k = "" if pd.isna(row.k) else f"-k{row.k:.0f}"
        at = f"scale/{row.model}/{row.support}/{row.n}/{row.estimator}{k}"
        yield from ((at, row.value), (f"{at}/radius", row.neighbour_radius_km))


def table1(tables: dict[str, pd.DataFrame]) -> Iterator[tuple[str, object]]:
    """GeoCLIP's row of the paper's Table 1."""
    for row in tables["table1"].query("variant == 'geoclip_released'").itertuples():
        at = f"table1/{row.estimator}{'' if pd.isna(row.k) else f'-k{row.k:.0f}'}"
        for name in ("published", "value", "low", "high"):
            yield f"{at}/{name}", getattr(row, name)


def extract(results: Path, experiment: str, setting: str, parts: list[Callable]) -> pd.DataFrame:
    """The numbers of an experiment that the texts may show."""
    tables = read_tables(results / experiment / "tables")
    found = dict(about(results, experiment, setting))
    for part in parts:
        found |= {key: f"{value:.6g}" for key, value in part(tables) if not pd.isna(value)}
    source = f"results/{experiment}/tables"
    return pd.DataFrame(
        [(key, value, source) for key, value in found.items()], columns=["key", "value", "source"]
    )


def simulate() -> None:
    """Write the power of the test at the level of a claim, corrected for the twelve that are named beforehand."""
    rows = [
        (f"power/{rho}", f"{power(rho, 0.05 / 12, draws=4999):.3f}", "docs/tables.py --power, seed 0")
        for rho in (0.5, 0.7)
    ]
    pd.DataFrame(rows, columns=["key", "value", "source"]).to_csv(FOLDER / "power.csv", index=False)


def refresh(results: Path | None, other: Path | None, setting: str) -> None:
    """Extract the numbers of finished runs into docs/results."""
    parts = [dimensions, correlations, joint_tests, gaps, scales]
    if results is not None:
        extract(results, "miniature", "", parts).to_csv(FOLDER / "miniature.csv", index=False)
        if (results / "table1" / "tables" / "table1.csv").is_file():
            extract(results, "table1", "", [table1]).to_csv(FOLDER / "table1.csv", index=False)
    if other is not None:
        extract(other, "miniature", setting, parts).to_csv(FOLDER / "other_machine.csv", index=False)


class Lookup:
    """Numbers by key, formatted for text."""

    def __init__(self, folder: Path, *names: str):
        tables = [pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False) for name in names]
        self.values: Numbers = dict(pd.concat(tables)[["key", "value"]].itertuples(index=False))

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str) -> str:
        """The value as stored; raises SystemExit that names a missing key."""
        if key not in self.values:
            raise SystemExit(f"docs/results: no file there has the key {key}, which docs/templates asks for")
        return self.values[key]

    def number(self, key: str) -> float:
        """The value as a number."""
        return float(self.text(key))

    def __call__(self, key: str, digits: int = 2) -> str:
        """A number with so many digits after the point."""
        return f"{float(self.text(key)):,.{digits}f}".replace("-", "−")

    def span(self, key: str, digits: int = 2, value: str = "mean") -> str:
        """A mean and its range."""
        return f"{self(f'{key}/{value}', digits)} ({self(f'{key}/low', digits)} to {self(f'{key}/high', digits)})"

    def rho(self, key: str, star: bool = True) -> str:
        """A coefficient, with a star if its adjusted p is below .05; empty if there is none."""
        if key not in self:
            return ""
        return self(key) + ("\\*" if star and self.text(f"{key}/significant") == "1" else "")

    def p(self, key: str) -> str:
        """A p-value without its leading zero."""
        value = float(self.text(key))
        return f"{value:.3f}".removeprefix("0") if value < 0.01 else f"{value:.2f}".removeprefix("0")

    def significant(self, name: str, tasks: list[str]) -> int:
        """How many tasks are significant with MLP heads on blocks."""
        known = f"significant/{name}/MLP/blocks"
        if known in self:
            return int(self.text(known))
        return sum(int(self.text(f"rho/{name}/{task}/MLP/blocks/significant")) for task in tasks)


def render(template: str) -> str:
    """A template of docs/templates, filled from docs/results."""
    jinja = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    names = [path.stem for path in sorted(FOLDER.glob("*.csv")) if path.stem != "other_machine"]
    text = (ROOT / "docs" / "templates" / template).read_text(encoding="utf-8")
    return jinja.from_string(text).render(here=Lookup(FOLDER, *names), other=Lookup(FOLDER, "other_machine"))


def replaced(readme: str) -> str:
    """README with the summary that the tables give."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"README.md: lacks the line {BEGIN} or {END}")
    return f"{before}{BEGIN}\n{render('readme.md.j2')}{END}{after}"


def texts() -> dict[Path, str]:
    """Every file that shows numbers, as it should be."""
    readme = ROOT / "README.md"
    return {
        readme: replaced(readme.read_text(encoding="utf-8")),
        ROOT / "docs" / "results.md": render("results.md.j2"),
    }


def main(arguments: list[str] | None = None) -> int:
    """Refresh the extracts if asked to; write README and results page, or compare them with the extracts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, help="results of this machine's run")
    parser.add_argument("--other", type=Path, help="results of another machine's run")
    parser.add_argument("--setting", default="", help="how the other machine differs")
    parser.add_argument("--power", action="store_true", help="repeat the simulation of power (a minute)")
    parser.add_argument("--write", action="store_true", help="write README and results page")
    parser.add_argument(
        "--check", action="store_true", help="fail if they differ from docs/results (the default)"
    )
    chosen = parser.parse_args(arguments)
    if chosen.power:
        simulate()
    refresh(chosen.results, chosen.other, chosen.setting)
    stale = {
        path: text
        for path, text in texts().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        if chosen.write:
            path.write_text(text, encoding="utf-8")
        else:
            print(f"{path.name} differs from docs/results; run docs/tables.py --write", file=sys.stderr)
    return int(bool(stale) and not chosen.write)


if __name__ == "__main__":
    sys.exit(main())
