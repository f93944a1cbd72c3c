"""The figure `resolution` shows sweeps, untrained twins, external encoders and published values."""

import pandas as pd
import pytest
from figure_drawing import CELL, LINEAR, drawn
from figure_reading import marks_at, panel, words
from figure_tables import RESOLUTIONS, with_controls

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


OBJECTIVES = ("info-nce-scale5", "regression")


def with_objectives(table):
    """Add every control, a second objective of trained and shuffled variants (raised by 20), and the coordinates."""
    table = with_controls(table[table["weights"] != "released"])
    own = table["weights"].isin(["trained", "shuffled"])
    parts = [table[~own]]
    for number, objective in enumerate(OBJECTIVES):
        rows = table[own].assign(objective=objective)
        rows = rows.assign(variant=rows["variant"] + f"_{objective}")
        parts.append(rows.assign(value=rows["value"] + 20 * number) if "value" in rows else rows)
    one = table[table["weights"] == "raw"].groupby("estimator" if "estimator" in table else "model").head(1)
    facts = {"variant": "coordinates", "model": "cartesian3d", "resolution": "", "family": "cartesian3d"}
    facts |= {"value": 2.5, "shortest_wavelength_km": 40030.0}
    parts.append(one.head(5 if "value" in one else 1).assign(**{k: v for k, v in facts.items() if k in one}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def compared(large):
    """The figure with all controls and two objectives, and its tables."""
    variants, dimension = with_objectives(large.variants), with_objectives(large.dimension)
    figure = resolution.draw(variants, dimension, cell=CELL)
    figure.draw_without_rendering()
    return figure, dimension


def grid(figure):
    """Panels by row and column."""
    places = [axes for axes in figure.axes if axes.get_visible() and axes.axison]
    rows, columns, *_ = places[0].get_subplotspec().get_geometry()
    return [places[row * columns :][:columns] for row in range(rows)]


def values_of(dimension, model, weights, objective):
    rows = dimension[(dimension["estimator"] == "mle") & (dimension["space"] == "embedding")]
    rows = rows[
        (rows["model"] == model) & (rows["weights"] == weights) & (rows["modality"].isin(["", "rgb"]))
    ]
    rows = rows[rows["objective"] == objective]
    return rows.groupby("resolution")["value"].mean()[list(RESOLUTIONS[model])].tolist()


def test_each_objective_has_a_row_and_each_family_a_column_with_four_lines(compared):
    figure, dimension = compared
    panels = grid(figure)
    assert len(panels) == 2 * dimension.query("space == 'embedding'")["estimator"].nunique()
    for row, objective in zip(panels, OBJECTIVES, strict=False):
        for axes, family in zip(row, sorted(RESOLUTIONS), strict=True):
            lines = [line.get_ydata() for line in axes.lines if line.get_marker() not in ("None", "")]
            lines = [sorted(values) for values in lines if len(values) == 4]
            kinds = {"trained": objective, "shuffled": objective, "untrained": "", "raw": ""}
            found = [sorted(values_of(dimension, family, kind, of)) for kind, of in kinds.items()]
            assert sorted(lines) == [pytest.approx(values) for values in sorted(found)]
            assert sum(set(line.get_ydata()) == {2.5} for line in axes.lines) == 1


def test_the_rows_of_an_estimator_share_one_axis_of_dimension(compared):
    panels = grid(compared[0])
    for first, second in zip(panels[::2], panels[1::2], strict=True):
        assert len({axes.get_ylim() for axes in (*first, *second)}) == 1
    assert len({row[0].get_ylim() for row in panels}) > 1


def test_controls_without_an_objective_are_faint(compared):
    (axes, *_), *_ = grid(compared[0])
    controls = [line for line in axes.lines if len(line.get_xdata()) == 4 and line.get_linestyle() == "--"]
    alphas = sorted(line.get_alpha() for line in controls)
    assert alphas[:2] == [0.6, 0.6]
    assert alphas[2] == 1


def test_a_grid_names_families_objectives_levels_and_lines(compared):
    found = words(compared[0])
    assert {"SatCLIP", "GeoCLIP", "CSP", "cartesian3d, raw encoding", "trained, other families"} <= set(found)
    assert {
        "MLE, k = 20 (log scale), InfoNCE at logit scale 5",
        "MLE, k = 20 (log scale), regression",
    } <= set(found)
    assert {"l\n5, 10, 20, 40", "sigma\n16, 64, 256, 1024", "shortest wavelength (km)"} <= set(found)
    assert {"untrained twin", "shuffled pairs", "raw encoding"} <= set(found)


def test_an_encoder_whose_family_has_no_column_is_in_every_panel(large):
    tables = []
    for table in (large.variants, large.dimension):
        released = table[table["weights"] == "released"].assign(model="other")
        released = released.assign(family="other") if "family" in table else released
        tables.append(pd.concat([with_objectives(table), released], ignore_index=True))
    figure = resolution.draw(*tables, cell=CELL)
    assert all(len(marks_at(axes, "*")) == 1 for row in grid(figure) for axes in row)
    assert {"other", "released weights"} <= set(words(figure))


def test_a_family_without_one_of_the_objectives_keeps_its_controls(large):
    tables = [with_objectives(table) for table in (large.variants, large.dimension)]
    tables = [t[(t["objective"] != "regression") | (t["model"] != "csp")] for t in tables]
    (csp, *_), (without, *_), *_ = grid(resolution.draw(*tables, cell=CELL))
    lines = [
        [line for line in axes.lines if line.get_marker() not in ("None", "")] for axes in (csp, without)
    ]
    assert [len(found) for found in lines] == [4, 2]


def test_one_family_has_a_column_per_objective(small):
    figure = resolution.draw(with_objectives(small.variants), with_objectives(small.dimension), cell=CELL)
    assert {len(row) for row in grid(figure)} == {2}
    assert words(figure).count("l\n10, 40") == 2
    assert "trained, other families" not in words(figure)
