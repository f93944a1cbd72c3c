"""Correlation of intrinsic dimension with performance, by estimator, task, head and split."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from earthdim.figures import cells, style
from earthdim.figures.declaration import Figure
from earthdim.omissions import OmittedError

FIGURE = Figure(
    title="Correlation by estimator, head and split",
    category="Correlation",
    inputs=("correlation",),
    options={"level": "within"},
    chosen={"heads": "kinds of heads", "splits": "splits"},
    caption="heads.rst",
    caption_inputs=("dimension",),
)

_NORM = mpl.colors.Normalize(-1, 1)
_MAP = mpl.colormaps["RdBu"]
_LEVELS = {"within": "within families", "pooled": "pooled over families"}


@style.styled()
def draw(
    correlation: pd.DataFrame,
    *,
    level: str,
    heads: Mapping[str, Sequence[str]],
    splits: Sequence[str],
    coefficient: str = "spearman",
    points: str | None = None,
) -> style.PrintedFigure:
    """Draw a table of correlation coefficients between intrinsic dimension and performance, coloured by value.

    One row per space, estimator and k; one column per task; one panel per kind of head and split. An asterisk marks
    an adjusted p below 0.05. A hatched cell has no coefficient.

    Parameters
    ----------
    correlation : DataFrame
        correlation.csv.
    level : {"within", "pooled"}
        Level of the coefficient: within families, or over all cells.
    heads : mapping
        Kind of head -> its heads, one of which applies to each task: ``{"linear": ["ridge", "logistic"]}``.
    splits : sequence of str
        Split rules, from left to right.
    coefficient : {"spearman", "kendall", "pearson"}
        Coefficient shown.
    points : str or None
        Point set of the ID of embeddings; None selects the one with most cells.

    Raises
    ------
    ValueError
        If the table has no matching rows.
    """
    rows = _chosen(correlation, level, coefficient, points)
    tasks = list(dict.fromkeys(rows["task"]))
    names = list(dict.fromkeys(rows["row"]))
    height = 0.2 * len(names) + 0.32
    figure, axes, _ = style.panels(
        len(heads) * len(splits), len(splits), height, 1.3, sharex=True, sharey=True
    )
    fields = [(kind, split) for kind in heads for split in splits]
    for panel, (kind, split) in zip(axes, fields, strict=True):
        panel.set_title(f"{kind if kind.isupper() else style.title(kind)} head, {style.title(split)}")
        here = rows[(rows["split"] == split) & rows["head"].isin(heads[kind])]
        _draw_table(panel, here, names, tasks)
    for panel in axes[-len(splits) :]:
        panel.set_xticks(range(len(tasks)), [style.title(task) for task in tasks], rotation=35, ha="right",
                         rotation_mode="anchor")  # fmt: skip
    colours = mpl.cm.ScalarMappable(_NORM, _MAP)
    bar = figure.colorbar(
        colours, ax=axes, location="right", aspect=30, fraction=0.03, ticks=[-1, -0.5, 0, 0.5, 1]
    )
    bar.set_label(f"{coefficient.title()} coefficient, {_LEVELS[level]}")
    return figure


def _chosen(correlation: pd.DataFrame, level: str, coefficient: str, points: str | None) -> pd.DataFrame:
    rows = correlation[(correlation["level"] == level) & (correlation["coefficient"] == coefficient)]
    of_embedding = rows["space"] == "embedding"
    if points is None and of_embedding.any():
        # User-supplied embeddings have their own point set, on which they are the only cell.
        points = rows[of_embedding].sort_values(["n_cells", "n"], kind="stable")["points"].iloc[-1]
    rows = rows[~of_embedding | (rows["points"] == points)]
    if rows.empty:
        raise OmittedError(
            f"level, coefficient, points: no {level} {coefficient} coefficient at {points or 'any point set'}"
        )
    parts = [
        part.assign(
            row=("activations: " if space == "activation" else "") + style.measure_title(estimator, k)
        )
        for space, alike in rows.groupby("space", sort=False)
        for estimator, k, part in cells.measures(alike)
    ]
    return pd.concat(parts)


def _draw_table(panel: Axes, here: pd.DataFrame, names: Sequence[str], tasks: Sequence[str]) -> None:
    panel.add_patch(Rectangle((-0.5, -0.5), len(tasks), len(names), hatch="////", facecolor="white",
                              edgecolor="#CCCCCC", linewidth=0, zorder=0))  # fmt: skip
    for row in here[here["value"].notna()].itertuples():
        x, y = tasks.index(row.task), names.index(row.row)
        colour = _MAP(_NORM(row.value))
        panel.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1))
        ink = "white" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < 0.5 else style.INK
        panel.text(x, y, _number(row.value, row.p_adjusted), ha="center", va="center_baseline", color=ink)
    panel.set(xlim=(-0.5, len(tasks) - 0.5), ylim=(len(names) - 0.5, -0.5))
    panel.set_yticks(range(len(names)), names)
    panel.tick_params(length=0)
    panel.grid(False)
    panel.spines[:].set_visible(False)


def _number(value: float, p: float) -> str:
    """Format a coefficient without its leading zero, to fit its cell."""
    text = f"{abs(value):.2f}".removeprefix("0")
    sign = "−" if value < 0 and text != ".00" else ""
    return f"{sign}{text}{'*' if p < 0.05 else ''}"
