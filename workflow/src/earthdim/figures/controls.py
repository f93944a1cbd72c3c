"""Margin by which each cell passes or fails each control that decides."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

from earthdim.analysis.statistics.cells import text
from earthdim.figures import style
from earthdim.figures.declaration import Figure
from earthdim.omissions import OmittedError

FIGURE = Figure(
    title="Controls",
    category="Controls",
    inputs=("controls",),
    caption="controls.rst",
)

# Colour and marker; the two also differ in lightness and in shape.
MARKS = {"yes": (style.COLOURS[0], "o"), "no": (style.COLOURS[1], "X")}
LABELS = {"yes": "passed", "no": "failed"}
LIMIT = 0.5
"""Margins beyond are drawn at this distance from zero, as arrowheads: a score across blocks has no lower bound."""


@style.styled()
def draw(controls: pd.DataFrame) -> style.PrintedFigure:
    """Draw the margins of the controls that decide: a row per cell, a column of panels per control and kind of heads.

    Each objective has a row of panels, since names of cells with their objective would be longer than the panels.

    Parameters
    ----------
    controls : DataFrame
        controls.csv.

    Raises
    ------
    OmittedError
        If no control that decides is available.
    """
    # A column without any value is read from a file as numbers.
    whole = text(controls, controls.columns[: list(controls.columns).index("tasks")], "controls")
    deciding = whole[whole["decides"] == "yes"].reset_index(drop=True)
    if not (deciding["passed"] != "not available").any():
        raise OmittedError("passed: no control that decides is available")
    deciding["cell"] = _labels(deciding)
    columns = list(dict.fromkeys(zip(deciding["control"], deciding["head"], strict=True)))
    blocks = [
        (objective, part, list(dict.fromkeys(zip(part["family"], part["cell"], strict=True))))
        for objective, part in deciding.groupby("objective", sort=False)
    ]
    sizes = [len(cells) + 2 for *_, cells in blocks]
    figure, axes, _ = style.panels(
        len(blocks) * len(columns), len(columns), height=0.17 * sum(sizes) / len(sizes) + 0.16, extra=0.75,
        height_ratios=sizes, sharex="col",
    )  # fmt: skip
    for number, (objective, part, cells) in enumerate(blocks):
        row = axes[number * len(columns) : (number + 1) * len(columns)]
        _draw_block(row, part, columns, cells)
        if len(blocks) > 1:
            row[0].annotate(
                style.title(objective) or "own objective", (0, 1), (-4, 4), xycoords="axes fraction",
                textcoords="offset points", ha="right", va="bottom", fontweight="bold",
            )  # fmt: skip
    for panel, (control, head) in zip(axes, columns, strict=False):
        panel.set_title("\n".join(filter(None, [control, f"{head} heads" if head else "pairs"])))
    for number, (control, head) in enumerate(columns):
        part = deciding[(deciding["control"] == control) & (deciding["head"] == head)]
        reach = pd.to_numeric(part["margin"]).abs().clip(upper=LIMIT).max()
        _set_reach(axes[number], 1.15 * reach if reach > 0 else 0.01)
    figure.supxlabel(
        "margin: trained minus the nearest control, or bound of chance minus retrieval", fontsize=style.SMALL
    )
    handles = [style.key(LABELS[passed], *mark) for passed, mark in MARKS.items()]
    style.legend(figure, [*handles, style.key("n/a: not available")])
    return figure


def _labels(controls: pd.DataFrame) -> pd.Series:
    """Name of the cell of each row, without columns in which all cells agree or that the model determines."""
    columns = controls.columns[: list(controls.columns).index("control")]
    values = controls[columns].drop(columns=["family", "objective"])
    if len(values.drop_duplicates()) > 1:
        fixed = values.groupby("model").nunique().max() == 1
        kept = [
            name for name in values if values[name].nunique() > 1 and (name == "model" or not fixed[name])
        ]
        values = values[kept]
    return values.apply(lambda row: style.title("_".join(filter(None, row))), axis=1)


def _set_reach(panel: Axes, limit: float) -> None:
    """Set an axis symmetric about zero, with ticks at zero and at a margin far enough from it for its label."""
    unit = 10.0 ** math.floor(math.log10(limit))
    tick = max(digit * unit for digit in (1, 1.5, *range(2, 10)) if digit * unit <= limit)
    panel.set_xlim(-limit, limit)
    panel.xaxis.set_major_locator(FixedLocator([-tick, 0, tick]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))


def _draw_block(
    row: Sequence[Axes],
    part: pd.DataFrame,
    columns: Sequence[tuple[str, str]],
    cells: Sequence[tuple[str, str]],
) -> None:
    """Draw the cells of one objective into a row of panels."""
    families = [family for family, _ in cells]
    between = [y - 0.5 for y in range(1, len(cells)) if families[y] != families[y - 1]]
    for panel, (control, head) in zip(row, columns, strict=True):
        rows = part[(part["control"] == control) & (part["head"] == head)].set_index(["family", "cell"])
        panel.set_ylim(len(cells) - 0.4, -0.6)
        panel.set_yticks(range(len(cells)), [name for _, name in cells] if panel is row[0] else [])
        panel.tick_params(axis="y", length=0)
        panel.hlines(between, 0, 1, transform=panel.get_yaxis_transform(), color=style.FAINT, linewidth=0.5)
        _draw_rows(panel, [rows.loc[cell] if cell in rows.index else None for cell in cells])


def _draw_rows(panel: Axes, rows: list[pd.Series | None]) -> None:
    panel.axvline(0, color=style.INK, linewidth=0.8)
    for y, row in enumerate(rows):
        if row is None or row["passed"] not in MARKS:
            panel.annotate(
                "n/a", (0, y), (3, 0), textcoords="offset points", va="center", color=style.FAINT, in_layout=False,
            )  # fmt: skip
            continue
        colour, marker = MARKS[row["passed"]]
        margin = float(row["margin"])
        beyond = abs(margin) > LIMIT
        x = max(-LIMIT, min(margin, LIMIT))
        panel.hlines(y, min(0, x), max(0, x), color=colour, linewidth=0.8, alpha=0.6)
        panel.plot(x, y, ("<" if margin < 0 else ">") if beyond else marker, color=colour, zorder=3)
