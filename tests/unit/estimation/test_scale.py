import numpy as np
import pandas as pd
import pytest
import yaml
from places import CONFIG

from earthdim.data.samples.area import sphere
from earthdim.estimation.estimators import PreparedEmbedding
from earthdim.estimation.measure import measure
from earthdim.estimation.neighbours import knn, prepare
from earthdim.estimation.scale import COLUMNS, measure_scale
from earthdim.geo import neighbour_radius_km

N = 600


def leaves(*names):
    return {name: yaml.safe_load((CONFIG / "estimator" / f"{name}.yaml").read_text()) for name in names}


@pytest.fixture(scope="module")
def lonlat():
    return sphere(N, np.random.default_rng(0))


def wave(lonlat, wavelength):
    """Plane waves of one wavelength, degrees, in eight directions."""
    angle = np.arange(8) * np.pi / 8
    phase = 2 * np.pi / wavelength * lonlat @ np.stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([np.sin(phase), np.cos(phase)], axis=1)


def test_rows_equal_those_of_the_first_points(lonlat):
    embedding, estimators = wave(lonlat, 30), leaves("mle", "twonn", "fishers")
    table = measure_scale(embedding, lonlat, [200, N], estimators, k=30)
    assert tuple(table.columns) == COLUMNS
    assert table["n"].tolist() == [200] * 3 + [N] * 3
    for size in (200, N):
        prepared = prepare(embedding[:size])
        expected, _ = measure(PreparedEmbedding(prepared, knn(prepared.points, 20)), estimators)
        found = table[table["n"] == size].reset_index(drop=True)
        pd.testing.assert_frame_equal(found[expected.columns.tolist()], expected)


def test_the_radius_follows_each_estimators_k_and_is_empty_without_k(lonlat):
    table = measure_scale(wave(lonlat, 30), lonlat, [N], leaves("mle", "twonn", "fishers"), k=30)
    radius = table.set_index("estimator")["neighbour_radius_km"]
    assert radius["mle"] == np.median(neighbour_radius_km(lonlat, 20))
    assert radius["twonn"] == np.median(neighbour_radius_km(lonlat, 2))
    assert np.isnan(radius["fishers"])


def test_dropped_duplicates_do_not_count_in_the_radius(lonlat):
    twice = np.repeat(lonlat[:300], 2, axis=0)
    table = measure_scale(wave(twice, 30), twice, [N], leaves("mle"), k=20)
    assert table["duplicates_dropped"].tolist() == [300]
    assert table["neighbour_radius_km"][0] == np.median(neighbour_radius_km(lonlat[:300], 20))


def test_decimation_distinguishes_a_rough_from_a_smooth_encoder():
    # 72 x 36 degrees: the 20th neighbour lies 2 degrees away among 4,000 points, 8 among 250. A quarter of the rough
    # encoder's wavelength lies between the two.
    lonlat = sphere(4000, np.random.default_rng(3)) * 0.2
    rough, smooth = (
        measure_scale(wave(lonlat, length), lonlat, [250, 4000], leaves("mle"), k=20)["value"]
        for length in (20, 200)
    )
    assert rough[0] > 2.6
    assert 1.8 < rough[1] < 2.2
    assert smooth.between(1.7, 2.2).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sizes": []}, "sizes"),
        ({"sizes": [N + 1]}, f"{N + 1} is more than the {N} points"),
        ({"k": 10}, "mle: k = 20 is above the 10 neighbours"),
        ({"lonlat": np.zeros((5, 2))}, "5 coordinates"),
    ],
)
def test_inconsistent_arguments_raise(lonlat, change, words):
    arguments = {
        "embedding": wave(lonlat, 30),
        "lonlat": lonlat,
        "sizes": [N],
        "estimators": leaves("mle"),
        "k": 30,
    }
    with pytest.raises(ValueError, match=words):
        measure_scale(**{**arguments, **change})


def test_a_size_too_small_for_an_estimator_leaves_only_its_value_empty(lonlat):
    embedding = wave(lonlat, 30)
    estimators = {"mle": leaves("mle")["mle"] | {"k": 50}, **leaves("twonn")}
    table = measure_scale(embedding, lonlat, [21, 22, N], estimators, k=50)
    assert table["value"].isna().tolist() == [True, True, True, False, False, False]
    assert table["note"].tolist() == [
        *["X: at least 22 points are needed, there are 21"] * 2,
        "22 distinct points are too few for k = 50",
        *[""] * 3,
    ]
    assert table["neighbour_radius_km"].isna().tolist() == [True, True, True, False, False, False]
    whole = measure_scale(embedding, lonlat, [N], estimators, k=50)
    assert table["value"].tolist()[-2:] == whole["value"].tolist()


def test_sizes_may_be_subsampled(lonlat):
    table = measure_scale(wave(lonlat, 30), lonlat, [N], leaves("mle"), 30, {"draws": 4, "seed": 0})
    assert table["interval"].tolist() == ["4 half samples"]
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
