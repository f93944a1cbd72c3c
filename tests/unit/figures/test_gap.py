"""The figure `gap` compares random with block splits."""

import pytest
from figure_drawing import CELL, LINEAR, drawn
from figure_reading import marks_at, panel, words

from earthdim.figures import gap


def test_two_heads_for_one_task_raise(large):
    with pytest.raises(ValueError, match="temperature has several"):
        gap.draw(large.variants, large.probe, heads=["ridge", "mlp"], cell=CELL)
    with pytest.raises(ValueError, match="checkerboard"):
        gap.draw(large.variants, large.probe, heads=LINEAR, cell=CELL, honest="checkerboard")


def test_random_splits_are_horizontal_and_block_splits_vertical(large):
    axes = panel(drawn("gap", True), "temperature")
    chosen = large.probe.query(
        "task == 'temperature' and head == 'ridge' and primary and weights == 'released'"
    )
    values = chosen.set_index("split")["value"]
    assert marks_at(axes, "*")[0].tolist() == [values["random"], values["blocks"]]
    cell = ["model", "resolution", "modality"]
    chosen = large.probe.query(
        "task == 'temperature' and head == 'ridge' and primary and weights == 'trained' and leaked != 'yes'"
    )
    means = chosen.groupby([*cell, "split"])["value"].mean().unstack("split")
    median = (means["random"] - means["blocks"]).median()
    assert f"R²\nmedian gap {median:.2f}" in words(axes)
