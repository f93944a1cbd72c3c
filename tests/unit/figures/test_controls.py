"""The figure of controls."""

import pandas as pd
import pytest
from figure_drawing import drawn
from figure_tables import tables

from earthdim.analysis.gate import verdict
from earthdim.figures import captions, controls, declaration, style
from earthdim.omissions import OmittedError


@pytest.fixture(scope="module")
def panels():
    return drawn("controls", large=True).axes


def marks(panel):
    return {
        (line.get_color(), line.get_marker()) for line in panel.lines if line.get_marker() not in ("", "None")
    }


def test_one_panel_per_control_that_decides_and_kind_of_heads(panels):
    titles = [panel.get_title(loc="left").replace("\n", ", ") for panel in panels]
    assert titles == [
        "own target, linear heads", "own target, MLP heads", "selection, linear heads", "selection, MLP heads",
        "shuffled, pairs",
    ]  # fmt: skip


def test_passed_and_failed_cells_differ_in_colour_and_marker_and_far_margins_are_arrows(panels):
    for panel in panels:
        assert marks(panel) == {(style.COLOURS[0], "o"), (style.COLOURS[1], "<")}
        assert max(map(abs, panel.get_xlim())) < 1
        assert "n/a" in {text.get_text() for text in panel.texts}
        assert any(set(line.get_xdata()) == {0} for line in panel.lines)


def test_every_cell_has_a_row(panels):
    table = tables(large=True).controls
    names = table[["model", "resolution", "modality", "schedule"]].drop_duplicates()
    assert len(panels[0].get_yticklabels()) == len(names)
    drawn_marks = [line for line in panels[0].lines if line.get_marker() not in ("", "None")]
    shown = table[(table["control"] == "own target") & (table["head"] == "linear") & table["margin"].notna()]
    assert len(drawn_marks) == len(shown)


def test_each_objective_has_a_row_of_panels_named_at_its_left_on_common_axes():
    table = tables(large=True).controls
    part = table[table["resolution"].isin(["l10", "sigma64"]) & (table["modality"] == "rgb")]
    both = [
        part.assign(objective=name, margin=margin) for name, margin in [("regression", 0.1), ("siglip", -0.2)]
    ]
    figure = controls.draw(pd.concat(both))
    figure.draw_without_rendering()
    panels = figure.axes
    assert len(panels) == 10
    assert [panels[number].texts[0].get_text() for number in (0, 5)] == ["regression", "SigLIP"]
    for panel, below in zip(panels[:5], panels[5:], strict=True):
        assert panel.get_xlim() == below.get_xlim() == pytest.approx((-0.23, 0.23))
        assert [label.get_text() for label in below.get_xticklabels()] == ["−0.2", "0", "0.2"]
    # Both models have one level, which their names need not repeat.
    for number in (0, 5):
        assert [label.get_text() for label in panels[number].get_yticklabels()] == ["SatCLIP", "GeoCLIP"]


def test_a_near_failure_is_a_cross():
    table = tables(large=False).controls
    figure = controls.draw(table.assign(margin=-0.1, passed="no"))
    assert marks(figure.axes[0]) == {(style.COLOURS[1], "X")}


def test_without_any_control_there_is_nothing_to_show():
    table = tables(large=False).controls
    with pytest.raises(OmittedError, match="no control that decides is available"):
        controls.draw(table.assign(passed="not available"))


def test_the_caption_has_the_verdict():
    table = tables(large=True).controls
    template = declaration.declared("controls").template()
    text = captions.render(template, "default", {}, {"controls": table})
    assert verdict(table, ["family", "model", "resolution", "modality", "schedule"]) in text
