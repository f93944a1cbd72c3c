import numpy as np
import pandas as pd
import pytest
import yaml
from places import CONFIG

from earthdim.data.samples.area import sphere
from earthdim.estimation import measure
from earthdim.estimation.estimators import EstimateError, PreparedEmbedding, estimate
from earthdim.estimation.neighbours import knn, prepare
from earthdim.estimation.uncertainty import half_samples, subsampling_interval
from earthdim.storage.schema import ESTIMATE


def leaf(name):
    return yaml.safe_load((CONFIG / "estimator" / f"{name}.yaml").read_text())


def prepared_embedding(embedding, k=20):
    prepared = prepare(embedding)
    return PreparedEmbedding(prepared, knn(prepared.points, k))


@pytest.fixture(scope="module")
def plane():
    rng = np.random.default_rng(0)
    return (rng.random((800, 2)) @ rng.normal(size=(2, 12))).astype(np.float32)


def test_a_plane_has_two_dimensions_by_every_estimator(plane):
    estimators = {name: leaf(name) for name in ("mle", "twonn", "mom", "tle")}
    rows, local = measure.measure(prepared_embedding(plane), estimators)
    assert rows["estimator"].tolist() == list(estimators)
    assert rows["value"].between(1.8, 2.6).all()
    assert set(local) == {"mle", "mom", "tle"}
    assert rows["library"].tolist() == ["scikit-dimension"] * 3 + ["earthdim"]
    assert (rows["duplicates_dropped"] == 0).all()
    assert (rows["interval"] == "").all()
    assert rows[["low", "high"]].isna().all(axis=None)
    assert tuple(rows.columns) == ESTIMATE


def test_duplicates_are_counted(plane):
    rows, _ = measure.measure(prepared_embedding(np.concatenate([plane, plane[:7]])), {"mle": leaf("mle")})
    assert rows["duplicates_dropped"].tolist() == [7]


def test_a_local_map_has_the_neighbour_radius_on_the_ground(plane):
    lonlat = sphere(len(plane), np.random.default_rng(1))
    whole = prepared_embedding(plane)
    _, local = measure.measure(whole, {"mle": leaf("mle")})
    found = measure.local_map(whole.prepared, local, lonlat, "mle", 20)
    # n points spread evenly over the globe: the k-th neighbour is about sqrt(k A / (pi n)) away.
    expected = np.sqrt(20 * 5.1e8 / (np.pi * len(plane)))
    assert np.median(found.radius_km) == pytest.approx(expected, rel=0.15)
    assert len(found.value) == len(plane)
    with pytest.raises(ValueError, match="local_estimator: twonn"):
        measure.local_map(whole.prepared, local, lonlat, "twonn", 20)


def haversine_radius_km(lonlat, k):
    """The median distance to the k-th nearest other point, from all distances by the haversine formula."""
    lon, lat = np.radians(lonlat).T
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half += np.cos(lat)[:, None] * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    return np.median(np.sort(2 * 6371.0088 * np.arcsin(np.sqrt(half.clip(max=1))), axis=1)[:, k])


def test_the_neighbour_radius_is_that_of_distinct_points_in_maps_and_tables(plane):
    lonlat = sphere(len(plane), np.random.default_rng(1))
    twice = prepared_embedding(np.concatenate([plane, plane[:300]]))
    everywhere = np.concatenate([lonlat, lonlat[:300]])
    estimators = {name: leaf(name) for name in ("mle", "twonn", "fishers")}
    rows, local = measure.measure(twice, estimators)
    found = measure.local_map(twice.prepared, local, everywhere, "mle", 20)
    assert len(found.value) == len(found.kept) == len(found.radius_km) == len(plane)
    radius = measure.with_radius(rows, everywhere, twice.prepared)["neighbour_radius_km"]
    assert np.median(found.radius_km) == radius[0] == pytest.approx(haversine_radius_km(lonlat, 20), rel=1e-6)
    assert radius[1] == pytest.approx(haversine_radius_km(lonlat, 2), rel=1e-6)
    assert np.isnan(radius[2])


def test_fewer_than_k_other_points_have_no_radius():
    rows = pd.DataFrame({"k": pd.array([24, 25, None], dtype="Int64")})
    rng = np.random.default_rng(0)
    prepared = prepare(rng.normal(size=(25, 3)))
    radius = measure.with_radius(rows, sphere(25, rng), prepared)["neighbour_radius_km"]
    assert radius.notna().tolist() == [True, False, False]


def test_activations_are_measured_fold_by_fold_and_averaged(plane):
    rng = np.random.default_rng(2)
    line = np.outer(rng.random(400), rng.normal(size=12)).astype(np.float32)
    folds = [plane[:400], line]
    places = [sphere(400, rng), sphere(400, rng)]
    table = measure.measure_activations({("t", "s", "h"): folds}, {"s": places}, "twonn", leaf("twonn"))
    (row,) = table.itertuples()
    assert row.low == pytest.approx(1.0, abs=0.25)
    assert row.high == pytest.approx(2.0, abs=0.25)
    assert row.value == pytest.approx((row.low + row.high) / 2)
    assert row.n == 400
    # Pooled, the two would form one point cloud of another dimension.
    assert row.interval == "range of 2 folds"
    assert row.neighbour_radius_km == pytest.approx(
        np.mean([haversine_radius_km(place, 2) for place in places])
    )


def test_a_collapsed_head_is_left_out_and_the_others_are_measured(plane):
    heads = {
        ("elevation", "blocks", "mlp"): [plane[:100], np.ones((100, 4), dtype=np.float32)],
        ("country", "blocks", "mlp"): [plane[:100], plane[100:200]],
        ("country", "random", "mlp"): [plane[:100], plane[:9]],
    }
    somewhere = [np.column_stack([np.arange(100.0), np.zeros(100)])] * 2
    places = {"blocks": somewhere, "random": [somewhere[0], somewhere[0][:9]], "s": somewhere}
    table = measure.measure_activations(heads, places, "twonn", leaf("twonn")).set_index(["task", "split"])
    alone = measure.measure_activations(
        {("t", "s", "h"): heads["country", "blocks", "mlp"]}, places, "twonn", leaf("twonn")
    )
    assert table.loc[("country", "blocks"), "value"] == alone["value"].item()
    assert table["value"].isna().tolist() == [True, False, True]
    assert table["neighbour_radius_km"].isna().tolist() == [True, False, True]
    assert table["note"].tolist() == [
        "activations of fold 1: X: all points are the same",
        "",
        "activations of fold 1: X: at least 22 points are needed, there are 9",
    ]


def test_activations_that_are_not_finite_raise(plane):
    broken = plane[:100].copy()
    broken[3, 1] = np.inf
    with pytest.raises(ValueError, match="not finite"):
        measure.measure_activations(
            {("t", "s", "h"): [broken]}, {"s": [np.zeros((100, 2))]}, "twonn", leaf("twonn")
        )


def test_without_heads_the_table_is_empty_with_columns():
    table = measure.measure_activations({}, {}, "twonn", leaf("twonn"))
    assert not len(table)
    assert "value" in table.columns


def test_a_failing_estimator_does_not_affect_the_others():
    noise = np.random.default_rng(0).normal(size=(60, 50)).astype(np.float32)
    whole = prepared_embedding(noise)
    rows, local = measure.measure(whole, {name: leaf(name) for name in ("fishers", "mle", "twonn")})
    assert rows["estimator"].tolist() == ["fishers", "mle", "twonn"]
    assert np.isnan(rows["value"][0])
    assert "all 60 points are separable" in rows["note"][0]
    assert rows["note"].tolist()[1:] == ["", ""]
    for name, value in zip(("mle", "twonn"), rows["value"][1:], strict=True):
        assert value == estimate(leaf(name), whole).value
    assert set(local) == {"mle"}


def test_an_estimator_with_too_few_points_for_its_k_is_left_out(plane):
    estimators = {"mle": leaf("mle") | {"k": 60}, "twonn": leaf("twonn")}
    prepared = prepare(plane[:50])
    rows, _ = measure.measure(PreparedEmbedding(prepared, knn(prepared.points, 48)), estimators)
    assert rows["note"].tolist() == ["50 distinct points are too few for k = 60", ""]
    # A graph with fewer neighbours than possible is an error of the caller, not a OmittedError.
    with pytest.raises(ValueError, match=r"k: must lie in 2 \.\. 20"):
        measure.measure(PreparedEmbedding(prepared, knn(prepared.points, 20)), estimators)


def test_an_invalid_argument_raises(plane):
    wrong = {"twonn": leaf("twonn"), "fishers": leaf("fishers") | {"alphas": [0.9, 0.8]}}
    with pytest.raises(EstimateError, match="alphas: must ascend"):
        measure.measure(prepared_embedding(plane), wrong)


def test_points_that_cannot_be_prepared_leave_all_rows_empty():
    estimators = {name: leaf(name) for name in ("mle", "fishers")}
    alike = np.repeat(np.eye(6, dtype=np.float32), 30, axis=0)
    rows, local, prepared = measure.measure_embedding(alike, None, estimators)
    assert rows["value"].isna().all()
    assert (rows["note"] == "X: at least 22 distinct points are needed, 6 of 180 remain").all()
    assert (local, prepared) == ({}, None)
    assert tuple(rows.columns) == ESTIMATE


def test_a_map_omits_points_without_a_finite_value(plane):
    lonlat = sphere(len(plane), np.random.default_rng(1))
    whole = prepared_embedding(plane)
    rows, local = measure.measure(whole, {"mle": leaf("mle")})
    values = local["mle"].copy()
    values[[3, 700]] = np.inf
    found = measure.local_map(whole.prepared, {"mle": values}, lonlat, "mle", 20)
    np.testing.assert_array_equal(found.kept, np.delete(np.arange(len(plane)), [3, 700]))
    np.testing.assert_array_equal(found.value, np.delete(local["mle"], [3, 700]))
    assert found.with_note(rows, 0)["note"].tolist() == [
        "the map lacks 2 of 800 points: the value there is not finite"
    ]


def test_half_samples_add_intervals_without_changing_values_and_local_maps(plane):
    estimators = {name: leaf(name) for name in ("mle", "twonn", "fishers")}
    whole = prepared_embedding(plane)
    without, local = measure.measure(whole, estimators)
    rows, local_again = measure.measure(whole, estimators, {"draws": 4, "seed": 0})
    assert rows["value"].tolist() == without["value"].tolist()
    np.testing.assert_array_equal(local_again["mle"], local["mle"])
    assert len(local["mle"]) == len(plane)
    assert (rows["interval"] == "4 half samples").all()
    assert (rows["low"] < rows["value"]).all()
    assert (rows["value"] < rows["high"]).all()
    assert (rows["high"] - rows["low"] < 1).all()
    again, _ = measure.measure(whole, estimators, {"draws": 4, "seed": 0})
    assert again.equals(rows)
    other, _ = measure.measure(whole, estimators, {"draws": 4, "seed": 1})
    assert not other["low"].equals(rows["low"])


def test_intervals_equal_those_of_separately_measured_halves(plane):
    whole, one = prepared_embedding(plane), {"mle": leaf("mle")}
    halves = [estimate(leaf("mle"), half).value for half in half_samples(whole, 20, 3, 9)]
    expected = subsampling_interval(estimate(leaf("mle"), whole).value, halves, len(plane))
    (row,) = measure.measure(whole, one, {"draws": 3, "seed": 9})[0].itertuples()
    assert (row.value, row.low, row.high, row.interval) == expected


def test_an_analytic_interval_is_kept(plane):
    estimators = {"gride": leaf("gride"), "mle": leaf("mle")}
    alone, _ = measure.measure(prepared_embedding(plane), {"gride": leaf("gride")})
    rows, _ = measure.measure(prepared_embedding(plane), estimators, {"draws": 3, "seed": 0})
    assert rows["interval"].tolist() == [alone["interval"][0], "3 half samples"]
    assert rows["interval"][0] != ""
    assert rows["low"][0] == alone["low"][0] < rows["value"][0] < rows["high"][0] == alone["high"][0]


@pytest.mark.parametrize(("up_to", "text"), [(800, "3 half samples"), (799, "")])
def test_many_points_are_not_subsampled(plane, up_to, text):
    subsampling = {"draws": 3, "seed": 0, "up_to": up_to}
    rows, _ = measure.measure(prepared_embedding(plane), {"mle": leaf("mle")}, subsampling)
    assert rows["interval"].tolist() == [text]


def test_a_failing_half_sample_removes_only_the_interval():
    # On 60 points FisherS estimates 13.3 for 10 columns; on some halves it exceeds 1.5 times the columns.
    noise = np.random.default_rng(0).normal(size=(60, 10)).astype(np.float32)
    whole, half = prepared_embedding(noise), {"draws": 8, "seed": 0}
    rows, _ = measure.measure(whole, {name: leaf(name) for name in ("fishers", "mle", "twonn")}, half)
    assert rows["value"][0] == estimate(leaf("fishers"), whole).value
    assert np.isnan(rows["low"][0])
    assert rows["interval"].tolist() == ["", "8 half samples", "8 half samples"]
    assert rows["note"][0].startswith("no interval: half sample ")
    alone, _ = measure.measure(whole, {"mle": leaf("mle")}, half)
    assert rows["low"][1] == alone["low"][0]


def test_halves_too_small_for_k_remove_only_the_interval(plane):
    estimators = {name: leaf(name) for name in ("mle", "twonn")}
    rows, _ = measure.measure(prepared_embedding(plane[:40]), estimators, {"draws": 4, "seed": 0})
    assert rows["value"].notna().all()
    assert rows["note"].tolist() == ["no interval: half of 40 points are too few for k = 20", ""]
    assert rows["interval"].tolist() == ["", "4 half samples"]


def test_graph_depth_is_the_largest_k_read():
    assert measure.graph_depth({name: leaf(name) for name in ("mle", "twonn", "fishers")}) == 20
    assert measure.graph_depth({"fishers": leaf("fishers")}) == 1
