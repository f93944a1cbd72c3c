import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earthdim.build import target
from earthdim.composition import compose
from earthdim.estimators import EstimateError, estimate, library, local_dimension
from earthdim.estimators.estimate import OWN_KEYS
from earthdim.neighbours import Graph, knn, prepare

CONFIG = Path(__file__).parents[2] / "config"
LEAVES = {
    path.stem: compose(CONFIG, f"estimator/{path.stem}")["estimator"]
    for path in sorted((CONFIG / "estimator").glob("*.yaml"))
}

PLAIN = {
    "mle": lambda skdim, X: skdim.MLE().fit(X, n_neighbors=20, comb="mle"),
    "mle-k5": lambda skdim, X: skdim.MLE().fit(X, n_neighbors=5, comb="mle"),
    "mom": lambda skdim, X: skdim.MOM().fit(X, n_neighbors=20, comb="mean"),
    "tle": lambda skdim, X: skdim.TLE().fit(X, n_neighbors=20, comb="mean"),
    "twonn": lambda skdim, X: skdim.TwoNN().fit(X),
    "fishers": lambda skdim, X: skdim.FisherS().fit(X),
    "participation-ratio": lambda skdim, X: skdim.lPCA(ver="participation_ratio").fit(X),
}


def curved_surface(n, d, seed=3):
    """Return points of a smooth surface in d dimensions, as an encoder of low frequencies makes them."""
    rng = np.random.default_rng(seed)
    return np.sin(rng.uniform(-1, 1, (n, 2)) @ rng.standard_normal((2, d)) * 2 + rng.uniform(0, 6, d))


@pytest.fixture(scope="module")
def surface():
    prepared = prepare(curved_surface(400, 30))
    return prepared.points, knn(prepared.points, 50)


@pytest.fixture(scope="module")
def ball():
    """Return a uniform ball of two dimensions."""
    rng = np.random.default_rng(0)
    direction = rng.standard_normal((1500, 2))
    X = direction / np.linalg.norm(direction, axis=1, keepdims=True) * np.sqrt(rng.random((1500, 1)))
    prepared = prepare(X)
    return prepared.points, knn(prepared.points, 20)


@pytest.fixture(scope="module")
def jittered_lattice():
    """Return 400 points of a plane, nearly regular, among four columns of dead units."""
    rng = np.random.default_rng(0)
    lattice = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2)
    prepared = prepare(np.hstack([lattice + 0.02 * rng.standard_normal((400, 2)), np.full((400, 4), 0.3)]))
    return prepared.points, knn(prepared.points, 20)


class TestLeaves:
    def test_every_leaf_is_compared_below(self):
        assert set(LEAVES) == set(PLAIN)

    @pytest.mark.parametrize("name", LEAVES)
    def test_spells_out_every_argument(self, name):
        leaf = LEAVES[name]
        arguments = set(inspect.signature(target(leaf["_target_"])).parameters)
        assert set(leaf) - {"name"} == arguments | {"_target_", *OWN_KEYS}

    @pytest.mark.parametrize("name", LEAVES)
    @pytest.mark.parametrize("columns", [8, 40], ids=["tree-search", "brute-search"])
    def test_equals_scikit_dimension_by_itself(self, name, columns):
        import skdim.id

        prepared = prepare(curved_surface(350, columns))
        result = estimate(LEAVES[name], prepared.points, knn(prepared.points, 30))
        plain = PLAIN[name](skdim.id, prepared.points)
        assert result.value == pytest.approx(plain.dimension_, rel=1e-9)
        assert not result.above_ambient
        if LEAVES[name]["reads"] == "neighbours":
            np.testing.assert_allclose(result.local, plain.dimension_pw_, rtol=1e-8)
        else:
            assert result.local is None

    @pytest.mark.parametrize("name", LEAVES)
    def test_a_tiny_or_shifted_embedding_has_the_same_dimension(self, name):
        X = curved_surface(300, 10)
        values = []
        for changed in (X, 1e-5 * X, 3 + 10 * X):
            prepared = prepare(changed)
            values.append(estimate(LEAVES[name], prepared.points, knn(prepared.points, 20)).value)
        assert values == pytest.approx([values[0]] * 3, rel=1e-6)

    def test_comes_from_a_named_library(self):
        import skdim

        assert {library(leaf) for leaf in LEAVES.values()} == {("scikit-dimension", skdim.__version__)}


class TestEstimate:
    @pytest.mark.parametrize("name", ["mle", "mom", "tle", "twonn"])
    def test_reads_k_neighbours_of_a_larger_graph(self, surface, name):
        points, graph = surface
        small = Graph(graph.distance[:, :20], graph.index[:, :20])
        assert estimate(LEAVES[name], points, graph).value == estimate(LEAVES[name], points, small).value

    def test_reads_as_many_neighbours_as_the_leaf_says(self, surface):
        import skdim.id

        points, graph = surface
        plain = skdim.id.MLE().fit(points, n_neighbors=37, comb="mle").dimension_
        assert estimate({**LEAVES["mle"], "k": 37}, points, graph).value == pytest.approx(plain, rel=1e-9)

    @pytest.mark.parametrize(("aggregation", "comb"), [("mean", "mean"), ("median", "median")])
    def test_aggregates_as_the_leaf_says(self, surface, aggregation, comb):
        import skdim.id

        points, graph = surface
        plain = skdim.id.MLE().fit(points, n_neighbors=20, comb=comb).dimension_
        leaf = {**LEAVES["mle"], "aggregation": aggregation}
        assert estimate(leaf, points, graph).value == pytest.approx(plain, rel=1e-9)

    def test_hands_k_to_a_class_that_searches_by_itself(self, surface):
        import skdim.id

        points, graph = surface
        leaf = {"_target_": "skdim.id.KNN", "reads": "points", "aggregation": "global", "random_state": 1}
        plain = skdim.id.KNN(k=4, random_state=1).fit(points).dimension_
        assert estimate({**leaf, "k": 4}, points, graph).value == plain
        with pytest.raises(EstimateError, match="ps must satisfy"):
            estimate({**leaf, "k": 398}, points, graph)

    def test_marks_what_lies_above_the_ambient_dimension(self, ball):
        points, graph = ball
        marked = estimate({**LEAVES["mom"], "k": 10}, points, graph)
        assert 2.3 < marked.value < 2.7
        assert marked.above_ambient
        assert not estimate(LEAVES["mle"], points, graph).above_ambient

    def test_refuses_what_no_embedding_can_have_and_ignores_dead_columns(self, jittered_lattice):
        points, graph = jittered_lattice
        with pytest.raises(EstimateError, match=r"skdim.id.TwoNN \(k = 2, .*above 1.5 times the 2 columns"):
            estimate(LEAVES["twonn"], points, graph)

    def test_refuses_what_is_not_finite(self, ball):
        points, graph = ball
        level = Graph(np.ones_like(graph.distance), graph.index)
        with pytest.raises(EstimateError, match=r"skdim.id.MLE \(k = 20, harmonic-mean\) gave inf"):
            estimate(LEAVES["mle"], points, level)

    def test_refuses_zero(self, ball):
        points, graph = ball
        distance = graph.distance.copy()
        distance[4, 0] = 0.0
        with pytest.raises(EstimateError, match=r"skdim.id.MLE .* gave 0.0"):
            estimate(LEAVES["mle"], points, Graph(distance, graph.index))

    def test_refuses_points_that_are_all_separable(self):
        prepared = prepare(np.random.default_rng(0).standard_normal((40, 60)))
        with pytest.raises(EstimateError, match=r"skdim.id.FisherS .* gave nan"):
            estimate(LEAVES["fishers"], prepared.points, knn(prepared.points, 2))

    def test_names_the_estimator_that_failed(self, ball):
        points, graph = ball
        with pytest.raises(EstimateError, match=r"skdim.id.TwoNN .*Fewer than 2 points"):
            estimate({**LEAVES["twonn"], "discard_fraction": 0.9999}, points, graph)

    def test_of_activations_with_dead_units_and_equal_rows(self):
        rng = np.random.default_rng(5)
        hidden = curved_surface(900, 20) @ rng.standard_normal((20, 64)) - 1
        activations = np.maximum(hidden, 0).astype(np.float32)
        activations[:, rng.choice(64, 40, replace=False)] = 0
        activations[::10] = activations[0]
        prepared = prepare(activations)
        assert prepared.duplicates_dropped >= 89
        result = estimate(LEAVES["twonn"], prepared.points, knn(prepared.points, 2))
        assert result.value == pytest.approx(2, abs=0.25)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"reads": "distance"}, r"^reads: must be one of neighbours, distances, points"),
            ({"aggregation": "mode"}, r"^aggregation: must be harmonic-mean or mean or median"),
            ({"reads": "distances"}, r"^aggregation: must be global"),
            ({"k": 51}, r"^k: must lie in 2 \.\. 50"),
            ({"k": 1}, r"^k: must lie in 2 \.\. 50"),
            ({"k": None}, r"^k: must lie in 2 \.\. 50"),
            ({"sigmas": 1}, r"skdim.id.MLE cannot be built from its leaf"),
            ({"_target_": "skdim.id.Mle"}, r"^_target_: 'skdim.id.Mle' does not exist"),
        ],
    )
    def test_refuses_leaf(self, surface, change, message):
        with pytest.raises(ValueError, match=message):
            estimate({**LEAVES["mle"], **change}, *surface)

    @pytest.mark.parametrize("key", ["_target_", "reads", "k", "aggregation"])
    def test_refuses_incomplete_leaf(self, surface, key):
        leaf = {name: value for name, value in LEAVES["mle"].items() if name != key}
        with pytest.raises(ValueError, match=f"^{key}: missing"):
            estimate(leaf, *surface)

    def test_refuses_the_graph_of_other_points(self, surface):
        points, graph = surface
        with pytest.raises(ValueError, match=r"^graph: has 400 points where there are 399"):
            estimate(LEAVES["mle"], points[:-1], graph)


class TestLocalDimension:
    def test_is_the_pointwise_value_at_its_own_k(self, surface):
        import skdim.id

        points, graph = surface
        plain = skdim.id.MLE().fit(points, n_neighbors=40).dimension_pw_
        np.testing.assert_allclose(local_dimension(LEAVES["mle"], points, graph, 40), plain, rtol=1e-8)

    def test_refuses_a_point_that_has_none(self, surface):
        points, graph = surface
        distance = graph.distance.copy()
        distance[7] = distance[7, 0]
        assert estimate(LEAVES["mle"], points, Graph(distance, graph.index)).value > 0
        with pytest.raises(EstimateError, match=r"not finite at 1 of 400 points, the first of them 7"):
            local_dimension(LEAVES["mle"], points, Graph(distance, graph.index), 20)

    def test_refuses_a_global_estimator(self, surface):
        with pytest.raises(ValueError, match=r"^reads: skdim.id.TwoNN gives no value at each point"):
            local_dimension(LEAVES["twonn"], *surface, 2)


def test_imports_scikit_dimension_late_and_leaves_warnings_on():
    code = """
import sys, warnings
import numpy as np
from earthdim.estimators import estimate
from earthdim.neighbours import Graph
assert "skdim" not in sys.modules
before = list(warnings.filters)
leaf = {"_target_": "skdim.id.MOM", "reads": "neighbours", "k": 3, "aggregation": "mean"}
points = np.arange(8.0).reshape(4, 2)
estimate(leaf, points, Graph(np.tile([1.0, 2, 3], (4, 1)), np.tile([0, 1, 2], (4, 1))))
assert "skdim" in sys.modules
assert warnings.filters == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)
