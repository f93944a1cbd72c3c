"""Selection and averaging of the rows shown in figures."""

import pandas as pd
import pytest
from figure_drawing import CELL

from earthdim.figures import cells, heads, resolution, twins


def test_seeds_are_averaged_and_their_range_kept(large):
    rows = cells.embedding_rows(large.dimension, large.variants, None)
    _, fishers = cells.one_measure(rows, "fishers", None)
    averaged = cells.average(fishers, cells.group_columns(CELL))
    cell = averaged[(averaged["resolution"] == "l40") & (averaged["weights"] == "trained")].iloc[0]
    seeds = large.dimension[
        large.dimension["variant"].isin(["satclip_l40_rgb_short_s0", "satclip_l40_rgb_short_s1"])
    ]
    values = seeds[(seeds["estimator"] == "fishers") & (seeds["space"] == "embedding")]["value"]
    assert len(values) == 2
    assert (cell["value"], cell["least"], cell["greatest"]) == (values.mean(), values.min(), values.max())


def test_axes_that_do_not_define_a_cell_are_averaged(large):
    """Averaging over seeds and modalities yields one mark, with the values that all rows have in common."""
    by = ["family", "resolution"]
    rows = cells.embedding_rows(large.dimension, large.variants, None)
    rows = rows[(rows["estimator"] == "fishers") & (rows["weights"] == "trained")]
    averaged = cells.average(rows, cells.group_columns(by)).set_index(by)
    expected = rows.groupby(by)["value"].mean()
    assert averaged["value"].to_dict() == pytest.approx(expected.to_dict())
    assert averaged.loc[("satclip", "l10"), "modality"] == ""
    assert averaged.loc[("csp", "amin1"), "modality"] == "rgb"
    assert resolution.draw(large.variants, large.dimension, cell=by).axes
    assert twins.draw(large.variants, large.dimension, cell=by).axes


def test_points_default_to_the_largest_sample(large):
    fewer = large.dimension.assign(points="land-2000-r0", n=2000, value=99.0)
    rows = cells.embedding_rows(pd.concat([fewer, large.dimension]), large.variants, None)
    assert set(rows["points"]) == {"land-10000-r0"}
    with pytest.raises(ValueError, match="points"):
        cells.embedding_rows(large.dimension, large.variants, "sphere-1-r0")


def test_points_of_user_supplied_embeddings_do_not_replace_the_sample(large):
    one = large.dimension["variant"] == "geoclip_released"
    supplied = large.dimension[one].assign(points="own-stations-99999-r0", n=99999, value=99.0)
    rows = cells.embedding_rows(pd.concat([supplied, large.dimension]), large.variants, None)
    assert set(rows["points"]) == {"land-10000-r0"}
    alone = large.correlation.assign(points="own-stations-99999-r0", n=99999, n_cells=1, value=0.123)
    chosen = {"level": "within", "heads": {"MLP": ["mlp"]}, "splits": ["random"]}
    axes = heads.draw(pd.concat([alone, large.correlation]), **chosen).axes
    numbers = [text.get_text().strip("*") for panel in axes for text in panel.texts]
    assert set(numbers) - {".12"}
    assert numbers.count(".12") < len(numbers) / 2


def test_a_sweep_keeps_the_modality_with_most_resolutions(large):
    rows = cells.embedding_rows(large.dimension, large.variants, None)
    sweeps = {
        part["model"].iloc[0]: part for part in cells.sweep(cells.average(rows, cells.group_columns(CELL)))
    }
    assert sweeps["satclip"]["resolution"].tolist() == ["l5", "l10", "l20", "l40"]
    assert set(sweeps["satclip"]["modality"]) == {"rgb"}
    assert set(sweeps["geoclip"]["weights"]) == {"trained"}


def test_an_ambiguous_k_raises(large):
    twice = pd.concat([large.dimension, large.dimension.assign(k=50)])
    rows = cells.embedding_rows(twice, large.variants, None)
    with pytest.raises(ValueError, match="mle, None"):
        cells.one_measure(rows, "mle", None)
    assert cells.one_measure(rows, "mle", 50)[0] == 50


def test_a_variant_missing_from_the_variants_table_raises(large):
    with pytest.raises(ValueError, match="satclip_l5_untrained_s0"):
        cells.embedding_rows(large.dimension, large.variants.iloc[2:], None)
