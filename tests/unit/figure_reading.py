"""Readers of the content of a drawn figure, for the tests of figures."""

import numpy as np
from matplotlib.text import Text


def panel(figure, start):
    """The only panel whose title begins with `start`."""
    (found,) = [axes for axes in figure.axes if axes.get_title(loc="left").startswith(start)]
    return found


def marks_at(axes, marker, **properties):
    """Coordinates of the marks drawn with a marker, shape (n, 2)."""
    lines = [line for line in axes.lines if line.get_marker() == marker]
    lines = [line for line in lines if all(getattr(line, f"get_{k}")() == v for k, v in properties.items())]
    return np.array([point for line in lines for point in line.get_xydata()])


def words(figure):
    """All visible texts."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
