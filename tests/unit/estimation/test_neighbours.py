import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earthdim import progress
from earthdim.data.samples.area import sphere
from earthdim.encoders.encodings.fourier import EqualEarthFourier
from earthdim.estimation.neighbours import (
    PreparedPoints,
    candidates,
    cleaning,
    count_within,
    exact,
    kernels,
    knn,
    merge,
    prepare,
    search,
    subgraph,
)
from earthdim.estimation.neighbours.graph import single_precision
from earthdim.geo import unit_vectors


def brute_force(points, k):
    """All distances from coordinate differences; equal distances are ordered by index."""
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

    def test_is_exact_if_the_matrix_product_has_no_correct_digit(self, rng):
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
        for block_bytes in (4, 4 * 7**2, 4 * 149**2):
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

    @pytest.mark.parametrize("blocks", [2, 4, 7])
    def test_parts_merge_into_the_same_graph_byte_for_byte(self, rng, blocks):
        points = prepare(rng.standard_normal((700, 30)) ** 3).points
        whole = knn(points, 40)
        parts = [candidates(points, 40, block, blocks, block_bytes=4 * 100**2) for block in range(blocks)]
        cut = merge(points, 40, reversed(parts))
        assert cut.distance.tobytes() == whole.distance.tobytes()
        assert cut.index.tobytes() == whole.index.tobytes()

    def test_every_pair_belongs_to_one_part(self, rng):
        points = rng.standard_normal((60, 5))
        parts = [candidates(points, 50, block, 3, block_bytes=4 * 7**2) for block in range(3)]
        seen = [{(i, j) for i, row in enumerate(part.index) for j in row if j >= 0} for part in parts]
        assert sum(map(len, seen)) == 60 * 59
        assert seen[0] | seen[1] | seen[2] == {(i, j) for i in range(60) for j in range(60) if i != j}

    @pytest.mark.parametrize("block", [-1, 3])
    def test_an_invalid_part_raises(self, rng, block):
        with pytest.raises(ValueError, match=r"^block: must lie in 0 \.\. 2"):
            candidates(rng.standard_normal((60, 5)), 5, block, 3)

    @pytest.mark.parametrize("offset", [0.0, 1e4])
    def test_is_exact_for_an_encoder_with_nearly_equal_distances(self, rng, offset):
        # 1 sigma is 0.3 km: all far points are at nearly the same distance.
        encoding = EqualEarthFourier(sigmas=(1, 256, 66_000), features=64, seed=0)
        features = encoding(torch.from_numpy(sphere(1500, rng))).numpy() + offset
        points = prepare(features).points
        graph = knn(points, 50)
        distance, index = brute_force(points, 50)
        np.testing.assert_array_equal(graph.index, index)
        np.testing.assert_allclose(graph.distance, distance, rtol=1e-12)

    def test_is_exact_for_a_smooth_map(self, rng):
        # Distances are much smaller than norms, so the error of the product is large relative to them.
        vectors = unit_vectors(sphere(3000, rng))
        points = prepare(vectors @ rng.standard_normal((3, 256)) * 1e-3).points
        graph = knn(points, 30)
        _, index = brute_force(points, 30)
        np.testing.assert_array_equal(graph.index, index)

    def test_is_exact_with_a_far_outlier(self, rng):
        points = rng.standard_normal((300, 6))
        points[17] = 1e25
        points[18] = -1e20
        graph = knn(points, 10)
        distance, index = brute_force(points, 10)
        np.testing.assert_array_equal(graph.index[:17], index[:17])
        np.testing.assert_array_equal(graph.index[19:], index[19:])
        np.testing.assert_allclose(graph.distance, distance, rtol=1e-12)

    def test_only_uncertified_rows_are_searched_again(self, rng, monkeypatch):
        searched = []
        monkeypatch.setattr(search, "nearest", lambda *args: searched.extend(args[1]) or exact.nearest(*args))
        knn(rng.standard_normal((500, 20)), 20)
        assert not searched
        # A lattice: many points at exactly the distance of the last neighbour.
        lattice = np.stack(np.meshgrid(*[np.arange(3.0)] * 6), axis=-1).reshape(-1, 6)
        graph = knn(lattice, 20)
        assert searched
        np.testing.assert_array_equal(graph.index, brute_force(lattice, 20)[1])

    @pytest.mark.parametrize("k", [0, -1, 29, 30])
    def test_an_invalid_k_raises(self, rng, k):
        with pytest.raises(ValueError, match=r"^k: must lie in 1 \.\. 28"):
            knn(rng.standard_normal((30, 3)), k)

    def test_duplicate_points_raise(self, rng):
        points = rng.standard_normal((30, 3))
        points[7] = points[3]
        with pytest.raises(ValueError, match=r"^points: some coincide"):
            knn(points, 5)

    def test_rejects_values_that_are_not_finite(self, rng):
        points = rng.standard_normal((30, 3))
        points[4, 1] = np.inf
        with pytest.raises(ValueError, match=r"^points: holds values that are not finite"):
            knn(points, 5)


class TestRankError:
    @pytest.mark.parametrize("offset", [0.0, 30.0, 1e4])
    def test_bounds_the_error_of_single_precision(self, rng, offset):
        points = rng.standard_normal((400, 300)) * rng.lognormal(0, 2, (400, 1)) + offset
        low, norms, moved = single_precision(points)
        squared = (norms**2).astype(np.float32)
        approximate = squared[:, None] + squared - 2 * (low @ low.T)
        exact_values = np.square(points[:, None] - points).sum(axis=2)
        bound = np.array([[kernels.rank_error(a, b, 300, moved) for b in norms] for a in norms])
        assert (np.abs(approximate - exact_values) <= bound).all()
        # A bound too loose by orders of magnitude would send every row to the slow search.
        assert np.max(np.abs(approximate - exact_values) / bound) > 1e-3


class TestSubgraph:
    @pytest.mark.parametrize("k", [5, 20, 60])
    def test_is_the_graph_of_the_subset(self, rng, k):
        points = prepare(rng.standard_normal((400, 7))).points
        rows = np.sort(rng.choice(400, 200, replace=False))
        part = subgraph(points, knn(points, 60), rows, k)
        alone = knn(points[rows], k)
        np.testing.assert_array_equal(part.index, alone.index)
        assert part.distance.tobytes() == alone.distance.tobytes()

    @pytest.mark.parametrize("rows", [[3, 2, 1], [1, 1, 2], [0, 1, 400], []])
    def test_invalid_rows_raise(self, rng, rows):
        points = rng.standard_normal((400, 4))
        with pytest.raises(ValueError, match=r"^rows: must be ascending"):
            subgraph(points, knn(points, 5), np.array(rows, dtype=int), 2)


class TestCountWithin:
    @pytest.mark.parametrize("depth", [1, 5, 40])
    def test_equals_brute_force(self, rng, depth):
        points = rng.standard_normal((300, 9)) * rng.lognormal(0, 1, (300, 1))
        every = np.sqrt(np.square(points[:, None] - points).sum(axis=2))[~np.eye(300, dtype=bool)]
        radii = np.quantile(every, [0.001, 0.05, 0.5])
        counts = count_within(points, knn(points, depth), radii)
        assert counts.tolist() == [np.count_nonzero(every < radius) for radius in radii]

    def test_radii_equal_to_distances_are_compared_exactly(self, rng):
        # Far from the origin, single precision cannot separate these radii from nearby distances.
        points = np.concatenate([rng.standard_normal((60, 16)) * 1e-3 + side for side in (1.0, -1.0)])
        graph = knn(points, 3)
        measured = np.sqrt(kernels.squared_distances(points, 0, np.arange(1, 60)))
        for radius in measured:
            squared = [kernels.squared_distances(points, i, np.arange(120)) for i in range(120)]
            below = np.count_nonzero(np.sqrt(squared) < radius) - 120
            assert count_within(points, graph, np.array([radius])).tolist() == [below]

    def test_a_distance_equal_to_the_radius_is_not_below_it(self, rng):
        lattice = rng.permutation(np.stack(np.meshgrid(*[np.arange(5.0)] * 3), axis=-1).reshape(-1, 3))
        for depth in (2, 30):
            assert count_within(lattice, knn(lattice, depth), np.array([1.0])).tolist() == [0]
            assert count_within(lattice, knn(lattice, depth), np.array([1.0 + 1e-9])).tolist() == [600]


class TestPrepare:
    def test_the_embedding_can_be_reconstructed(self, rng):
        X = 3 + rng.standard_normal((100, 5)) * [1, 10, 0, 2, 3]
        prepared = prepare(X)
        np.testing.assert_allclose((prepared.points + prepared.centre) * prepared.scale, X, rtol=1e-12)

    def test_finds_duplicates_whose_hashes_collide_with_others(self, rng, monkeypatch):
        monkeypatch.setattr(cleaning, "row_hashes", lambda points: np.zeros(len(points), np.uint64))
        X = rng.standard_normal((60, 4))
        X[30] = X[5]
        assert prepare(X).kept.tolist() == [i for i in range(60) if i != 30]

    def test_centres_and_rescales(self, rng):
        X = (5 + 0.01 * rng.standard_normal((400, 8))).astype(np.float32)
        prepared = prepare(X)
        assert isinstance(prepared, PreparedPoints)
        assert prepared.points.dtype == np.float64
        np.testing.assert_allclose(prepared.points.mean(axis=0), 0, atol=1e-12)
        assert np.median(knn(prepared.points, 20).distance[:, -1]) == pytest.approx(1, rel=1e-12)
        np.testing.assert_allclose(
            np.diff(prepared.points, axis=0) * prepared.scale, np.diff(X.astype(float), axis=0), atol=1e-12
        )

    def test_many_points_are_rescaled_by_a_subset(self, rng):
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

    def test_both_zeros_are_equal(self, rng):
        # Integers that sum to 0: centring preserves the sign of zeros.
        X = rng.integers(-50, 51, (30, 3)).astype(float)
        X = np.concatenate([X, -X, [[0.0, 99, 99], [-0.0, 99, 99], [1, -99, -99], [-1, -99, -99]]])
        prepared = prepare(X)
        assert 60 in prepared.kept
        assert 61 not in prepared.kept

    def test_more_copies_than_neighbours_still_have_a_graph(self, rng):
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
    def test_invalid_input_raises(self, X, message):
        with pytest.raises(ValueError, match=rf"^X: .*{message}"):
            prepare(X)


def lost_in_single_precision(d=512, others=25):
    """A point whose nearest neighbour seems farther than `others` others in float32, as many as are kept for k = 5.

    Products that add many small terms to a large one lose them, those of one lump do not. Mirrored, so that centring
    moves nothing.
    """
    small = np.sqrt(0.99 * 2.0**-25)
    spread, lump = np.full(d - 2, small), np.sqrt(0.8 * (d - 2)) * small
    query, nearest = (np.concatenate([[1.0], spread, [end]]) for end in (lump, 0.0))
    rest = np.zeros((others, d))
    rest[:, 0], rest[:, -1] = 1.0, lump * (1 + 1e-3 * np.linspace(-1, 1, others))
    half = np.concatenate([[query], [nearest], rest])
    return np.concatenate([half, -half])


# With one tile, one part has all pairs; with small tiles, every part has some.
@pytest.mark.parametrize("block_bytes", [2**22, 4 * 7**2])
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_the_error_bound_includes_every_term(blocks, block_bytes):
    points = lost_in_single_precision()
    parts = [candidates(points, 5, block, blocks, block_bytes) for block in range(blocks)]
    assert merge(points, 5, parts).index[0, 0] == 1


def test_a_long_search_reports_its_progress_and_the_graph_does_not_depend_on_it(monkeypatch):
    points, lines, quiet = np.random.default_rng(0).normal(size=(60, 3)), [], []
    plain = knn(points, 5, 4 * 10**2, say=quiet.append)
    monkeypatch.setattr(progress, "EVERY_S", 0)
    reported = knn(points, 5, 4 * 10**2, say=lines.append)
    assert quiet == []
    # Six tiles: fifteen pairs of different ones.
    assert [line.split(" tiles")[0] for line in lines] == [f"{number} of 15" for number in range(1, 15)]
    assert np.array_equal(reported.distance, plain.distance)
    assert np.array_equal(reported.index, plain.index)


def test_merging_bounds_the_ranks_of_dropped_and_unseen_points():
    far = np.finfo(np.float32).max
    parts = [
        search.Candidates(*(np.array(values, dtype) for values, dtype in zip(one, KINDS, strict=True)))
        for one in (
            ([[1, 2], [1, 2], [1, -1]], [[1, 2], [1, 2], [1, far]], [9, 5, far]),
            ([[3, 4], [3, 4], [3, 4]], [[1.5, 7], [6, 7], [2, 3]], [8, 8, 8]),
        )
    ]
    found = search._nearest_of(parts)
    assert found.index.tolist() == [[1, 3], [1, 2], [1, 3]]
    assert found.rank.tolist() == [[1, 1.5], [1, 2], [1, 2]]
    # The nearest dropped candidate, the bound of a part, and again the nearest dropped candidate.
    assert found.beyond.tolist() == [2, 5, 3]


KINDS = (np.int32, np.float32, np.float32)
