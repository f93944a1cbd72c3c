"""Margin by which each cell passes or fails each control that decides."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

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
    """Draw the margins of the controls that decide: one row per cell, one panel per control and kind of heads.

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
    cells = list(dict.fromkeys(zip(deciding["family"], deciding["cell"], strict=True)))
    panels = list(dict.fromkeys(zip(deciding["control"], deciding["head"], strict=True)))
    figure, axes, _ = style.panels(len(panels), len(panels), height=0.17 * len(cells) + 0.5, extra=0.75)
    for panel, (control, head) in zip(axes, panels, strict=True):
        part = deciding[(deciding["control"] == control) & (deciding["head"] == head)]
        rows = part.set_index(["family", "cell"])
        panel.set_title("\n".join(filter(None, [control, f"{head} heads" if head else "pairs"])))
        panel.set_ylim(len(cells) - 0.4, -0.6)
        first = panel.get_subplotspec().is_first_col()
        panel.set_yticks(range(len(cells)), [name for _, name in cells] if first else [])
        panel.tick_params(axis="y", length=0)
        _draw_rows(panel, [rows.loc[cell] if cell in rows.index else None for cell in cells])
    figure.supxlabel(
        "margin: trained minus the nearest control, or bound of chance minus retrieval", fontsize=style.SMALL
    )
    handles = [style.key(LABELS[passed], *mark) for passed, mark in MARKS.items()]
    style.legend(figure, [*handles, style.key("n/a: not available")])
    return figure


def _labels(controls: pd.DataFrame) -> pd.Series:
    """Name of the cell of each row, without columns in which all cells agree."""
    columns = controls.columns[: list(controls.columns).index("control")]
    values = controls[columns].drop(columns="family")
    varies = values.loc[:, values.nunique() > 1] if len(values.drop_duplicates()) > 1 else values
    return varies.apply(lambda row: style.title("_".join(filter(None, row))), axis=1)


def _draw_rows(panel: Axes, rows: list[pd.Series | None]) -> None:
    panel.axvline(0, color=style.INK, linewidth=0.8)
    shown = []
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
        shown.append(x)
    reach = max([abs(x) for x in shown], default=0.01) * 1.15 or 0.01
    panel.set_xlim(-reach, reach)
    panel.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
