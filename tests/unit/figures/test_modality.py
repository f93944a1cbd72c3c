"""The figure `modality` keeps the order of the experiment and shows only models with several modalities."""

import numpy as np
from figure_drawing import drawn
from figure_reading import marks_at, panel, words


def test_modalities_keep_the_order_of_the_experiment():
    axes = panel(drawn("modality", True), "MLE")
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["rgb", "rgb-elevation", "rgb-elevation-climate", "untrained twin"]
    assert "SatCLIP l5" not in words(drawn("modality", True))
    open_marks = marks_at(axes, "^", markerfacecolor="white")
    assert np.round(open_marks[:, 1]).tolist() == [3, 3]
