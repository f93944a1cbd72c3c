"""The figures of scale and of the paper's Table 1 show what their tables hold."""

import numpy as np
import pytest
from figure_reading import marks_at, panel, words
from figure_tables import tables

from earthdim.figures import scale, table1


@pytest.fixture(scope="module")
def large():
    return tables(large=True)


@pytest.fixture(scope="module")
def scale_figure(large):
    figure = scale.draw(large.variants, large.scale, large.jacobian)
    figure.draw_without_rendering()
    return figure


@pytest.fixture(scope="module")
def table1_figure(large):
    return table1.draw(large.table1)


def test_scale_shows_the_sizes_the_neighbours_and_the_supports(scale_figure, large):
    by_n, by_k, by_support = scale_figure.axes[:3]
    smooth = large.scale[large.scale["variant"] == "satclip_l10_rgb_short_s0"]

    def line(axes, marker):
        (found,) = [line.get_xydata() for line in axes.lines if line.get_marker() == marker]
        return found

    mle = smooth[(smooth["estimator"] == "mle") & (smooth["support"] == "land")]
    assert line(by_n, "o").tolist() == mle[["n", "value"]].to_numpy().tolist()
    gride = smooth[(smooth["estimator"] == "gride") & (smooth["support"] == "land") & (smooth["n"] == 10000)]
    assert line(by_k, "D").tolist() == gride[["k", "value"]].to_numpy().tolist()
    bars = by_k.collections[0].get_segments()
    assert [bar[:, 1].tolist() for bar in bars] == gride[["low", "high"]].to_numpy().tolist()
    assert [text.get_text() for text in by_support.get_xticklabels()] == [
        "land", "Africa", "2,000 km", "200 km", "10 km",
    ]  # fmt: skip
    mle = smooth[(smooth["estimator"] == "mle") & (smooth["n"] == 10000)]
    assert line(by_support, "o")[:, 1].tolist() == mle["value"].tolist()
    assert by_n.get_ylim() == by_k.get_ylim() == by_support.get_ylim()


def test_scale_marks_the_reach_of_neighbours_against_the_wavelength(scale_figure, large):
    figure = scale_figure
    rough, supports = figure.axes[4], figure.axes[5]
    radius = large.scale.set_index(["variant", "support", "n", "estimator", "k"])["neighbour_radius_km"]
    of_patch = radius["geoclip_released", "patch-2000", 10000, "mle", 20]
    assert f"{of_patch:.0f}" in words(supports)
    # λ/4 = 19.5 km lies between the patches of 2,000 and of 200 km, so that all of the rough row's N are too few.
    (span,) = rough.patches
    assert span.get_extents().width == pytest.approx(rough.bbox.width)
    (span,) = supports.patches
    edge = span.get_x() + span.get_width()
    reaches = [radius["geoclip_released", name, 10000, "mle", 20] for name in ("patch-2000", "patch-200")]
    share = np.log(reaches[0] / (78 / 4)) / np.log(reaches[0] / reaches[1])
    assert edge == pytest.approx(2 + share)
    # λ itself lies between Africa's spacing and that of 2,000 km.
    (mark,) = [line for line in supports.lines if line.get_label() == "neighbour at λ"]
    assert 1 < mark.get_xdata()[0] < 2
    # A smooth encoder is sampled finely enough from some N on.
    (span,) = figure.axes[0].patches
    edge = span.get_x() + span.get_width()
    assert edge == pytest.approx(20 * 1.48e8 / (np.pi * (4448 / 4) ** 2), rel=1e-6)


def test_scale_draws_the_exact_rank_only_where_it_was_measured(scale_figure, large):
    heights = {line.get_ydata()[0] for line in scale_figure.axes[3].lines if line.get_marker() == "None"}
    assert {2.0, 1.4} <= heights
    assert "exact local rank" in words(scale_figure)
    assert "exact local rank" not in words(scale.draw(large.variants, large.scale))


def test_scale_needs_something_to_compare(large):
    same = large.scale.query("n == 10000 and support == 'land' and estimator != 'gride'")
    with pytest.raises(ValueError, match="several N, k or supports"):
        scale.draw(large.variants, same)
    only = scale.draw(large.variants, large.scale.query("support == 'land' and estimator == 'mle'"))
    assert len([axes for axes in only.axes if axes.axison]) == 2


def test_table1_puts_the_measured_beside_the_published(table1_figure, large):
    axes = panel(table1_figure, "MLE, k = 20")
    names = [text.get_text() for text in table1_figure.axes[0].get_yticklabels()]
    (diamonds,) = [line.get_xydata() for line in axes.lines if line.get_marker() == "D"]
    at = {names[int(y)]: x for x, y in diamonds}
    assert at["GeoCLIP"] == 11.21
    assert at["ResNet152"] == 20.72
    assert len(at) == 10
    assert marks_at(axes, "o").tolist() == [[pytest.approx(11.21 * 1.003), names.index("GeoCLIP")]]
    assert "+0.3 %" in words(axes)
    assert len(table1_figure.axes) == 4
    assert not [text for text in words(table1.draw(tables(large=False).table1)) if "measured" in text]
    with pytest.raises(ValueError, match="published"):
        table1.draw(large.table1.assign(published=np.nan))
