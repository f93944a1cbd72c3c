"""The figure `resolution` shows sweeps, untrained twins, external encoders and published values."""

import pandas as pd
import pytest
from figure_drawing import CELL, LINEAR, drawn
from figure_reading import marks_at, panel, words
from figure_tables import with_controls

from earthdim.analysis.published import published
from earthdim.figures import performance, resolution, style


def test_resolution_shows_means_released_and_published_values(large):
    axes = panel(drawn("resolution", True), "FisherS")
    assert axes.get_xlim()[0] > axes.get_xlim()[1]
    sweep = next(
        line.get_xydata() for line in axes.lines if len(line.get_xdata()) == 4 and line.get_marker() == "^"
    )
    assert sweep[:, 0].tolist() == [10007, 4448, 2107, 1026]
    rows = large.dimension[
        (large.dimension["resolution"] == "l5") & (large.dimension["weights"] == "trained")
    ]
    rows = rows[(rows["estimator"] == "fishers") & (rows["space"] == "embedding")]
    assert sweep[0, 1] == pytest.approx(rows["value"].mean())
    shown = sorted(tuple(place) for place in marks_at(axes, "D"))
    assert shown == [(78, 7.68), (1026, 8.08), (2107, 6.5), (4448, 5.0)]
    assert marks_at(axes, "*")[0][0] == 78
    assert {"amin", "sigma", "l", "1024", "0.1"} <= set(words(drawn("resolution", True)))


def with_another_released(table):
    """Add a second released GeoCLIP encoder, with every value raised by 2 and another wavelength."""
    more = table[table["variant"] == "geoclip_released"].assign(variant="geoclip_other")
    columns = [name for name in ("value", "low", "high", "shortest_wavelength_km") if name in more]
    return pd.concat([table, more.assign(**{name: more[name] + 2 for name in columns})], ignore_index=True)


def test_two_released_encoders_of_one_model_have_distinct_markers(large):
    variants, dimension, probe = map(with_another_released, (large.variants, large.dimension, large.probe))
    symbols = style.symbols(variants)
    (_, first), (_, second) = symbols["geoclip_released"], symbols["geoclip_other"]
    assert first != second

    figure = resolution.draw(variants, dimension, cell=CELL)
    axes = panel(figure, "FisherS")
    rows = dimension[(dimension["estimator"] == "fishers") & (dimension["space"] == "embedding")]
    values = rows.set_index("variant")["value"]
    assert marks_at(axes, first).tolist() == [[78, values["geoclip_released"]]]
    assert marks_at(axes, second).tolist() == [[80, values["geoclip_other"]]]
    # The published value belongs to the weights of the first encoder.
    assert [78, 7.68] in marks_at(axes, "D").tolist()
    assert not (marks_at(axes, "D")[:, 0] == 80).any()
    assert {"GeoCLIP released", "GeoCLIP other"} <= set(words(figure))

    options = {"estimator": "fishers", "split": "blocks", "heads": LINEAR, "cell": CELL}
    axes = panel(performance.draw(variants, dimension, probe, large.correlation, **options), "temperature")
    assert marks_at(axes, second)[0, 0] == marks_at(axes, first)[0, 0] + 2
    assert len(marks_at(axes, first)) == len(marks_at(axes, second)) == 1


def test_a_single_released_encoder_is_not_named():
    assert "released weights" in words(drawn("resolution", True))


def test_published_values_of_another_k_are_ignored(large):
    figure = resolution.draw(large.variants, large.dimension, published().assign(k=100), cell=CELL)
    assert len(marks_at(panel(figure, "MLE"), "D")) == 0


def test_controls_are_lines_and_marks_of_their_own(small):
    variants, dimension, probe = map(with_controls, (small.variants, small.dimension, small.probe))
    figure = resolution.draw(variants, dimension, cell=CELL)
    axes, kinds = panel(figure, "MLE"), ("trained", "untrained", "shuffled", "raw")
    rows = dimension[(dimension["estimator"] == "mle") & (dimension["space"] == "embedding")]
    drawn_lines = [sorted(line.get_ydata()) for line in axes.lines]
    for weights in kinds:
        assert sorted(rows.loc[rows["weights"] == weights, "value"]) in drawn_lines
    assert {"untrained twin", "shuffled pairs", "raw encoding"} <= set(words(figure))
    figure = performance.draw(
        variants,
        dimension,
        probe,
        small.correlation,
        estimator="fishers",
        split="blocks",
        heads=LINEAR,
        cell=CELL,
    )
    assert all(len(marks_at(axes, marker)) == 2 for axes in figure.axes[:1] for marker in ("x", "+"))
    assert {"untrained twin", "shuffled pairs", "raw encoding"} <= set(words(figure))
