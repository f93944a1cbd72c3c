"""Results that the data do not permit are omitted, with reason, in tables, replicates, correlations and figures."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from correlation_tables import SETTINGS, make_tables
from figure_drawing import CELL
from figure_tables import tables as figure_tables

from earthdim import omissions
from earthdim.analysis import replicates, tables
from earthdim.analysis.correlation import correlate, unmet
from earthdim.estimation.measure import empty_map
from earthdim.estimation.neighbours import Graph
from earthdim.figures import gap, local_maps, modality, performance, resolution, scale, style, twins
from earthdim.storage.schema import COLUMNS
from earthdim.storage.stores import open_store, save_store

REASON = "all 600 points are separable"


def measured(**columns):
    row = {"variant": "a", "points": "p", "n": 600, "k": None, "value": 2.0, "note": "", "estimator": "mle"}
    return {**row, **columns}


def test_left_out_names_items_and_places():
    dimension = [
        measured(),
        measured(estimator="fishers", value=None, note=REASON),
        measured(k=20, note="no interval: half of 40 points are too few for k = 20"),
        measured(k=9, note="the map lacks 2 of 600 points: the value there is not finite"),
    ]
    split = {"table": "probe", "what": "split", "name": "blocks", "split": "blocks", "reason": "few"}
    lacking = omissions.left_out([split])
    table = tables.left_out_table(
        [lacking.assign(variant="a", points="p")],
        dimension=[pd.DataFrame(dimension[:1]), pd.DataFrame(dimension[1:])],
        scale=[pd.DataFrame([measured(n=21, value=None, note="few")])],
    )
    assert tuple(table.columns) == COLUMNS["left_out"]
    assert table[["table", "what", "name"]].to_numpy().tolist() == [
        ["probe", "split", "blocks"],
        ["dimension", "estimator", "fishers"],
        ["dimension", "interval", "mle"],
        ["dimension", "map", "mle"],
        ["scale", "estimator", "mle"],
    ]
    assert table["reason"].tolist()[:2] == ["few", REASON]
    assert not len(tables.left_out_table(dimension=[pd.DataFrame(dimension[:1])]))


def test_empty_notes_read_from_csv_are_no_notes():
    """A column of empty fields is read from CSV as NaN."""
    rows = pd.DataFrame([measured(note=np.nan), measured(note=np.nan)])
    assert not len(tables.left_out_table(dimension=[rows]))
    assert len(omissions.measured(rows)) == 2


def replicate_row(replicate, value, note=""):
    axes = dict.fromkeys(("model", "resolution", "modality", "objective", "schedule", "weights", "seed"), "")
    bounds = {"low": None, "high": None, "interval": "", "above_ambient": False, "replicate": replicate}
    return {
        **measured(value=value, note=note, k=20),
        **axes,
        **bounds,
        "aggregation": "mean",
        "space": "embedding",
    }


def test_replicates_without_a_value_are_not_counted():
    found = replicates.draws_table(
        pd.DataFrame([replicate_row(0, 2.0), replicate_row(1, None, REASON), replicate_row(2, 4.0)])
    )
    assert found[["value", "draws"]].to_numpy().tolist() == [[3.0, 2]]
    assert found["note"].item() == f"1 of 3 draws have no value; {REASON}"
    none = replicates.draws_table(
        pd.DataFrame([replicate_row(0, None, REASON), replicate_row(1, None, REASON)])
    )
    assert none["value"].isna().all()
    assert none["draws"].item() == 0
    # An empty value without a note remains an error.
    with pytest.raises(ValueError, match="not finite"):
        replicates.draws_table(pd.DataFrame([replicate_row(0, 2.0), replicate_row(1, None)]))


def test_empty_values_with_a_note_are_no_cells_and_others_raise():
    variants, dimension, probe = make_tables()
    first = (dimension["space"] == "embedding") & (dimension["variant"] == "csp_l0_s0")
    without = dimension.assign(value=dimension["value"].mask(first))
    with pytest.raises(ValueError, match=r"dimension: .*not finite"):
        correlate(variants, without, probe, SETTINGS)
    found = correlate(variants, without.assign(note=np.where(first, REASON, "")), probe, SETTINGS)
    expected = correlate(variants, dimension[~first], probe, SETTINGS)
    pd.testing.assert_frame_equal(found, expected)


def test_a_claim_about_omitted_rows_is_left_out_and_listed():
    variants, dimension, probe = make_tables(splits=("random",))
    with pytest.raises(ValueError, match=r"statistics.primary.0: no row"):
        correlate(variants, dimension, probe, SETTINGS)
    assert list(unmet(variants, dimension, probe, SETTINGS)) == [0]
    assert not unmet(*make_tables(), SETTINGS)
    found = correlate(variants, dimension, probe, SETTINGS, left_out=[0])
    assert set(found["split"]) == {"random"}
    assert "holm" not in set(found["adjustment"])
    blocks = omissions.left_out([{"what": "split", "name": "blocks", "reason": "few"}])
    whole = (variants, dimension, probe, pd.DataFrame(columns=list(COLUMNS["controls"])))
    table = tables.left_out_table([blocks], whole, SETTINGS)
    assert table[["what", "name"]].to_numpy().tolist() == [
        ["split", "blocks"],
        ["claim", "statistics.primary.0"],
    ]
    # If nothing was left out, `correlate` itself rejects the claim.
    assert not len(tables.left_out_table([blocks[:0]], whole, SETTINGS))


def test_a_store_without_points_can_be_read(tmp_path):
    """The graph and the map of a variant that cannot be measured."""
    graph, local = Graph.empty(), empty_map(20)
    written = {
        "neighbours": {"distance": (("point", "k"), graph.distance), "index": (("point", "k"), graph.index)},
        "local_dimension": {"local_dimension": ("point", local.value)},
    }
    for kind, variables in written.items():
        path = tmp_path / f"{kind}.zarr"
        save_store(xr.Dataset(variables), path, kind, {})
        assert open_store(path, kind).sizes["point"] == 0


@pytest.fixture(scope="module", params=[False, True], ids=["small", "large"])
def drawn(request):
    """Tables without values of FisherS and of the first variant, without intervals, and with single values missing."""
    made = figure_tables(request.param)
    lost = made.dimension["estimator"].eq("fishers") | made.dimension["variant"].eq(
        made.variants["variant"][0]
    )
    made.dimension = blank(made.dimension, lost)
    made.scale = blank(
        made.scale, made.scale["estimator"].eq("fishers") | (made.scale["n"] == made.scale["n"].min())
    )
    made.probe = made.probe.assign(low=np.nan, high=np.nan, note="no interval: few")
    if made.jacobian is not None:
        made.jacobian = blank(made.jacobian, made.jacobian["variant"] == made.jacobian["variant"].iloc[0])
    return made


def blank(table, lost):
    none = {column: table[column].mask(lost) for column in ("value", "low", "high")}
    return table.assign(**none, note=omissions.notes(table).mask(lost, REASON))


def test_figures_draw_the_remaining_values(drawn):
    of = {"estimator": "mle", "split": "blocks", "heads": ["ridge", "logistic"], "cell": CELL}
    tables_of = (drawn.variants, drawn.dimension, drawn.probe, drawn.correlation)
    figures = [
        resolution.draw(drawn.variants, drawn.dimension, cell=CELL),
        modality.draw(drawn.variants, drawn.dimension),
    ]
    figures += [twins.draw(drawn.variants, drawn.dimension, cell=CELL), performance.draw(*tables_of, **of)]
    figures += [gap.draw(drawn.variants, drawn.probe, heads=of["heads"], cell=CELL)]
    figures += [scale.draw(drawn.variants, drawn.scale, drawn.jacobian)]
    for figure in figures:
        figure.canvas.draw()


def test_figures_without_data_raise_and_the_placeholder_states_why(drawn):
    gone = blank(drawn.dimension, drawn.dimension["value"].notna())
    random = drawn.probe[drawn.probe["split"] == "random"]
    shown = {"split": "blocks", "heads": ["ridge", "logistic"], "cell": CELL}
    calls = [
        lambda: resolution.draw(drawn.variants, gone, cell=CELL),
        lambda: performance.draw(drawn.variants, drawn.dimension, drawn.probe, drawn.correlation, estimator="fishers",
                                 **shown),
        lambda: performance.draw(drawn.variants, drawn.dimension, random, drawn.correlation, estimator="mle", **shown),
        lambda: gap.draw(drawn.variants, random, heads=["ridge", "logistic"], cell=CELL),
        lambda: scale.draw(drawn.variants, blank(drawn.scale, drawn.scale["n"] > 0)),
        lambda: local_maps.draw([], None),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(omissions.OmittedError):
            call()
    figure = style.nothing("points: no dimension of an embedding at any point set")
    figure.canvas.draw()
    assert "no dimension of an embedding" in figure.texts[0].get_text()
