"""What every figure shares: size on paper, type, colours, markers and the words for tokens."""

import math
import textwrap
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from earthdim.storage.schema import FROZEN

WIDTH = 7.1
"""Width of a figure in inches: the text width of an A4 or letter page, on which it is printed at 100 %."""

DPI = 200

SMALL = 8
"""Size in points of the smallest type at the printed size."""

# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/); neighbours also differ in lightness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Of released weights: stars and polygons that no family has.
STARS = ("*", (4, 1, 0), "p", (3, 1, 0), "h", (8, 1, 0))
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
    "mind-ml": "MiND_ML",
    "danco": "DANCo",
    "lpca": "lPCA",
    "gride": "Gride",
    "rankme": "RankMe",
    "mlp": "MLP",
    "r2": "R²",
    "rgb": "RGB",
    "random": "random split",
    "blocks": "spatial blocks",
}


class PrintedFigure(Figure):
    """A figure whose saved bytes depend on what is drawn alone: no date and no random ids in SVG."""

    def savefig(self, fname, **options) -> None:
        """Save under the style of the project, without a date.

        Parameters
        ----------
        fname : path or binary file
            Where to.
        **options
            As for `matplotlib.figure.Figure.savefig`.
        """
        metadata = {"Date": None} if options.get("format", str(fname)[-3:]) == "svg" else {}
        with mpl.rc_context(_RC):
            super().savefig(fname, **{"dpi": DPI, "metadata": metadata, **options})


def styled():
    """Return a context (or decorator) in which everything is drawn in the style of the project."""
    return mpl.rc_context(_RC)


def title(token: object) -> str:
    """Return the words for a token or a variant's name: known names as the field spells them, else no hyphens."""
    return " ".join(_TITLES.get(part, part.replace("-", " ")) for part in str(token).split("_"))


def measure_title(estimator: str, k: float, log: bool = False) -> str:
    """Return the words for an estimator, its k (NaN where it has none) and a logarithmic axis."""
    neighbours = "" if math.isnan(k) else f", k = {k:.0f}"
    return f"{title(estimator)}{neighbours}{' (log scale)' if log else ''}"


def looks(variants: pd.DataFrame) -> dict[str, tuple[str, object]]:
    """Give each family and each encoder that came as it is its look, the same in every figure of one experiment.

    Parameters
    ----------
    variants : DataFrame
        variants.csv.

    Returns
    -------
    dict
        Family -> (colour, marker), and the variant of an encoder that came as it is -> (its family's colour, a marker
        that no other encoder of the family has).

    Raises
    ------
    ValueError
        If there are more families, or such encoders of one, than a reader can tell apart.
    """
    names = sorted(set(variants["family"]))
    if len(names) > len(COLOURS):
        raise ValueError(f"family: {len(names)} families cannot be told apart by {len(COLOURS)} colours")
    found = dict(zip(names, zip(COLOURS, MARKERS, strict=True), strict=False))
    frozen = variants[variants["weights"].isin(FROZEN)]
    for family, encoders in frozen.groupby("family")["variant"]:
        if len(encoders) > len(STARS):
            raise ValueError(
                f"weights: {len(encoders)} encoders of {family} cannot be told apart by {len(STARS)} markers"
            )
        colour, _ = found[family]
        found |= {encoder: (colour, star) for encoder, star in zip(encoders, STARS, strict=False)}
    return found


def frozen_keys(cells: pd.DataFrame, looks: dict[str, tuple[str, object]], size: float) -> list[Line2D]:
    """Return legend entries of encoders that came as they are: one for all with one marker, else one for each.

    Parameters
    ----------
    cells : DataFrame
        With the columns weights and encoder, which is "" for all others.
    looks : dict
        See `looks`.
    size : float
        Of the markers, points.
    """
    frozen = cells[cells["encoder"] != ""]
    shown = [(name, *looks[name]) for name in dict.fromkeys(frozen["encoder"])]
    if len({marker for *_, marker in shown}) == 1:
        words = {"released": "released weights", "own": "own encoder", "table": "own embeddings"}
        word = ", ".join(words[kind] for kind in FROZEN if kind in set(frozen["weights"]))
        return [key(word, marker=shown[0][-1], markersize=size)]
    return [key(title(name), colour, marker, markersize=size) for name, colour, marker in shown]


def panels(
    count: int, columns: int, height: float, extra: float = 0.6, short_row: str = "first", **options
) -> tuple[PrintedFigure, list[Axes], list[Axes]]:
    """Lay out panels in rows, of which the first or the last may be short.

    Parameters
    ----------
    count : int
        Number of panels.
    columns : int
        At most this many in a row; fewer panels than columns are as wide as if the row were full.
    height : float
        Height of a row in inches.
    extra : float
        Height for what stands under or over the panels, in inches.
    short_row : {"first", "last"}
        The row that is not full. If the first, all horizontal axes stand at the foot.
    **options
        Passed to `Figure.subplots`.

    Returns
    -------
    figure : PrintedFigure
    axes : list of Axes
        One for each panel, in reading order.
    spare : list of Axes
        The empty places at the end of the short row, not drawn; a legend may take one.
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
    """A figure that has nothing to show, and says why."""
    figure = PrintedFigure(figsize=(WIDTH, 1.0))
    text = "\n".join(textwrap.wrap(f"Nothing to show: {reason}", 90))
    figure.text(0.5, 0.5, text, ha="center", va="center", color=INK)
    return figure


def headline(panel: Axes, heading: str, lines: Sequence[str]) -> None:
    """Write a bold title over a panel with lines of text under it; these may be wider than the panel."""
    panel.set_title(heading, loc="left", fontsize=SMALL, fontweight="bold", pad=5 + 11 * len(lines))
    panel.annotate(
        "\n".join(lines), (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", va="bottom",
        linespacing=1.25, in_layout=False, annotation_clip=False,
    )  # fmt: skip


def legend(figure: Figure, handles: Sequence[Line2D], spare: Sequence[Axes] = (), columns: int = 4) -> None:
    """Put the legend into the first spare place, else over the panels."""
    if spare:
        spare[0].legend(handles=handles, loc="center left", borderaxespad=0)
    else:
        figure.legend(handles=handles, loc="outside upper left", ncols=min(columns, len(handles)))


def key(label: str, colour: str = INK, marker: object = "", line: object = "none", **options) -> Line2D:
    """Return a legend entry."""
    return Line2D([], [], color=colour, marker=marker, linestyle=line, label=label, **options)


def dimension_axis(axes: Axes, which: str, values: Sequence[float]) -> bool:
    """Scale an axis that carries intrinsic dimensions; a range of over fourfold becomes logarithmic.

    Parameters
    ----------
    axes : Axes
        The panel.
    which : {"x", "y"}
        The axis.
    values : sequence of float
        All values shown on it, positive.

    Returns
    -------
    bool
        Whether it is logarithmic: to be said in words.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    axis = axes.xaxis if which == "x" else axes.yaxis
    set_limits = axes.set_xlim if which == "x" else axes.set_ylim
    if high > 4 * low:
        axes.set(**{f"{which}scale": "log"})
        set_limits(low / 1.25, high * 1.25)
        plain_log_ticks(axis, low / 1.25, high * 1.25, (1, 2, 5) if high < 40 * low else (1, 3))
        return True
    # At least half a dimension: noise must not be blown up to fill the panel.
    margin = max(0.08 * (high - low), 0.25)
    set_limits(low - margin, high + margin)
    axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    return False


def plain_log_ticks(axis, low: float, high: float, digits: Sequence[int] = (1,)) -> None:
    """Put ticks at the given digits of each decade between two values, written as plain numbers."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in digits]
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
