"""Properties of every figure: readable at the printed size, reproducible bytes, inputs not modified."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from figure_drawing import FIGURES, drawn
from matplotlib.text import Text

from earthdim.figures import style
from earthdim.storage.files import read_table, write_table


@pytest.mark.parametrize("large", [True, False], ids=["large", "small"])
@pytest.mark.parametrize("name", FIGURES)
def test_figures_fit_the_page_and_are_readable(name, large):
    figure = drawn(name, large)
    assert figure.get_figwidth() == style.WIDTH
    assert 1 < figure.get_figheight() < 9.5
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(sizes) >= style.SMALL


@pytest.mark.parametrize("name", FIGURES)
def test_texts_stay_inside_the_page(name):
    figure = drawn(name, True)
    page = figure.bbox
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text() and text.axes is not None and text.axes.axison:
            box = text.get_window_extent()
            assert box.x0 > page.x0 - 1, text
            assert box.x1 < page.x1 + 1, text


@pytest.mark.parametrize("name", ["resolution", "local_maps", "scale"])
def test_bytes_depend_only_on_the_tables(name, small):
    saved = []
    for _ in range(2):
        file = io.BytesIO()
        FIGURES[name](small).savefig(file, format="svg")
        saved.append(file.getvalue())
    assert saved[0] == saved[1]
    assert b"<dc:date>" not in saved[0]


def test_saving_to_a_path_writes_no_date(tmp_path, small):
    FIGURES["twins"](small).savefig(tmp_path / "twins.svg")
    assert "<dc:date>" not in (tmp_path / "twins.svg").read_text()


def test_tables_read_from_disk_give_the_same_figure(tmp_path, large):
    back = SimpleNamespace()
    for kind in ("variants", "dimension", "probe", "correlation", "scale", "jacobian", "table1"):
        write_table(getattr(large, kind), tmp_path / f"{kind}.csv", kind)
        setattr(back, kind, read_table(tmp_path / f"{kind}.csv"))
    for name in ("performance", "scale", "table1"):
        expected = [line.get_xydata() for axes in drawn(name, True).axes for line in axes.lines]
        found = [line.get_xydata() for axes in FIGURES[name](back).axes for line in axes.lines]
        assert len(expected) == len(found)
        assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


def test_drawing_does_not_modify_the_tables(small):
    before = {name: table.copy() for name, table in vars(small).items() if table is not None}
    for draw in FIGURES.values():
        draw(small)
    for name, table in before.items():
        pd.testing.assert_frame_equal(getattr(small, name), table)


def test_a_wide_range_of_dimensions_becomes_logarithmic():
    _, (axes,), _ = style.panels(1, 1, 2.0)
    assert not style.dimension_axis(axes, "y", [2.0, 7.0])
    assert axes.get_yscale() == "linear"
    assert style.dimension_axis(axes, "y", [2.0, 70.0])
    assert axes.get_yscale() == "log"


def test_more_families_or_encoders_than_symbols_raise():
    families = pd.DataFrame({"family": [f"family{number}" for number in range(8)], "weights": "trained"})
    with pytest.raises(ValueError, match="8 families"):
        style.symbols(families)
    encoders = pd.DataFrame({"family": "geoclip", "weights": "released", "variant": list("abcdefg")})
    with pytest.raises(ValueError, match="7 encoders of geoclip"):
        style.symbols(encoders)
