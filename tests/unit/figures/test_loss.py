"""The figure `loss` draws only the steps at which a loss was evaluated."""

import pandas as pd
import pytest
from figure_drawing import drawn
from figure_reading import panel

from earthdim.figures import loss


def test_steps_without_validation_are_omitted(small):
    axes = panel(drawn("loss", False), "SatCLIP, rgb")
    lengths = sorted(len(line.get_xdata()) for line in axes.lines)
    assert lengths == [2, 11, 11, 11, 11, 21, 21]
    with pytest.raises(ValueError, match="curves"):
        loss.draw(small.variants, small.curves.iloc[:0])


def test_many_panels_are_a_grid_of_models_against_objectives_and_modalities(large):
    kept = large.variants.query("weights == 'trained' and resolution in ('l10', 'l20', 'sigma64', 'amin3')")
    parts = [
        (
            kept.assign(objective=name, variant=kept["variant"] + name),
            large.curves.assign(variant=large.curves["variant"] + name),
        )
        for name in ("regression", "siglip", "info-nce")
    ]
    variants, curves = (pd.concat(some) for some in zip(*parts, strict=True))
    figure = loss.draw(variants, curves[curves["variant"].isin(variants["variant"])], batch=512)
    # SatCLIP has three modalities and the others one: nine columns, three rows.
    panels = figure.axes
    assert len(panels) == 27
    assert [panels[number].get_ylabel() for number in (0, 9, 18)] == ["CSP", "GeoCLIP", "SatCLIP"]
    titles = [panel.get_title(loc="left").split("\n")[:2] for panel in panels[:9]]
    assert [title[0] for title in titles] == ["regression"] * 3 + ["SigLIP"] * 3 + ["InfoNCE"] * 3
    drawn_in = [sum(len(line.get_xdata()) > 2 for line in panel.lines) for panel in panels]
    lines = 3  # per variant
    satclip = variants[(variants["model"] == "satclip") & (variants["objective"] == "siglip")]
    assert drawn_in[18 + 3] == lines * (satclip["modality"] == "rgb").sum()
    assert drawn_in[1] == 0
    assert drawn_in[0] > 0
    assert max(figure.get_size_inches()) < 11
