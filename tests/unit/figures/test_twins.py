"""The figure `twins` pairs each trained cell with its untrained twin."""

from figure_drawing import drawn
from figure_reading import marks_at, panel


def test_each_cell_is_paired_with_its_twin(small):
    axes = panel(drawn("twins", False), "MLE")
    rows = small.dimension[
        (small.dimension["estimator"] == "mle") & (small.dimension["weights"] == "trained")
    ]
    rows = rows[rows["space"] == "embedding"]
    assert marks_at(axes, "o", fillstyle="full")[:, 0].tolist() == rows["value"].tolist()
    assert marks_at(axes, "o", fillstyle="none")[:, 0].tolist() == rows["twin_value"].tolist()
    assert [text.get_text() for text in axes.get_yticklabels()] == ["SatCLIP l10", "SatCLIP l40"]
