"""Common style of the figures: page size, type, colours, markers, and display names of tokens."""

import math
import re
import textwrap
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from earthdim.storage.schema import EXTERNAL

WIDTH = 7.1
"""Width of a figure in inches: the text width of an A4 or letter page, printed at 100 %."""

DPI = 200

SMALL = 8
"""Size in points of the smallest type at the printed size."""

# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/); neighbours also differ in lightness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Markers of external encoders: stars and polygons that no family uses.
EXTERNAL_MARKERS = ("*", (4, 1, 0), "p", (3, 1, 0), "h", (8, 1, 0))
LINES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
INK = "#222222"
FAINT = "#9A9A9A"

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": SMALL,
    "axes.titlesize": SMALL + 1,
    "axes.titlelocation": "left",
    "axes.labelsize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "figure.titlesize": SMALL + 2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.5,
    "hatch.linewidth": 0.4,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "earthdim",
    "savefig.facecolor": "white",
}

_TITLES = {
    "satclip": "SatCLIP",
    "geoclip": "GeoCLIP",
    "csp": "CSP",
    "nerf": "NeRF",
    "dfs": "DFS",
    "sphere-m-plus": "SphereM+",
    "mle": "MLE",
    "mom": "MOM",
    "tle": "TLE",
    "twonn": "TwoNN",
    "fishers": "FisherS",
    "fishers-off-sphere": "FisherS, not on the sphere",
    "corrint": "CorrInt",
    "ess": "ESS",
    "mada": "MADA",
    "knn": "KNN",
    "ph": "PH",
    "mind-ml": "MiND_ML",
    "danco": "DANCo",
    "lpca": "lPCA",
    "gride": "Gride",
    "rankme": "RankMe",
    "mlp": "MLP",
    "r2": "R²",
    "rgb": "RGB",
    "info-nce": "InfoNCE",
    "info-nce-scale2": "InfoNCE at logit scale 2",
    "info-nce-scale5": "InfoNCE at logit scale 5",
    "siglip": "SigLIP",
    "random": "random split",
    "blocks": "spatial blocks",
}


class PrintedFigure(Figure):
    """A figure whose saved bytes depend only on its content: no date and no random ids in SVG."""

    def savefig(self, fname, **options) -> None:
        """Save in the project's style, without a date.

        Parameters
        ----------
        fname : path or binary file
            Destination.
        **options
            Passed to `matplotlib.figure.Figure.savefig`.
        """
        metadata = {"Date": None} if options.get("format", str(fname)[-3:]) == "svg" else {}
        with mpl.rc_context(_RC):
            super().savefig(fname, **{"dpi": DPI, "metadata": metadata, **options})


def styled():
    """Return a context manager (or decorator) that sets the project's style."""
    return mpl.rc_context(_RC)


def title(token: object) -> str:
    """Return the display name of a token or variant: known names in their usual spelling, no hyphens, 0p1 as 0.1."""
    words = " ".join(_TITLES.get(part, part.replace("-", " ")) for part in str(token).split("_"))
    return re.sub(r"(?<=\d)p(?=\d)", ".", words)


def measure_title(estimator: str, k: float, log: bool = False) -> str:
    """Return the display name of an estimator with its k (NaN if it has none), marking a logarithmic axis."""
    neighbours = "" if math.isnan(k) else f", k = {k:.0f}"
    return f"{title(estimator)}{neighbours}{' (log scale)' if log else ''}"


def symbols(variants: pd.DataFrame) -> dict[str, tuple[str, object]]:
    """Assign a colour and a marker to each family and each external encoder, common to all figures of an experiment.

    Parameters
    ----------
    variants : DataFrame
        variants.csv.

    Returns
    -------
    dict
        Family -> (colour, marker), and variant of an external encoder -> (colour of its family, marker unique among
        the external encoders of the family).

    Raises
    ------
    ValueError
        If there are more families, or external encoders of one family, than distinct colours or markers.
    """
    names = sorted(set(variants["family"]))
    if len(names) > len(COLOURS):
        raise ValueError(f"family: {len(names)} families exceed the {len(COLOURS)} distinct colours")
    found = dict(zip(names, zip(COLOURS, MARKERS, strict=True), strict=False))
    external = variants[variants["weights"].isin(EXTERNAL)]
    for family, encoders in external.groupby("family")["variant"]:
        if len(encoders) > len(EXTERNAL_MARKERS):
            raise ValueError(
                f"weights: {len(encoders)} encoders of {family} exceed the {len(EXTERNAL_MARKERS)} distinct markers"
            )
        colour, _ = found[family]
        found |= {
            encoder: (colour, marker) for encoder, marker in zip(encoders, EXTERNAL_MARKERS, strict=False)
        }
    return found


def external_keys(cells: pd.DataFrame, symbols: dict[str, tuple[str, object]], size: float) -> list[Line2D]:
    """Return legend entries of external encoders: a single one if they share a marker, else one per encoder.

    Parameters
    ----------
    cells : DataFrame
        Cells with the columns weights and encoder; encoder is "" for all others.
    symbols : dict
        Return value of `symbols`.
    size : float
        Size of the markers, points.
    """
    external = cells[cells["encoder"] != ""]
    shown = [(name, *symbols[name]) for name in dict.fromkeys(external["encoder"])]
    if len({marker for *_, marker in shown}) == 1:
        words = {"released": "released weights", "own": "custom encoder", "table": "user-supplied embeddings"}
        label = ", ".join(words[kind] for kind in EXTERNAL if kind in set(external["weights"]))
        return [key(label, marker=shown[0][-1], markersize=size)]
    return [key(title(name), colour, marker, markersize=size) for name, colour, marker in shown]


def panels(
    count: int, columns: int, height: float, extra: float = 0.6, short_row: str = "first", **options
) -> tuple[PrintedFigure, list[Axes], list[Axes]]:
    """Lay out panels in rows; the first or the last row may be short.

    Parameters
    ----------
    count : int
        Number of panels.
    columns : int
        Panels per row. The panel width does not depend on `count`.
    height : float
        Height of a row in inches.
    extra : float
        Additional height for legends and labels above and below the panels, in inches.
    short_row : {"first", "last"}
        The row that may be short. With "first", the bottom row is full and all x axes are aligned there.
    **options
        Passed to `Figure.subplots`.

    Returns
    -------
    figure : PrintedFigure
    axes : list of Axes
        One per panel, in reading order.
    spare : list of Axes
        Hidden axes at the end of the short row; a legend may use one.
    """
    rows = math.ceil(count / columns)
    figure = PrintedFigure(figsize=(WIDTH, rows * height + extra), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.06, w_pad=0.05)
    places = figure.subplots(rows, columns, squeeze=False, **options).ravel().tolist()
    row_end = columns if short_row == "first" else rows * columns
    spare = places[row_end - (rows * columns - count) : row_end]
    for empty in spare:
        empty.axis("off")
    return figure, [place for place in places if place not in spare], spare


@styled()
def nothing(reason: str) -> PrintedFigure:
    """Placeholder figure that states why there is nothing to show."""
    figure = PrintedFigure(figsize=(WIDTH, 1.0))
    text = "\n".join(textwrap.wrap(f"Nothing to show: {reason}", 90))
    figure.text(0.5, 0.5, text, ha="center", va="center", color=INK)
    return figure


def headline(panel: Axes, heading: str, lines: Sequence[str]) -> None:
    """Write a bold title above a panel and lines of text below the title; both may exceed the panel width."""
    panel.set_title(heading, loc="left", fontsize=SMALL, fontweight="bold", pad=5 + 11 * len(lines))
    panel.annotate(
        "\n".join(lines), (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", va="bottom",
        linespacing=1.25, in_layout=False, annotation_clip=False,
    )  # fmt: skip


def legend(figure: Figure, handles: Sequence[Line2D], spare: Sequence[Axes] = (), columns: int = 4) -> None:
    """Place the legend in the first spare axes, or above the panels if there is none."""
    if spare:
        spare[0].legend(handles=handles, loc="center left", borderaxespad=0)
    else:
        figure.legend(handles=handles, loc="outside upper left", ncols=min(columns, len(handles)))


def key(label: str, colour: str = INK, marker: object = "", line: object = "none", **options) -> Line2D:
    """Return a legend entry."""
    return Line2D([], [], color=colour, marker=marker, linestyle=line, label=label, **options)


def dimension_axis(axes: Axes, which: str, values: Sequence[float]) -> bool:
    """Set the scale and limits of an axis of intrinsic dimensions; logarithmic for a range above a factor of four.

    Parameters
    ----------
    axes : Axes
        The panel.
    which : {"x", "y"}
        The axis.
    values : sequence of float
        All values shown on it; positive.

    Returns
    -------
    bool
        Whether it is logarithmic, which the caller states in a label.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    axis = axes.xaxis if which == "x" else axes.yaxis
    set_limits = axes.set_xlim if which == "x" else axes.set_ylim
    if high > 4 * low:
        axes.set(**{f"{which}scale": "log"})
        set_limits(low / 1.25, high * 1.25)
        plain_log_ticks(axis, low / 1.25, high * 1.25, (1, 2, 5) if high < 40 * low else (1, 3))
        return True
    # The range is at least half a dimension, so that noise does not fill the panel.
    margin = max(0.08 * (high - low), 0.25)
    set_limits(low - margin, high + margin)
    axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    return False


def plain_log_ticks(axis, low: float, high: float, digits: Sequence[int] = (1,)) -> None:
    """Set ticks at the given digits of each decade between two values, formatted as plain numbers."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in digits]
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
