"""The figure `loss` draws only the steps at which a loss was evaluated."""

import pytest
from figure_drawing import drawn
from figure_reading import panel

from earthdim.figures import loss


def test_steps_without_validation_are_omitted(small):
    axes = panel(drawn("loss", False), "SatCLIP, rgb")
    lengths = sorted(len(line.get_xdata()) for line in axes.lines)
    assert lengths == [2, 11, 11, 11, 11, 21, 21]
    with pytest.raises(ValueError, match="curves"):
        loss.draw(small.variants, small.curves.iloc[:0])
