"""Performance under spatial block splits against performance under random splits."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from earthdim.figures import cells, marks, style
from earthdim.figures.declaration import Figure
from earthdim.omissions import OmittedError

FIGURE = Figure(
    title="Random against block splits",
    category="Probes",
    inputs=("variants", "probe"),
    chosen={"honest": "split", "optimistic": "optimistic split", "heads": "heads", "cell": "cell"},
    caption="gap.rst",
)


@style.styled()
def draw(
    variants: pd.DataFrame,
    probe: pd.DataFrame,
    *,
    heads: Sequence[str],
    cell: Sequence[str],
    optimistic: str = "random",
    honest: str = "blocks",
) -> style.PrintedFigure:
    """Draw performance under block splits against random splits: one panel per task, one mark per cell.

    Parameters
    ----------
    variants, probe : DataFrame
        variants.csv and probe.csv.
    heads : sequence of str
        Heads shown; exactly one must apply to each task.
    cell : sequence of str
        Columns of variants.csv that define a cell (config/statistics).
    optimistic, honest : str
        Split rules of the horizontal and the vertical axis.

    Raises
    ------
    ValueError
        If a split has no scores, or if two of the heads apply to one task.
    """
    by = [*cells.group_columns(cell), "task", "metric", "leaked"]
    both = [cells.scores(probe, variants, split, heads, cell) for split in (optimistic, honest)]
    joined = both[0].merge(cells.only(both[1], by, ["value", "low", "high"]), on=by, suffixes=("_x", "_y"))
    if joined.empty:
        raise OmittedError(f"split: no score under both {optimistic} and {honest}")
    tasks = list(dict.fromkeys(joined["task"]))
    symbols = style.symbols(variants)
    figure, axes, spare = style.panels(len(tasks), 3, height=2.7, extra=0.8)
    for panel, task in zip(axes, tasks, strict=True):
        here = joined[joined["task"] == task]
        metric = style.title(here["metric"].iloc[0])
        trained = here[(here["weights"] == "trained") & (here["leaked"] != "yes")]
        gap = (trained["value_x"] - trained["value_y"]).median()
        lines = [metric, f"median gap {gap:.2f}".replace("-", "−") if len(trained) else ""]
        style.headline(panel, style.title(task), lines)
        _draw_cells(panel, here, symbols)
    figure.supxlabel(f"performance, {style.title(optimistic)}", fontsize=style.SMALL)
    figure.supylabel(f"performance, {style.title(honest)}", fontsize=style.SMALL)
    outside = (joined[["value_x", "value_y"]] < marks.FLOOR).any(axis=None)
    style.legend(figure, marks.handles(symbols, joined, outside), spare)
    return figure


def _draw_cells(panel: Axes, here: pd.DataFrame, symbols: dict) -> None:
    bounds = ["value_x", "low_x", "high_x", "value_y", "low_y", "high_y"]
    shown = here.assign(**{name: here[name].clip(lower=marks.FLOOR) for name in bounds})
    for row, raw in zip(shown.itertuples(), here.itertuples(), strict=True):
        outside = "v" if raw.value_y < marks.FLOOR else "<" if raw.value_x < marks.FLOOR else ""
        marks.draw_mark(panel, row.value_x, row.value_y, row, symbols, outside)
        if row.weights not in marks.CONTROLS:
            colour, _ = symbols[row.family]
            panel.hlines(row.value_y, row.low_x, row.high_x, color=colour, linewidth=0.8, alpha=0.6)
            panel.vlines(row.value_x, row.low_y, row.high_y, color=colour, linewidth=0.8, alpha=0.6)
    low, high = shown[bounds].min(axis=None), shown[bounds].max(axis=None)
    margin = max(0.05 * (high - low), 0.01)
    limits = (low - margin, high + margin)
    panel.set(xlim=limits, ylim=limits, aspect="equal")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    panel.plot(limits, limits, color=style.FAINT, linewidth=0.8, zorder=0)
