"""The figure `table1` shows the published values with the measured ones."""

import numpy as np
import pytest
from figure_drawing import drawn
from figure_reading import marks_at, panel, words

from earthdim.figures import table1


def test_measured_values_are_drawn_with_the_published_ones(large):
    figure = drawn("table1", True)
    axes = panel(figure, "MLE, k = 20")
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    (diamonds,) = [line.get_xydata() for line in axes.lines if line.get_marker() == "D"]
    at = {names[int(y)]: x for x, y in diamonds}
    assert at["GeoCLIP"] == 11.21
    assert at["ResNet152"] == 20.72
    assert len(at) == 10
    assert marks_at(axes, "o").tolist() == [[pytest.approx(11.21 * 1.003), names.index("GeoCLIP")]]
    assert "+0.3 %" in words(axes)
    assert len(figure.axes) == 4
    assert not [text for text in words(drawn("table1", False)) if "measured" in text]
    with pytest.raises(ValueError, match="published"):
        table1.draw(large.table1.assign(published=np.nan))
