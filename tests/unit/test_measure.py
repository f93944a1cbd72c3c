import numpy as np
import pytest
import yaml
from test_house import CONFIG

from earthdim import measure
from earthdim.estimators import EstimateError
from earthdim.neighbours import knn, prepare
from earthdim.samples import sphere


def leaf(name):
    return yaml.safe_load((CONFIG / "estimator" / f"{name}.yaml").read_text())


@pytest.fixture(scope="module")
def plane():
    rng = np.random.default_rng(0)
    return (rng.random((800, 2)) @ rng.normal(size=(2, 12))).astype(np.float32)


def test_a_plane_has_two_dimensions_by_every_estimator(plane):
    prepared = prepare(plane)
    estimators = {name: leaf(name) for name in ("mle", "twonn", "mom", "tle")}
    rows, local = measure.measure(prepared, knn(prepared.points, 20), estimators)
    assert rows["estimator"].tolist() == list(estimators)
    assert rows["value"].between(1.8, 2.6).all()
    assert set(local) == {"mle", "mom", "tle"}
    assert (rows["library"] == "scikit-dimension").all()
    assert (rows["duplicates_dropped"] == 0).all()


def test_duplicates_are_counted(plane):
    prepared = prepare(np.concatenate([plane, plane[:7]]))
    rows, _ = measure.measure(prepared, knn(prepared.points, 20), {"mle": leaf("mle")})
    assert rows["duplicates_dropped"].tolist() == [7]


def test_a_local_map_knows_its_reach_on_the_ground(plane):
    lonlat = sphere(len(plane), np.random.default_rng(1))
    prepared = prepare(plane)
    _, local = measure.measure(prepared, knn(prepared.points, 20), {"mle": leaf("mle")})
    found = measure.local_map(prepared, local, lonlat, "mle", 20)
    # n points spread evenly over the globe: the k-th neighbour is about sqrt(k A / (pi n)) away.
    expected = np.sqrt(20 * 5.1e8 / (np.pi * len(plane)))
    assert np.median(found.radius_km) == pytest.approx(expected, rel=0.15)
    assert len(found.value) == len(plane)
    with pytest.raises(ValueError, match="local_estimator: twonn"):
        measure.local_map(prepared, local, lonlat, "twonn", 20)


def test_activations_are_measured_fold_by_fold_and_averaged(plane):
    rng = np.random.default_rng(2)
    line = np.outer(rng.random(400), rng.normal(size=12)).astype(np.float32)
    folds = [plane[:400], line]
    table = measure.measure_activations({("t", "s", "h"): folds}, "twonn", leaf("twonn"))
    (row,) = table.itertuples()
    assert row.low == pytest.approx(1.0, abs=0.25)
    assert row.high == pytest.approx(2.0, abs=0.25)
    assert row.value == pytest.approx((row.low + row.high) / 2)
    assert row.n == 400
    # Pooled, the two would have been one cloud of another dimension.
    assert row.interval == "range of 2 folds"


def test_a_collapsed_head_is_an_error_that_says_which():
    folds = [np.ones((100, 4), dtype=np.float32)]
    with pytest.raises(
        ValueError, match="activations of elevation, blocks, mlp, fold 0: X: all points are the same"
    ):
        measure.measure_activations({("elevation", "blocks", "mlp"): folds}, "twonn", leaf("twonn"))


def test_no_heads_give_an_empty_table_with_columns():
    table = measure.measure_activations({}, "twonn", leaf("twonn"))
    assert not len(table)
    assert "value" in table.columns


def test_an_estimator_that_fails_is_an_error():
    noise = np.random.default_rng(0).normal(size=(60, 50)).astype(np.float32)
    prepared = prepare(noise)
    with pytest.raises(EstimateError, match="FisherS"):
        measure.measure(prepared, knn(prepared.points, 20), {"fishers": leaf("fishers")})
