import subprocess
import sys

import numpy as np
import pytest
from estimator_data import (
    curved_surface,
    embedding_of_graph,
    leaf,
    prepared_embedding,
    uniform_ball,
    with_arguments,
)

from earthdim.estimation.estimators import EstimateError, PreparedEmbedding, estimate, library
from earthdim.estimation.neighbours import Graph, knn, prepare


@pytest.fixture(scope="module")
def surface():
    return prepared_embedding(curved_surface(400, 30), 50)


@pytest.fixture(scope="module")
def ball():
    return prepared_embedding(uniform_ball(1500, 2), 20)


@pytest.fixture(scope="module")
def jittered_lattice():
    """Return 400 nearly regular points of a plane, with four additional columns of dead units."""
    rng = np.random.default_rng(0)
    lattice = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2)
    return prepared_embedding(
        np.hstack([lattice + 0.02 * rng.standard_normal((400, 2)), np.full((400, 4), 0.3)]), 20
    )


class TestInput:
    @pytest.mark.parametrize(
        "name", ["mle", "mom", "tle", "twonn", "mada", "mind-ml", "gride-k16", "corrint"]
    )
    def test_k_neighbours_of_a_larger_graph(self, surface, name):
        graph = surface.graph
        small = PreparedEmbedding(surface.prepared, Graph(graph.distance[:, :21], graph.index[:, :21]))
        assert estimate(leaf(name), surface).value == estimate(leaf(name), small).value

    def test_uses_the_number_of_neighbours_of_the_leaf(self, surface):
        import skdim.id

        plain = skdim.id.MLE().fit(surface.prepared.points, n_neighbors=37, comb="mle").dimension_
        assert estimate({**leaf("mle"), "k": 37}, surface).value == pytest.approx(plain, rel=1e-9)

    @pytest.mark.parametrize(("aggregation", "comb"), [("mean", "mean"), ("median", "median")])
    def test_uses_the_aggregation_of_the_leaf(self, surface, aggregation, comb):
        import skdim.id

        plain = skdim.id.MLE().fit(surface.prepared.points, n_neighbors=20, comb=comb).dimension_
        result = estimate({**leaf("mle"), "aggregation": aggregation}, surface)
        assert result.value == pytest.approx(plain, rel=1e-9)

    def test_passes_k_to_a_class_with_its_own_search(self, surface):
        import skdim.id

        built = {"_target_": "skdim.id.KNN", "random_state": 1}
        other = {"reads": "points", "aggregation": "global", "build": built}
        plain = skdim.id.KNN(k=4, random_state=1).fit(surface.prepared.points).dimension_
        assert estimate({**other, "k": 4}, surface).value == plain
        with pytest.raises(EstimateError, match="ps must satisfy"):
            estimate({**other, "k": 398}, surface)

    def test_the_spectrum_is_computed_once_and_on_demand(self):
        read = prepared_embedding(curved_surface(100, 5), 20)
        estimate(leaf("mle"), read)
        assert "spectrum" not in vars(read)
        estimate(leaf("rankme"), read)
        first = read.spectrum
        estimate(leaf("lpca-fo"), read)
        assert read.spectrum is first

    def test_an_analytic_interval_is_passed_on(self, surface):
        plain = estimate(leaf("mle"), surface)
        assert (plain.low, plain.high, plain.interval) == (None, None, "")
        own = estimate(leaf("gride-k8"), surface)
        assert own.low < own.value < own.high
        assert own.interval == "analytic 95 %"

    def test_names_the_distribution(self):
        import skdim

        assert library(leaf("mle")) == ("scikit-dimension", skdim.__version__)
        assert library(leaf("rankme"))[0] == "earthdim"


class TestGuards:
    def test_flags_values_above_the_ambient_dimension(self, ball):
        marked = estimate({**leaf("mom"), "k": 10}, ball)
        assert 2.3 < marked.value < 2.7
        assert marked.above_ambient
        assert not estimate(leaf("mle"), ball).above_ambient

    def test_rejects_impossible_values_and_ignores_dead_columns(self, jittered_lattice):
        with pytest.raises(EstimateError, match=r"skdim.id.TwoNN \(k = 2, .*above 1.5 times the 2 columns"):
            estimate(leaf("twonn"), jittered_lattice)

    @pytest.mark.parametrize(("every_distance", "value"), [(1.0, "inf"), (0.0, "nan")])
    def test_rejects_values_that_are_not_finite(self, ball, every_distance, value):
        distance = np.full_like(ball.graph.distance, every_distance)
        with pytest.raises(
            EstimateError, match=rf"MLE \(k = 20, harmonic-mean\) gave {value}, which is no dim"
        ):
            estimate(leaf("mle"), embedding_of_graph(ball.prepared.points, distance, ball.graph.index))

    def test_rejects_zero(self, ball):
        distance = ball.graph.distance.copy()
        distance[4, 0] = 0.0
        with pytest.raises(EstimateError, match=r"skdim.id.MLE .* gave 0.0"):
            estimate(leaf("mle"), embedding_of_graph(ball.prepared.points, distance, ball.graph.index))

    def test_names_the_estimator_that_failed(self, ball):
        with pytest.raises(EstimateError, match=r"skdim.id.TwoNN .*Fewer than 2 points"):
            estimate(with_arguments("twonn", discard_fraction=0.9999), ball)

    def test_activations_with_dead_units_and_equal_rows(self):
        rng = np.random.default_rng(5)
        hidden = curved_surface(900, 20) @ rng.standard_normal((20, 64)) - 1
        activations = np.maximum(hidden, 0).astype(np.float32)
        activations[:, rng.choice(64, 40, replace=False)] = 0
        activations[::10] = activations[0]
        read = prepared_embedding(activations, 2)
        assert read.prepared.duplicates_dropped >= 89
        assert estimate(leaf("twonn"), read).value == pytest.approx(2, abs=0.25)

    @pytest.mark.parametrize("name", ["mle", "mom", "tle", "mada", "ess"])
    def test_k_may_be_all_points_but_two(self, name):
        prepared = prepare(curved_surface(40, 5))
        read = PreparedEmbedding(prepared, knn(prepared.points, 38))
        assert estimate({**leaf(name), "k": 38}, read).value > 0
        with pytest.raises(ValueError, match=r"^40 distinct points are too few for k = 39"):
            estimate({**leaf(name), "k": 39}, read)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_values_that_are_not_finite_are_rejected_before_estimation(self, value):
        X = curved_surface(40, 5)
        X[7, 2] = value
        with pytest.raises(ValueError, match=r"^X: .*not finite"):
            prepare(X)


class TestInvalidLeaf:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"reads": "distance"}, r"^reads: must be one of neighbours, distances, graph, points"),
            ({"aggregation": "mode"}, r"^aggregation: .*harmonic-mean or mean or median"),
            ({"reads": "distances"}, r"^aggregation: .*distances"),
            ({"reads": "variances"}, r"^aggregation: .*variances"),
            ({"k": 51}, r"^k: must lie in 2 \.\. 50"),
            ({"k": 1}, r"^k: must lie in 2 \.\. 50"),
            ({"k": None}, r"^k: must lie in 2 \.\. 50"),
            (
                {"build": {"_target_": "skdim.id.MLE", "sigmas": 1}},
                r"skdim.id.MLE cannot be built from its leaf",
            ),
            ({"_target_": "skdim.id.MLE"}, r"^_target_: moved below build:"),
            ({"unbiased": True}, r"^unbiased: unknown key; .* below build:"),
            ({"reads": "graph"}, r"skdim.id.MLE cannot be built from its leaf.*'k'"),
            ({"build": {"_target_": "skdim.id.Mle"}}, r"^_target_: 'skdim.id.Mle' does not exist"),
        ],
    )
    def test_with_an_invalid_value(self, surface, change, message):
        with pytest.raises(ValueError, match=message):
            estimate({**leaf("mle"), **change}, surface)

    @pytest.mark.parametrize("key", ["reads", "k", "aggregation", "build"])
    def test_with_a_missing_key(self, surface, key):
        cut = {name: value for name, value in leaf("mle").items() if name != key}
        with pytest.raises(ValueError, match=f"^{key}: missing"):
            estimate(cut, surface)

    @pytest.mark.parametrize(
        ("name", "aggregation", "missing"),
        [("mada", "global", "dimension_"), ("gride", "mean", "dimension_pw_")],
    )
    def test_with_an_aggregation_that_its_class_does_not_support(self, surface, name, aggregation, missing):
        with pytest.raises(ValueError, match=rf"^aggregation: earthdim.* {missing}$"):
            estimate({**leaf(name), "aggregation": aggregation}, surface)


def test_a_graph_of_other_points_raises(surface):
    with pytest.raises(ValueError, match=r"^graph: .*400.*399"):
        PreparedEmbedding(prepare(curved_surface(399, 30)), surface.graph)


def test_imports_scikit_dimension_lazily_and_keeps_warnings_enabled():
    code = """
import sys, warnings
import numpy as np
from earthdim.estimation.estimators import PreparedEmbedding, estimate
from earthdim.estimation.neighbours import Graph, PreparedPoints
assert "skdim" not in sys.modules
before = list(warnings.filters)
points = np.arange(8.0).reshape(4, 2)
graph = Graph(np.tile([1.0, 2, 3], (4, 1)), np.tile([0, 1, 2], (4, 1)))
read = PreparedEmbedding(PreparedPoints(points, np.arange(4), 0, 1.0, np.zeros(2)), graph)
for target in ("skdim.id.MOM", "earthdim.estimation.estimators.mada.MADA"):
    reads = "neighbours" if target.startswith("skdim") else "graph"
    estimate({"reads": reads, "k": 3, "aggregation": "mean", "build": {"_target_": target}}, read)
assert "skdim" in sys.modules
assert warnings.filters == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)
