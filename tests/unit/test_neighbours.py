import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthdim.neighbours import Prepared, knn, prepare


def brute_force(points, k):
    """Every distance from coordinate differences; equal distances in the order of the index."""
    distance = np.empty((len(points), k))
    index = np.empty((len(points), k), dtype=np.int64)
    for i, point in enumerate(points):
        to_all = np.sqrt(((points - point) ** 2).sum(axis=1))
        to_all[i] = np.inf
        index[i] = np.lexsort((np.arange(len(points)), to_all))[:k]
        distance[i] = to_all[index[i]]
    return distance, index


@pytest.fixture
def rng():
    return np.random.default_rng(20)


class TestKnn:
    def test_equals_brute_force(self, rng):
        points = rng.standard_normal((300, 12))
        graph = knn(points, 15)
        distance, index = brute_force(points, 15)
        np.testing.assert_array_equal(graph.index, index)
        np.testing.assert_allclose(graph.distance, distance, rtol=1e-14)
        assert graph.k == 15

    def test_is_exact_where_the_matrix_product_has_no_correct_digit(self, rng):
        # Squared norms of 1e14 leave an error near 0.1 on squared distances near 1e-6.
        points = 1e6 + 1e-3 * rng.standard_normal((200, 100))
        graph = knn(points, 10)
        distance, index = brute_force(points, 10)
        np.testing.assert_array_equal(graph.index, index)
        np.testing.assert_allclose(graph.distance, distance, rtol=1e-13)

    def test_orders_equal_distances_by_index(self, rng):
        lattice = np.stack(np.meshgrid(*[np.arange(6.0)] * 3), axis=-1).reshape(-1, 3)
        points = rng.permutation(lattice)
        graph = knn(points, 9)
        distance, index = brute_force(points, 9)
        np.testing.assert_array_equal(graph.index, index)
        np.testing.assert_array_equal(graph.distance, distance)

    def test_does_not_depend_on_the_blocks(self, rng):
        points = rng.standard_normal((150, 40))
        whole = knn(points, 12)
        for block_bytes in (1, 8 * 150 * 7, 8 * 150 * 149):
            cut = knn(points, 12, block_bytes=block_bytes)
            assert cut.distance.tobytes() == whole.distance.tobytes()
            assert cut.index.tobytes() == whole.index.tobytes()

    def test_is_symmetric_to_the_last_bit(self, rng):
        graph = knn(rng.standard_normal((60, 37)), 58)
        matrix = np.full((60, 60), np.nan)
        matrix[np.arange(60)[:, None], graph.index] = graph.distance
        both = ~np.isnan(matrix) & ~np.isnan(matrix.T)
        assert both.sum() > 3000
        assert (matrix[both] == matrix.T[both]).all()

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), n=st.integers(4, 40), d=st.integers(1, 6), data=st.data())
    def test_equals_brute_force_on_coarse_points(self, seed, n, d, data):
        k = data.draw(st.integers(1, n - 2))
        shifts = np.arange(n)[:, None] * (np.arange(d) == 0) * 0.25
        points = np.random.default_rng(seed).integers(-3, 4, (n, d)) + shifts
        points = points[np.sort(np.unique(points, axis=0, return_index=True)[1])]
        k = min(k, len(points) - 2)
        if k < 1:
            return
        graph = knn(points, k)
        distance, index = brute_force(points, k)
        np.testing.assert_array_equal(graph.index, index)
        np.testing.assert_array_equal(graph.distance, distance)

    @pytest.mark.parametrize("k", [0, -1, 29, 30])
    def test_refuses_k(self, rng, k):
        with pytest.raises(ValueError, match=r"^k: must lie in 1 \.\. 28"):
            knn(rng.standard_normal((30, 3)), k)

    def test_refuses_coinciding_points(self, rng):
        points = rng.standard_normal((30, 3))
        points[7] = points[3]
        with pytest.raises(ValueError, match=r"^points: some coincide"):
            knn(points, 5)

    def test_refuses_what_is_not_finite(self, rng):
        points = rng.standard_normal((30, 3))
        points[4, 1] = np.inf
        with pytest.raises(ValueError, match=r"^points: holds values that are not finite"):
            knn(points, 5)


class TestPrepare:
    def test_centres_and_rescales(self, rng):
        X = (5 + 0.01 * rng.standard_normal((400, 8))).astype(np.float32)
        prepared = prepare(X)
        assert isinstance(prepared, Prepared)
        assert prepared.points.dtype == np.float64
        np.testing.assert_allclose(prepared.points.mean(axis=0), 0, atol=1e-12)
        assert np.median(knn(prepared.points, 20).distance[:, -1]) == pytest.approx(1, rel=1e-12)
        np.testing.assert_allclose(
            np.diff(prepared.points, axis=0) * prepared.scale, np.diff(X.astype(float), axis=0), atol=1e-12
        )

    def test_rescales_many_points_from_a_part_of_them(self, rng):
        prepared = prepare(rng.standard_normal((1500, 4)))
        assert np.median(knn(prepared.points, 20).distance[:, -1]) == pytest.approx(1, rel=0.05)

    @pytest.mark.parametrize("factor", [2.0**-600, 2.0**-20, 2.0**900])
    def test_is_the_same_at_any_scale(self, rng, factor):
        X = rng.standard_normal((100, 5))
        prepared, rescaled = prepare(X), prepare(X * factor)
        assert rescaled.points.tobytes() == prepared.points.tobytes()
        assert rescaled.scale == prepared.scale * factor

    def test_keeps_the_first_of_duplicates_and_counts_the_rest(self, rng):
        X = rng.standard_normal((60, 4))
        X[[10, 30, 59]] = X[5]
        X[20] = X[40]
        prepared = prepare(X)
        assert prepared.duplicates_dropped == 4
        assert prepared.kept.tolist() == [i for i in range(60) if i not in (10, 30, 40, 59)]
        assert len(prepared.points) == 56
        knn(prepared.points, 20)

    def test_takes_both_zeros_for_one(self, rng):
        # Whole numbers that sum to 0: centring leaves the sign of a zero as it is.
        X = rng.integers(-50, 51, (30, 3)).astype(float)
        X = np.concatenate([X, -X, [[0.0, 99, 99], [-0.0, 99, 99], [1, -99, -99], [-1, -99, -99]]])
        prepared = prepare(X)
        assert 60 in prepared.kept
        assert 61 not in prepared.kept

    def test_more_copies_than_neighbours_leave_a_graph(self, rng):
        X = np.concatenate([np.zeros((200, 6)), rng.standard_normal((50, 6))])
        prepared = prepare(X)
        assert prepared.duplicates_dropped == 199
        assert (knn(prepared.points, 20).distance > 0).all()

    def test_columns_of_dead_units_are_exactly_zero(self, rng):
        X = np.maximum(rng.standard_normal((80, 6)), -3)
        X[:, 1] = 0.0
        X[:, 4] = 0.1
        points = prepare(X).points
        assert points.any(axis=0).tolist() == [True, False, True, True, False, True]

    def test_does_not_change_its_input(self, rng):
        X = rng.standard_normal((40, 3))
        before = X.copy()
        prepare(X)
        np.testing.assert_array_equal(X, before)

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            (np.ones(40), "shape"),
            (np.arange(40.0)[:, None], "at least 2 columns"),
            (np.arange(42.0).reshape(21, 2), "at least 22 points"),
            (np.full((40, 3), 0.1), "all points are the same"),
            (np.full((40, 3), np.nan), "not finite"),
            (np.repeat(np.arange(42.0).reshape(21, 2), 3, axis=0), "at least 22 distinct points .* 21 of 63"),
        ],
    )
    def test_refuses(self, X, message):
        with pytest.raises(ValueError, match=rf"^X: .*{message}"):
            prepare(X)
