"""The figure `local_maps`: one colour scale, equal-area projection, coastlines without artefacts."""

import numpy as np
import pytest
from figure_drawing import MAPS, drawn
from figure_reading import words
from figure_tables import coastline

from earthdim.figures import local_maps


def test_maps_share_one_scale_and_state_k_and_radius():
    figure = drawn("local_maps", True)
    scales = {
        (c.norm.vmin, c.norm.vmax)
        for axes in figure.axes
        for c in axes.collections
        if c.get_array() is not None
    }
    both = np.concatenate([one["local_dimension"].values for one in MAPS])
    # The colour bar holds the third mappable.
    assert tuple(np.quantile(both, [0.02, 0.98])) in scales
    shared = [axes.collections[-1].norm for axes in figure.axes[:2]]
    assert shared[0] is shared[1]
    radius = float(MAPS[0]["neighbour_radius_km"][0])
    assert words(figure).count(f"k = 100, median radius {radius:,.0f} km") == 2


def test_coastlines_do_not_cross_the_map():
    lines = local_maps._coast_lines(coastline())
    assert all(np.abs(np.diff(line[:, 0])).max() < 1 for line in lines)
    assert len(lines) == 3


def test_the_projection_preserves_areas():
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    areas = []
    for lat in (0, 60):
        x, y = local_maps._project(corners[:, 0], corners[:, 1] + lat).T
        areas.append(0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
    bands = [np.diff(np.sin(np.radians([lat, lat + 1])))[0] for lat in (0, 60)]
    assert areas[0] / areas[1] == pytest.approx(bands[0] / bands[1], rel=1e-3)
