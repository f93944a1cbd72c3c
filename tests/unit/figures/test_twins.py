"""The figure `twins` pairs each trained cell with its untrained twin."""

import numpy as np
from figure_drawing import CELL, drawn
from figure_reading import marks_at, panel, words
from figure_tables import with_controls

from earthdim.figures import twins


def test_each_cell_is_paired_with_its_twin(small):
    axes = panel(drawn("twins", False), "MLE")
    rows = small.dimension[
        (small.dimension["estimator"] == "mle") & (small.dimension["weights"] == "trained")
    ]
    rows = rows[rows["space"] == "embedding"]
    assert marks_at(axes, "o", fillstyle="full")[:, 0].tolist() == rows["value"].tolist()
    assert marks_at(axes, "o", fillstyle="none")[:, 0].tolist() == rows["twin_value"].tolist()
    assert [text.get_text() for text in axes.get_yticklabels()] == ["SatCLIP l10", "SatCLIP l40"]


def test_a_cross_marks_the_recipe_on_shuffled_pairs(small):
    figure = twins.draw(with_controls(small.variants), with_controls(small.dimension), cell=CELL)
    axes = panel(figure, "MLE")
    trained = marks_at(axes, "o", fillstyle="full")
    np.testing.assert_array_equal(marks_at(axes, "x"), trained + np.array([3, 0]))
    assert "shuffled pairs" in words(figure)
    assert "shuffled pairs" not in words(drawn("twins", False))
