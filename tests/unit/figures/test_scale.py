"""The figure `scale` agrees with scale.csv and jacobian.csv."""

import numpy as np
import pytest
from figure_drawing import drawn
from figure_reading import words

from earthdim.figures import scale


@pytest.fixture
def scale_figure():
    return drawn("scale", True)


def test_panels_show_sizes_neighbours_and_supports(scale_figure, large):
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


def test_shading_compares_the_neighbour_radius_with_the_wavelength(scale_figure, large):
    figure = scale_figure
    rough, supports = figure.axes[4], figure.axes[5]
    radius = large.scale.set_index(["variant", "support", "n", "estimator", "k"])["neighbour_radius_km"]
    of_patch = radius["geoclip_released", "patch-2000", 10000, "mle", 20]
    assert f"{of_patch:.0f}" in words(supports)
    # λ/4 = 19.5 km lies between the radii of the 2,000 km and 200 km patches: every N of this variant is too small.
    (span,) = rough.patches
    assert span.get_extents().width == pytest.approx(rough.bbox.width)
    (span,) = supports.patches
    edge = span.get_x() + span.get_width()
    radii = [radius["geoclip_released", name, 10000, "mle", 20] for name in ("patch-2000", "patch-200")]
    share = np.log(radii[0] / (78 / 4)) / np.log(radii[0] / radii[1])
    assert edge == pytest.approx(2 + share)
    # λ lies between the radii of Africa and of the 2,000 km patch.
    (mark,) = [line for line in supports.lines if line.get_label() == "neighbour radius = λ"]
    assert 1 < mark.get_xdata()[0] < 2
    # A smooth encoder is resolved above some N.
    (span,) = figure.axes[0].patches
    edge = span.get_x() + span.get_width()
    assert edge == pytest.approx(20 * 1.48e8 / (np.pi * (4448 / 4) ** 2), rel=1e-6)


def test_exact_ranks_are_drawn_only_where_measured(scale_figure, large):
    heights = {line.get_ydata()[0] for line in scale_figure.axes[3].lines if line.get_marker() == "None"}
    assert {2.0, 1.4} <= heights
    assert "exact local rank" in words(scale_figure)
    assert "exact local rank" not in words(scale.draw(large.variants, large.scale))


def test_nothing_to_compare_raises(large):
    same = large.scale.query("n == 10000 and support == 'land' and estimator != 'gride'")
    with pytest.raises(ValueError, match="several N, k or supports"):
        scale.draw(large.variants, same)
    only = scale.draw(large.variants, large.scale.query("support == 'land' and estimator == 'mle'"))
    assert len([axes for axes in only.axes if axes.axison]) == 2
