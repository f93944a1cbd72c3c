"""The figure `performance` agrees with the tables of scores and correlations."""

import pytest
from figure_drawing import CELL, LINEAR, drawn
from figure_reading import marks_at, panel, words

from earthdim.figures import performance


def test_coefficients_are_those_of_the_correlation_table(large):
    row = large.correlation.query(
        "estimator == 'fishers' and task == 'climate-zone' and split == 'blocks' and head == 'logistic'"
    )
    within, pooled = row[row["level"] == "within"].iloc[0], row[row["level"] == "pooled"].iloc[0]
    text = next(
        text for text in words(drawn("performance", True)) if f"{abs(within['value']):.2f}, adj" in text
    )
    assert f"within ρ {within['value']:.2f}, adj. p {within['p_adjusted']:.2g}".replace("-", "−") in text
    assert f"pooled ρ {pooled['value']:.2f}".replace("-", "−") in text
    assert "12 cells, 3 families" in text
    assert "no coefficient: too few cells" in words(drawn("performance", False))


def test_leaking_cells_are_drawn_open(large):
    axes = panel(drawn("performance", True), "temperature")
    leaking = large.probe.query(
        "task == 'temperature' and leaked == 'yes' and split == 'blocks' and head == 'ridge'"
    )
    means = leaking[leaking["metric"] == "r2"].groupby("resolution")["value"].mean()
    shown = marks_at(axes, "^", fillstyle="none")
    assert sorted(shown[:, 1]) == pytest.approx(sorted(means))
    assert len(marks_at(panel(drawn("performance", True), "elevation"), "s", fillstyle="left")) == 4


def test_performance_far_below_chance_is_an_arrowhead_at_the_floor(large):
    low = large.probe.assign(value=large.probe["value"].mask(large.probe["resolution"] == "l40", -30.0))
    options = {"estimator": "fishers", "split": "blocks", "heads": LINEAR, "cell": CELL}
    figure = performance.draw(large.variants, large.dimension, low, large.correlation, **options)
    axes = panel(figure, "temperature")
    assert marks_at(axes, "v")[:, 1].tolist() == [-0.5, -0.5]
    assert axes.get_ylim()[0] > -0.7
