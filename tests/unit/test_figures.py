"""Figures show what the tables hold, in type that can be read at the printed size, and the same bytes each time."""

import io
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from docutils.core import publish_parts
from figure_reading import marks_at, panel, words
from figure_tables import TASKS, coastline, local_map, tables
from jinja2 import Environment
from matplotlib.text import Text

from earthdim.analysis.published import published
from earthdim.figures import (
    captions,
    cells,
    declaration,
    gap,
    heads,
    local_maps,
    loss,
    modality,
    performance,
    resolution,
    scale,
    style,
    table1,
    twins,
)
from earthdim.storage.files import read_table, write_table

ROOT = Path(__file__).parents[2]
CAPTIONS = ROOT / "workflow" / "report"
LINEAR = ["ridge", "logistic"]
CELL = yaml.safe_load((ROOT / "config/statistics/default.yaml").read_text())["cell"]
MAPS = [local_map("satclip_l10", n=500), local_map("geoclip_released", n=500, level=9.0)]

FIGURES = {
    "resolution": lambda t: resolution.draw(t.variants, t.dimension, cell=CELL),
    "modality": lambda t: modality.draw(t.variants, t.dimension),
    "twins": lambda t: twins.draw(t.variants, t.dimension, cell=CELL),
    "performance": lambda t: performance.draw(
        t.variants, t.dimension, t.probe, t.correlation, estimator="fishers", split="blocks", heads=LINEAR,
        cell=CELL,
    ),
    "activation": lambda t: performance.draw(
        t.variants, t.dimension, t.probe, t.correlation, estimator="twonn", split="blocks", heads=["mlp"],
        space="activation", cell=CELL,
    ),
    "gap": lambda t: gap.draw(t.variants, t.probe, heads=LINEAR, cell=CELL),
    "heads": lambda t: heads.draw(
        t.correlation, level="within", heads={"linear": LINEAR, "MLP": ["mlp"]}, splits=["random", "blocks"]
    ),
    "local_maps": lambda t: local_maps.draw(MAPS, coastline()),
    "loss": lambda t: loss.draw(t.variants, t.curves, batch=512),
    "scale": lambda t: scale.draw(t.variants, t.scale, t.jacobian),
    "table1": lambda t: table1.draw(t.table1),
}  # fmt: skip


@pytest.fixture(scope="module")
def large():
    return tables(large=True)


@pytest.fixture(scope="module")
def small():
    return tables(large=False)


@cache
def drawn(name, is_large):
    """Draw a figure once, with its layout done."""
    figure = FIGURES[name](tables(large=is_large))
    figure.draw_without_rendering()
    return figure


# What holds for every figure


@pytest.mark.parametrize("is_large", [True, False], ids=["large", "small"])
@pytest.mark.parametrize("name", FIGURES)
def test_figures_fit_the_page_and_can_be_read(name, is_large):
    figure = drawn(name, is_large)
    assert figure.get_figwidth() == style.WIDTH
    assert 1 < figure.get_figheight() < 9.5
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(sizes) >= style.SMALL


@pytest.mark.parametrize("name", FIGURES)
def test_no_words_leave_the_page(name):
    figure = drawn(name, True)
    page = figure.bbox
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text() and text.axes is not None and text.axes.axison:
            box = text.get_window_extent()
            assert box.x0 > page.x0 - 1, text
            assert box.x1 < page.x1 + 1, text


@pytest.mark.parametrize("name", ["resolution", "local_maps", "scale"])
def test_bytes_depend_on_the_tables_alone(name, small):
    saved = []
    for _ in range(2):
        file = io.BytesIO()
        FIGURES[name](small).savefig(file, format="svg")
        saved.append(file.getvalue())
    assert saved[0] == saved[1]
    assert b"<dc:date>" not in saved[0]


def test_saving_by_path_has_no_date_either(tmp_path, small):
    FIGURES["twins"](small).savefig(tmp_path / "twins.svg")
    assert "<dc:date>" not in (tmp_path / "twins.svg").read_text()


def test_tables_read_from_disk_draw_the_same(tmp_path, large):
    back = SimpleNamespace()
    for kind in ("variants", "dimension", "probe", "correlation", "scale", "jacobian", "table1"):
        write_table(getattr(large, kind), tmp_path / f"{kind}.csv", kind)
        setattr(back, kind, read_table(tmp_path / f"{kind}.csv"))
    for name in ("performance", "scale", "table1"):
        mine = [line.get_xydata() for axes in drawn(name, True).axes for line in axes.lines]
        other = [line.get_xydata() for axes in FIGURES[name](back).axes for line in axes.lines]
        assert len(mine) == len(other)
        assert all(np.array_equal(a, b) for a, b in zip(mine, other, strict=True))


def test_tables_are_left_as_they_were(small):
    before = {name: table.copy() for name, table in vars(small).items() if table is not None}
    for draw in FIGURES.values():
        draw(small)
    for name, table in before.items():
        pd.testing.assert_frame_equal(getattr(small, name), table)


# Cells


def test_seeds_are_averaged_and_their_range_kept(large):
    rows = cells.embedding_rows(large.dimension, large.variants, None)
    _, fishers = cells.one_measure(rows, "fishers", None)
    averaged = cells.average(fishers, cells.drawn_apart(CELL))
    cell = averaged[(averaged["resolution"] == "l40") & (averaged["weights"] == "trained")].iloc[0]
    own = large.dimension[
        large.dimension["variant"].isin(["satclip_l40_rgb_short_s0", "satclip_l40_rgb_short_s1"])
    ]
    values = own[(own["estimator"] == "fishers") & (own["space"] == "embedding")]["value"]
    assert len(values) == 2
    assert (cell["value"], cell["least"], cell["greatest"]) == (values.mean(), values.min(), values.max())


def test_points_default_to_the_largest_sample(large):
    fewer = large.dimension.assign(points="land-2000-r0", n=2000, value=99.0)
    rows = cells.embedding_rows(pd.concat([fewer, large.dimension]), large.variants, None)
    assert set(rows["points"]) == {"land-10000-r0"}
    with pytest.raises(ValueError, match="points"):
        cells.embedding_rows(large.dimension, large.variants, "sphere-1-r0")


def test_a_sweep_keeps_the_modality_that_was_swept(large):
    rows = cells.embedding_rows(large.dimension, large.variants, None)
    sweeps = {
        part["model"].iloc[0]: part for part in cells.sweep(cells.average(rows, cells.drawn_apart(CELL)))
    }
    assert sweeps["satclip"]["resolution"].tolist() == ["l5", "l10", "l20", "l40"]
    assert set(sweeps["satclip"]["modality"]) == {"rgb"}
    assert set(sweeps["geoclip"]["weights"]) == {"trained"}


def test_an_ambiguous_k_is_refused(large):
    twice = pd.concat([large.dimension, large.dimension.assign(k=50)])
    rows = cells.embedding_rows(twice, large.variants, None)
    with pytest.raises(ValueError, match="mle, None"):
        cells.one_measure(rows, "mle", None)
    assert cells.one_measure(rows, "mle", 50)[0] == 50


def test_a_variant_without_facts_is_refused(large):
    with pytest.raises(ValueError, match="satclip_l5_untrained_s0"):
        cells.embedding_rows(large.dimension, large.variants.iloc[2:], None)


# One figure each


def test_published_values_are_those_of_the_paper():
    table = published().set_index(["model", "resolution", "estimator"])
    assert table.loc[("satclip", "l10", "fishers"), "value"] == 5.00
    assert table.loc[("satclip", "l40", "mle"), "value"] == 2.03
    assert table.loc[("geoclip", "", "mom"), "value"] == 13.02
    approximate = table[table["approximate"] == "yes"]
    assert approximate["value"].to_dict() == {("satclip", "l20", "fishers"): 6.5}
    assert len(table) == 41
    table1 = table[table["table"] == "Table 1"]
    assert len(table1) == 40
    leaves = {f"{path.parent.name}_{path.stem}" for path in (ROOT / "config" / "weights").glob("*/*.yaml")}
    held = table1.loc[table1["kind"] == "location"].groupby("name")["variant"].unique()
    assert all(len(variants) == 1 and variants[0] in leaves for variants in held)
    assert (table1.loc[table1["kind"] == "image", "variant"] == "").all()
    assert table1.groupby("name").size().tolist() == [4] * 10
    assert table["source"].str.contains("2511.02101").all()


def test_resolution_shows_means_twins_released_and_published(large):
    axes = panel(drawn("resolution", True), "FisherS")
    assert axes.get_xlim()[0] > axes.get_xlim()[1]
    sweep = next(
        line.get_xydata() for line in axes.lines if len(line.get_xdata()) == 4 and line.get_marker() == "^"
    )
    assert sweep[:, 0].tolist() == [10007, 4448, 2107, 1026]
    own = large.dimension[(large.dimension["resolution"] == "l5") & (large.dimension["weights"] == "trained")]
    own = own[(own["estimator"] == "fishers") & (own["space"] == "embedding")]
    assert sweep[0, 1] == pytest.approx(own["value"].mean())
    shown = sorted(tuple(place) for place in marks_at(axes, "D"))
    assert shown == [(78, 7.68), (1026, 8.08), (2107, 6.5), (4448, 5.0)]
    assert marks_at(axes, "*")[0][0] == 78
    assert {"amin", "sigma", "l", "1024", "0p1"} <= set(words(drawn("resolution", True)))


def with_another_released(table):
    """A second released encoder of GeoCLIP, 2 above the first in every number and at another wavelength."""
    more = table[table["variant"] == "geoclip_released"].assign(variant="geoclip_other")
    columns = [name for name in ("value", "low", "high", "shortest_wavelength_km") if name in more]
    return pd.concat([table, more.assign(**{name: more[name] + 2 for name in columns})], ignore_index=True)


def test_two_released_encoders_of_one_model_are_told_apart(large):
    variants, dimension, probe = map(with_another_released, (large.variants, large.dimension, large.probe))
    looks = style.looks(variants)
    (_, star), (_, other) = looks["geoclip_released"], looks["geoclip_other"]
    assert star != other

    figure = resolution.draw(variants, dimension, cell=CELL)
    axes = panel(figure, "FisherS")
    rows = dimension[(dimension["estimator"] == "fishers") & (dimension["space"] == "embedding")]
    values = rows.set_index("variant")["value"]
    assert marks_at(axes, star).tolist() == [[78, values["geoclip_released"]]]
    assert marks_at(axes, other).tolist() == [[80, values["geoclip_other"]]]
    # The published value is that of the first one's weights.
    assert [78, 7.68] in marks_at(axes, "D").tolist()
    assert not (marks_at(axes, "D")[:, 0] == 80).any()
    assert {"GeoCLIP released", "GeoCLIP other"} <= set(words(figure))

    options = {"estimator": "fishers", "split": "blocks", "heads": LINEAR, "cell": CELL}
    axes = panel(performance.draw(variants, dimension, probe, large.correlation, **options), "temperature")
    assert marks_at(axes, other)[0, 0] == marks_at(axes, star)[0, 0] + 2
    assert len(marks_at(axes, star)) == len(marks_at(axes, other)) == 1


def test_one_released_encoder_needs_no_name(large):
    assert "released weights" in words(drawn("resolution", True))


def test_resolution_ignores_published_values_of_another_k(large):
    figure = resolution.draw(large.variants, large.dimension, published().assign(k=100), cell=CELL)
    assert len(marks_at(panel(figure, "MLE"), "D")) == 0


def test_modality_keeps_the_order_of_the_experiment():
    axes = panel(drawn("modality", True), "MLE")
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["rgb", "rgb-elevation", "rgb-elevation-climate", "untrained twin"]
    assert "SatCLIP l5" not in words(drawn("modality", True))
    open_marks = marks_at(axes, "^", markerfacecolor="white")
    assert np.round(open_marks[:, 1]).tolist() == [3, 3]


def test_twins_pair_each_cell_with_its_twin(small):
    axes = panel(drawn("twins", False), "MLE")
    rows = small.dimension[
        (small.dimension["estimator"] == "mle") & (small.dimension["weights"] == "trained")
    ]
    rows = rows[rows["space"] == "embedding"]
    assert marks_at(axes, "o", fillstyle="full")[:, 0].tolist() == rows["value"].tolist()
    assert marks_at(axes, "o", fillstyle="none")[:, 0].tolist() == rows["twin_value"].tolist()
    assert [text.get_text() for text in axes.get_yticklabels()] == ["SatCLIP l10", "SatCLIP l40"]


def test_performance_says_what_the_correlation_table_says(large):
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


def test_performance_opens_leaking_cells(large):
    axes = panel(drawn("performance", True), "temperature")
    leaking = large.probe.query(
        "task == 'temperature' and leaked == 'yes' and split == 'blocks' and head == 'ridge'"
    )
    means = leaking[leaking["metric"] == "r2"].groupby("resolution")["value"].mean()
    shown = marks_at(axes, "^", fillstyle="none")
    assert sorted(shown[:, 1]) == pytest.approx(sorted(means))
    assert len(marks_at(panel(drawn("performance", True), "elevation"), "s", fillstyle="left")) == 4


def test_performance_far_below_chance_is_an_arrow_at_the_floor(large):
    fallen = large.probe.assign(value=large.probe["value"].mask(large.probe["resolution"] == "l40", -30.0))
    options = {"estimator": "fishers", "split": "blocks", "heads": LINEAR, "cell": CELL}
    figure = performance.draw(large.variants, large.dimension, fallen, large.correlation, **options)
    axes = panel(figure, "temperature")
    assert marks_at(axes, "v")[:, 1].tolist() == [-0.5, -0.5]
    assert axes.get_ylim()[0] > -0.7


def test_two_heads_for_one_task_are_refused(large):
    with pytest.raises(ValueError, match="temperature has several"):
        gap.draw(large.variants, large.probe, heads=["ridge", "mlp"], cell=CELL)
    with pytest.raises(ValueError, match="checkerboard"):
        gap.draw(large.variants, large.probe, heads=LINEAR, cell=CELL, honest="checkerboard")


def test_gap_has_random_across_and_blocks_up(large):
    axes = panel(drawn("gap", True), "temperature")
    chosen = large.probe.query(
        "task == 'temperature' and head == 'ridge' and primary and weights == 'released'"
    )
    values = chosen.set_index("split")["value"]
    assert marks_at(axes, "*")[0].tolist() == [values["random"], values["blocks"]]
    cell = ["model", "resolution", "modality"]
    chosen = large.probe.query(
        "task == 'temperature' and head == 'ridge' and primary and weights == 'trained' and leaked != 'yes'"
    )
    means = chosen.groupby([*cell, "split"])["value"].mean().unstack("split")
    assert f"R², gap {(means['random'] - means['blocks']).median():.2f}" in words(drawn("gap", True))


def test_heads_writes_each_coefficient_once_and_hatches_the_rest(large):
    axes = panel(drawn("heads", True), "linear head, random split")
    within = large.correlation.query("level == 'within' and split == 'random' and head in @LINEAR")
    assert len(axes.texts) == len(within) == 5 * len(TASKS)
    row = within.query("estimator == 'fishers' and task == 'country'").iloc[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    place = (list(TASKS).index("country"), names.index("FisherS"))
    (text,) = [text.get_text() for text in axes.texts if text.get_position() == place]
    assert text.rstrip("*").replace("−", "-") == f"{row['value']:.2f}".replace("0.", ".")
    assert text.endswith("*") == (row["p_adjusted"] < 0.05)
    assert not panel(drawn("heads", False), "linear head, random split").texts


def test_maps_share_one_scale_and_name_k_and_radius():
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


def test_coast_lines_do_not_cross_the_map():
    lines = local_maps._coast_lines(coastline())
    assert all(np.abs(np.diff(line[:, 0])).max() < 1 for line in lines)
    assert len(lines) == 3


def test_equal_earth_keeps_areas():
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    areas = []
    for lat in (0, 60):
        x, y = local_maps._project(corners[:, 0], corners[:, 1] + lat).T
        areas.append(0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
    bands = [np.diff(np.sin(np.radians([lat, lat + 1])))[0] for lat in (0, 60)]
    assert areas[0] / areas[1] == pytest.approx(bands[0] / bands[1], rel=1e-3)


def test_loss_leaves_out_steps_without_validation(small):
    axes = panel(drawn("loss", False), "SatCLIP, rgb")
    lengths = sorted(len(line.get_xdata()) for line in axes.lines)
    assert lengths == [2, 11, 11, 21, 21]
    with pytest.raises(ValueError, match="curves"):
        loss.draw(small.variants, small.curves.iloc[:0])


def test_a_wide_range_of_dimensions_becomes_logarithmic():
    _, (axes,), _ = style.panels(1, 1, 2.0)
    assert not style.dimension_axis(axes, "y", [2.0, 7.0])
    assert axes.get_yscale() == "linear"
    assert style.dimension_axis(axes, "y", [2.0, 70.0])
    assert axes.get_yscale() == "log"


def test_more_than_a_reader_can_tell_apart_is_refused():
    families = pd.DataFrame({"family": [f"family{number}" for number in range(8)], "weights": "trained"})
    with pytest.raises(ValueError, match="8 families"):
        style.looks(families)
    encoders = pd.DataFrame({"family": "geoclip", "weights": "released", "variant": list("abcdefg")})
    with pytest.raises(ValueError, match="7 encoders of geoclip"):
        style.looks(encoders)


# Captions

FACTS = {
    "n": 10000, "k_local": 100, "seeds": 2, "sample": "land-10000-r0", "task_n": 5000, "split": "blocks",
    "head": "mlp", "draws": 9999, "folds": 5, "block_degrees": 10, "buffer_km": 100, "level": "within",
}  # fmt: skip


def valid(text):
    """Whether docutils reads it without a word."""
    body = publish_parts(text, writer="html", settings_overrides={"halt_level": 2})["body"]
    return "system-message" not in body


@pytest.mark.parametrize("facts", [FACTS, {}], ids=["facts", "bare"])
@pytest.mark.parametrize("name", declaration.figures())
def test_captions_are_valid_with_and_without_facts(name, facts, large):
    declared = declaration.declared(name)
    read = {"dimension": large.dimension, "maps": MAPS}
    inputs = {key: read[key] for key in (*declared.inputs, *declared.caption_inputs) if key in read and facts}
    text = captions.render(declared.template(), "default", facts, inputs)
    assert "{" not in text
    assert "Not to be concluded" in text
    assert "default" in text
    assert valid(text)
    if facts and "dimension" in inputs and name != "activation":
        assert "lies 4 km (twonn, k = 2), 316 km (mle, mom, tle, k = 20) away" in text
    if facts and name == "activation":
        assert "second neighbour lies 131 km away" in text
    if facts and name == "local_maps":
        assert f"({MAPS[0]['neighbour_radius_km'].values[0]:,.0f} km)" in text


@pytest.mark.parametrize("name", ["workflow", "table", "datasets"])
def test_captions_of_tables_are_valid(name):
    given = SimpleNamespace(
        params={},
        wildcards=SimpleNamespace(experiment="default", table="probe"),
        config={"experiment": "default"},
    )
    jinja = Environment(trim_blocks=True, lstrip_blocks=True)
    text = jinja.from_string((CAPTIONS / f"{name}.rst").read_text()).render(snakemake=given)
    assert "{" not in text
    assert valid(text)


def test_a_caption_takes_the_radius_from_the_table(large):
    dimension = large.dimension.assign(neighbour_radius_km=large.dimension["k"].map({20: 0.2234, 2: 51.4}))
    assert (
        captions.radii(dimension, "land-10000-r0") == "51 km (twonn, k = 2), 0.22 km (mle, mom, tle, k = 20)"
    )
    assert captions.radii(dimension, "elsewhere") == ""
    assert captions.radii(dimension.assign(neighbour_radius_km=np.nan), "land-10000-r0") == ""


def test_what_is_no_axis_of_a_cell_is_averaged(large):
    """Whoever takes seeds and modalities together gets one mark of them, with what they have in common."""
    by = ["family", "resolution"]
    rows = cells.embedding_rows(large.dimension, large.variants, None)
    rows = rows[(rows["estimator"] == "fishers") & (rows["weights"] == "trained")]
    averaged = cells.average(rows, cells.drawn_apart(by)).set_index(by)
    expected = rows.groupby(by)["value"].mean()
    assert averaged["value"].to_dict() == pytest.approx(expected.to_dict())
    assert averaged.loc[("satclip", "l10"), "modality"] == ""
    assert averaged.loc[("csp", "amin1"), "modality"] == "rgb"
    assert resolution.draw(large.variants, large.dimension, cell=by).axes
    assert twins.draw(large.variants, large.dimension, cell=by).axes


def test_points_that_a_table_brought_do_not_replace_the_sample(large):
    one = large.dimension["variant"] == "geoclip_released"
    brought = large.dimension[one].assign(points="own-stations-99999-r0", n=99999, value=99.0)
    rows = cells.embedding_rows(pd.concat([brought, large.dimension]), large.variants, None)
    assert set(rows["points"]) == {"land-10000-r0"}
    alone = large.correlation.assign(points="own-stations-99999-r0", n=99999, n_cells=1, value=0.123)
    chosen = {"level": "within", "heads": {"MLP": ["mlp"]}, "splits": ["random"]}
    axes = heads.draw(pd.concat([alone, large.correlation]), **chosen).axes
    numbers = [text.get_text().strip("*") for panel in axes for text in panel.texts]
    assert set(numbers) - {".12"}
    assert numbers.count(".12") < len(numbers) / 2
