"""Intrinsic dimension against downstream performance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from earthdim.figures import cells, marks, style
from earthdim.figures.declaration import Figure
from earthdim.omissions import OmittedError, measured

FIGURE = Figure(
    title="ID against performance",
    category="Correlation",
    inputs=("variants", "dimension", "probe", "correlation"),
    chosen={"estimator": "estimator", "k": "k", "split": "split", "heads": "heads", "cell": "cell"},
    caption="performance.rst",
)


@style.styled()
def draw(
    variants: pd.DataFrame,
    dimension: pd.DataFrame,
    probe: pd.DataFrame,
    correlation: pd.DataFrame,
    *,
    estimator: str,
    split: str,
    heads: Sequence[str],
    cell: Sequence[str],
    space: str = "embedding",
    k: float | None = None,
    points: str | None = None,
) -> style.PrintedFigure:
    """Draw performance against intrinsic dimension (ID): one panel per task of the set claims, one mark per cell.

    Parameters
    ----------
    variants, dimension, probe, correlation : DataFrame
        The tables of these names.
    estimator : str
        Estimator of the ID.
    split : str
        Split rule of the probes.
    heads : sequence of str
        Heads shown; exactly one must apply to each task (ridge to regression, logistic to classification).
    cell : sequence of str
        Columns of variants.csv that define a cell (config/statistics).
    space : {"embedding", "activation"}
        ID of the embedding, or of the penultimate activations of the same head, split and task.
    k : float or None
        Number of neighbours; required if the table holds several.
    points : str or None
        Point set of the embedding's ID; None selects the one shared by most variants.

    Raises
    ------
    ValueError
        If the tables lack the requested rows, or if two of the heads apply to one task.
    """
    scores = cells.scores(probe[probe["task_set"] == "claims"], variants, split, heads, cell)
    by = cells.group_columns(cell)
    if space == "embedding":
        rows = cells.embedding_rows(dimension, variants, points)
    else:
        of_heads = (dimension["split"] == split) & dimension["head"].isin(heads)
        rows = cells.describe(measured(dimension[of_heads & (dimension["space"] == space)]), variants)
        by = [*by, "task"]
    k, rows = cells.one_measure(rows, estimator, k)
    dimensions = cells.only(cells.average(rows, by), by, ["value", "least", "greatest"])
    dimensions = dimensions.rename(columns={"value": "id", "least": "id_least", "greatest": "id_greatest"})
    joined = scores.merge(dimensions, on=by)
    about = _coefficients(correlation[correlation["points"].isin(set(rows["points"]))], estimator, k, space)
    about = about[(about["split"] == split) & about["head"].isin(heads)]
    if joined.empty:
        raise OmittedError(f"space: no cell has both an ID of its {space} and a score")
    tasks = list(dict.fromkeys(joined["task"]))
    symbols = style.symbols(variants)
    figure, axes, spare = style.panels(len(tasks), 3, height=2.35, extra=0.75, sharex=space == "embedding")
    for panel, task in zip(axes, tasks, strict=True):
        here = joined[joined["task"] == task]
        style.headline(panel, style.title(task), _annotation(about[about["task"] == task]))
        panel.set_ylabel(style.title(here["metric"].iloc[0]))
        _draw_cells(panel, here, symbols)
        log = style.dimension_axis(panel, "x", joined[["id_least", "id_greatest"]].stack())
    of = "of the embedding" if space == "embedding" else "of the head's penultimate activations"
    measure = style.measure_title(estimator, k, log)
    figure.supxlabel(f"intrinsic dimension {of}, {measure}", fontsize=style.SMALL)
    style.legend(figure, marks.handles(symbols, joined, (joined["value"] < marks.FLOOR).any()), spare)
    return figure


def _draw_cells(panel: Axes, here: pd.DataFrame, symbols: dict) -> None:
    bounds = ["value", "low", "high"]
    shown = here.assign(below=here["value"] < marks.FLOOR, **here[bounds].clip(lower=marks.FLOOR))
    for line in cells.sweep(shown):
        colour, _ = symbols[line["family"].iloc[0]]
        panel.plot(line["id"], line["value"], color=colour, linewidth=0.8, alpha=0.5, zorder=1)
    for row in shown.itertuples():
        marks.draw_mark(panel, row.id, row.value, row, symbols, "v" if row.below else "")
        if row.weights not in marks.CONTROLS:
            colour, _ = symbols[row.family]
            panel.hlines(row.value, row.id_least, row.id_greatest, color=colour, linewidth=0.8, alpha=0.6)
            panel.vlines(row.id, row.low, row.high, color=colour, linewidth=0.8, alpha=0.6)
    low, high = shown[["value", "low"]].min(axis=None), shown[["value", "high"]].max(axis=None)
    margin = max(0.06 * (high - low), 0.01)
    panel.set_ylim(low - margin, high + margin)


def _coefficients(correlation: pd.DataFrame, estimator: str, k: float, space: str) -> pd.DataFrame:
    """Spearman coefficients of one estimator and k in one space."""
    same_k = pd.to_numeric(correlation["k"]).fillna(-1) == (-1 if np.isnan(k) else k)
    same = same_k & (correlation["estimator"] == estimator) & (correlation["space"] == space)
    return correlation[same & (correlation["coefficient"] == "spearman") & correlation["value"].notna()]


def _annotation(about: pd.DataFrame) -> list[str]:
    """Text lines with the coefficients of a panel, or one line stating that there are none."""
    levels = {row.level: row for row in about.itertuples()}
    lines = []
    for level in ("within", "pooled"):
        if level in levels:
            row = levels[level]
            p = "" if np.isnan(row.p_adjusted) else f", adj. p {row.p_adjusted:.2g}".replace("-", "−")
            interval = "" if np.isnan(row.low) or p else f" [{_two_digits(row.low)}, {_two_digits(row.high)}]"
            lines.append(f"{level} ρ {_two_digits(row.value)}{interval}{p}")
    if not lines:
        return ["no coefficient: too few cells"]
    return [
        *lines,
        f"{row.n_cells:.0f} cells, {row.n_families:.0f} {'family' if row.n_families == 1 else 'families'}",
    ]


def _two_digits(value: float) -> str:
    """Format with two decimals and a minus sign; values that round to zero have no sign."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
