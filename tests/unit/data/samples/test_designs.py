"""Designs on the sphere: known geometry, exact numbers of points, evenness, and subsets of first points."""

import warnings

import numpy as np
import pytest
import yaml
from areas import everywhere, north, nowhere
from hypothesis import given, settings
from hypothesis import strategies as st
from places import CONFIG
from scipy.stats import chi2, kstest, qmc

from earthdim.build import build
from earthdim.data.samples import designs
from earthdim.data.samples.area import sphere
from earthdim.data.samples.poisson_disc import poisson_disc
from earthdim.experiment.validation import ConfigError, check_schema
from earthdim.geo import EARTH_RADIUS_KM, equal_area_blocks, great_circle_km, neighbour_radius_km

DESIGNS = {
    name: getattr(designs, name)
    for name in ("fibonacci", "healpix", "grid", "strata", "latin_hypercube", "sobol")
} | {"poisson_disc": poisson_disc}
EVEN = sorted(set(DESIGNS) - {"grid"})
over_both = pytest.mark.parametrize("over", ["globe", "land"])
every_design = pytest.mark.parametrize("name", DESIGNS)


def draw(name, n, over="globe", seed=0, is_land=north, **arguments):
    return DESIGNS[name](n, np.random.default_rng(seed), is_land, over, **arguments)


def unit(lonlat):
    """Where points lie in the unit square whose areas are those of the sphere."""
    return np.stack([(lonlat[:, 0] + 180) / 360, (1 + np.sin(np.radians(lonlat[:, 1]))) / 2], axis=1)


def blocks_chi_squared(lonlat):
    """Chi-squared of the counts in equal-area cells of 20 degrees, and its degrees of freedom."""
    cells = equal_area_blocks(sphere(50_000, np.random.default_rng(9)), 20).max() + 1
    count = np.bincount(equal_area_blocks(lonlat, 20), minlength=cells)
    return ((count - len(lonlat) / cells) ** 2 / (len(lonlat) / cells)).sum(), cells - 1


@every_design
@over_both
@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 900), seed=st.integers(0, 2**32))
def test_a_design_has_exactly_n_places(name, over, n, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lonlat = draw(name, n, over, seed)
    assert lonlat.shape == (n, 2)
    assert lonlat.dtype == np.float64
    assert (np.abs(lonlat[:, 0]) <= 180).all()
    # Off the poles, where longitude means nothing.
    assert (np.abs(lonlat[:, 1]) < 90).all()
    assert len(np.unique(lonlat, axis=0)) == n
    assert over == "globe" or north(lonlat).all()


@every_design
@over_both
def test_each_seed_gives_another_sample(name, over):
    np.testing.assert_array_equal(draw(name, 500, over, 7), draw(name, 500, over, 7))
    assert not np.array_equal(draw(name, 500, over, 7), draw(name, 500, over, 8))


@pytest.mark.parametrize("name", EVEN)
def test_a_design_is_uniform_by_area_and_evenly_so(name):
    lonlat = draw(name, 10_000)
    assert kstest(unit(lonlat)[:, 1], "uniform").statistic < 1.95 / np.sqrt(10_000)  # p = 0.001
    assert kstest(unit(lonlat)[:, 0], "uniform").statistic < 1.95 / np.sqrt(10_000)
    statistic, freedom = blocks_chi_squared(lonlat)
    # Independent points have the expectation `freedom`. A hypercube is even along its axes only.
    assert statistic < {"latin_hypercube": 1.2, "healpix": 0.5}.get(name, 0.25) * freedom


@pytest.mark.parametrize("name", EVEN)
def test_a_design_over_land_is_uniform_by_area(name):
    lonlat = draw(name, 10_000, "land")
    assert kstest(2 * unit(lonlat)[:, 1] - 1, "uniform").statistic < 1.95 / np.sqrt(10_000)
    assert kstest(unit(lonlat)[:, 0], "uniform").statistic < 1.95 / np.sqrt(10_000)


@pytest.mark.parametrize("name", EVEN)
def test_the_first_of_a_design_are_spread_over_the_globe(name):
    statistic, freedom = blocks_chi_squared(draw(name, 10_000)[:1000])
    assert statistic < chi2.isf(0.001, freedom)


@every_design
def test_invalid_arguments_are_rejected(name):
    with pytest.raises(ValueError, match="n must be at least 1"):
        draw(name, 0)
    with pytest.raises(ValueError, match="over: 'sea' is not land or globe"):
        draw(name, 10, "sea")
    with pytest.raises(ValueError, match=r"is_land: (no land|a design of \d+ points has 0 on land)"):
        draw(name, 10, "land", is_land=nowhere)


def test_a_fibonacci_lattice_turns_by_the_golden_angle_and_climbs_evenly():
    lonlat = draw("fibonacci", 10_000)
    climb = np.sort(unit(lonlat)[:, 1]) * 10_000
    np.testing.assert_allclose(climb, np.arange(10_000) + 0.5, atol=1e-6)
    longitude = lonlat[np.argsort(lonlat[:, 1]), 0]
    golden = 360 * (1 - 2 / (1 + np.sqrt(5)))
    np.testing.assert_allclose(np.diff(longitude) % 360, 360 - golden, atol=1e-6)


def test_neighbours_in_a_fibonacci_lattice_are_nearly_equally_far():
    distance = neighbour_radius_km(draw("fibonacci", 10_000), 1)
    assert distance.max() / distance.min() < 1.16
    # As far as in a square lattice of as many points, but for a few percent.
    assert np.median(distance) / (EARTH_RADIUS_KM * np.sqrt(4 * np.pi / 10_000)) == pytest.approx(
        0.974, abs=0.01
    )


def test_a_fibonacci_lattice_over_land_is_close_to_the_smallest():
    def islands(lonlat):
        return (np.sin(np.radians(7 * lonlat[:, 0])) > 0.3) & (lonlat[:, 1] > -40)

    height = np.sort(unit(draw("fibonacci", 3000, "land", is_land=islands))[:, 1])
    size = round(1 / np.diff(height).min())
    place = height * size - 0.5
    np.testing.assert_allclose(place, np.rint(place), atol=1e-5)
    lattice = draw("fibonacci", size)
    assert 3000 <= islands(lattice).sum() <= 3010


@pytest.mark.parametrize("nside", [1, 4, 16])
def test_healpix_centres_lie_on_rings_of_known_height(nside):
    # Gorski et al. (2005), equations 4 and 8.
    cap, belt = np.arange(1, nside), np.arange(nside, 2 * nside + 1)
    heights = np.concatenate([1 - cap**2 / (3 * nside**2), 4 / 3 - 2 * belt / (3 * nside)])
    sizes = np.concatenate([4 * cap, np.full(len(belt), 4 * nside)])
    expected = np.repeat(np.concatenate([heights, -heights[:-1]]), np.concatenate([sizes, sizes[:-1]]))
    lonlat = draw("healpix", 12 * nside**2)
    sine = np.sin(np.radians(lonlat[:, 1]))
    np.testing.assert_allclose(np.sort(sine), np.sort(expected), atol=1e-12)
    for height, size in zip(heights, sizes, strict=True):
        ring = np.sort(lonlat[np.isclose(sine, height, atol=1e-9), 0])
        np.testing.assert_allclose(np.diff(ring), 360 / size, atol=1e-9)


def test_surplus_healpix_centres_are_dropped_at_random():
    whole, part = draw("healpix", 3072), draw("healpix", 769)
    distance = great_circle_km(np.repeat(part, 1, axis=0), part)
    assert distance.max() == 0
    rows = {tuple(row) for row in np.round(whole, 9)}
    assert {tuple(row) for row in np.round(part, 9)} < rows
    assert {tuple(row) for row in np.round(part, 9)} != {
        tuple(row) for row in np.round(draw("healpix", 769, seed=1), 9)
    }


def test_a_grid_is_regular_in_degrees_and_crowded_at_the_poles():
    lonlat = draw("grid", 5000)
    step = 3.6
    lon, lat = (np.unique(np.round(axis, 9)) for axis in lonlat.T)
    np.testing.assert_allclose(lon, -180 + step * (np.arange(100) + 0.5), atol=1e-8)
    np.testing.assert_allclose(lat, -90 + step * (np.arange(50) + 0.5), atol=1e-8)
    assert len(np.unique(np.round(lonlat, 6), axis=0)) == 5000
    # Half of the points on 29 % of the globe.
    assert (np.abs(draw("grid", 12_800)[:, 1]) > 45).mean() == 0.5


def test_the_grid_is_the_smallest_that_has_n_points():
    assert len(np.unique(np.round(draw("grid", 4802)[:, 1], 9))) == 49
    assert len(np.unique(np.round(draw("grid", 4803)[:, 1], 9))) == 50
    # Half of it over land: 70 rows give 4,900 points, 71 rows 35 or 36 rows of 142.
    assert len(np.unique(np.round(draw("grid", 4900, "land")[:, 1], 9))) == 35


@pytest.mark.parametrize("n", [1, 2, 7, 500, 10_000])
def test_strata_hold_one_point_each_and_have_one_area(n):
    first, columns = designs._zones(n)
    np.testing.assert_array_equal(np.cumsum(columns)[:-1], first[1:])
    assert columns.sum() == n
    east, height = unit(draw("strata", n)).T
    zone = np.searchsorted(first, height * n, side="right") - 1
    np.testing.assert_array_equal(np.bincount(zone, minlength=len(columns)), columns)
    cell = first[zone] + np.floor(east * columns[zone]).astype(int)
    np.testing.assert_array_equal(np.sort(cell), np.arange(n))


def test_strata_are_near_square():
    first, columns = designs._zones(10_000)
    edges = np.arcsin(2 * np.append(first, 10_000) / 10_000 - 1)
    width = 2 * np.pi / columns * np.cos((edges[1:] + edges[:-1]) / 2)
    shape = width / np.diff(edges)
    assert 0.9 < shape[5:-5].min() < shape[5:-5].max() < 1.1


def test_a_latin_hypercube_has_one_point_in_each_lune_and_each_zone():
    for axis in unit(draw("latin_hypercube", 3000)).T:
        np.testing.assert_array_equal(np.sort(np.floor(axis * 3000)), np.arange(3000))


def test_a_sobol_sequence_has_one_point_in_each_elementary_interval():
    points = unit(draw("sobol", 1024))
    for bits in range(11):
        cell = np.floor(points * (2**bits, 2 ** (10 - bits)))
        assert len(np.unique(cell, axis=0)) == 1024


def test_a_sobol_sequence_is_less_discrepant_than_chance():
    random = [qmc.discrepancy(unit(sphere(2000, np.random.default_rng(seed)))) for seed in range(5)]
    assert qmc.discrepancy(unit(draw("sobol", 2000))) < min(random) / 10


@over_both
def test_the_first_of_a_sobol_sequence_are_the_smaller_draw(over):
    large = draw("sobol", 9000, over)
    for size in (1, 700, 8999):
        np.testing.assert_array_equal(draw("sobol", size, over), large[:size])


@over_both
@pytest.mark.parametrize("distance_km", [None, 150.0])
def test_poisson_discs_keep_their_distance(over, distance_km):
    lonlat = draw("poisson_disc", 3000, over, min_distance_km=distance_km)
    # A hexagonal packing of as many points has 436 km on the globe and 308 km on half of it.
    least = distance_km or {"globe": 0.7 * 443.1, "land": 0.7 * 313.3}[over]
    assert neighbour_radius_km(lonlat, 1).min() >= least * (1 - 2e-3 * (distance_km is None))


@over_both
def test_poisson_discs_equal_sequential_dart_throwing(over):
    rng, kept = np.random.default_rng(5), np.empty((0, 2))
    while len(kept) < 120:
        dart = sphere(1, rng)
        near = len(kept) and great_circle_km(dart, kept).min() < 900
        if not near and (over == "globe" or north(dart).all()):
            kept = np.concatenate([kept, dart])
    np.testing.assert_array_equal(draw("poisson_disc", 120, over, 5, min_distance_km=900), kept)


@over_both
def test_the_first_of_poisson_discs_of_one_distance_are_the_smaller_draw(over):
    large = draw("poisson_disc", 6000, over, min_distance_km=120)
    for size in (1, 700, 5999):
        np.testing.assert_array_equal(draw("poisson_disc", size, over, min_distance_km=120), large[:size])


def test_poisson_discs_that_do_not_fit_are_rejected():
    with pytest.raises(
        ValueError,
        match=r"min_distance_km: only \d\d? of 100 points fit on the globe at a distance of 4000 km",
    ):
        draw("poisson_disc", 100, min_distance_km=4000)


@pytest.mark.parametrize("distance_km", [0, -1, 20_100, float("nan"), float("inf")])
def test_an_invalid_distance_is_rejected(distance_km):
    with pytest.raises(ValueError, match="min_distance_km must lie between"):
        draw("poisson_disc", 2, min_distance_km=distance_km)


LEAVES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((CONFIG / "sample").glob("*.yaml"))}


@pytest.mark.parametrize("name", [name for name, leaf in LEAVES.items() if "over" in leaf["build"]])
def test_leaves_of_designs_are_drawn(name):
    leaf = LEAVES[name]
    rng = np.random.default_rng(leaf["seed"])
    lonlat = build(leaf["build"], n=leaf["n"], rng=rng, is_land=everywhere)
    assert lonlat.shape == (leaf["n"], 2)


@pytest.mark.parametrize("name", ["fibonacci", "healpix", "grid", "sobol"])
def test_replicates_of_a_fixed_design_are_rejected(name):
    leaf, schema = LEAVES[name], CONFIG.parent / "workflow" / "schemas" / "sample.schema.yaml"
    check_schema(leaf, schema, "sample")
    if name == "sobol":
        check_schema({**leaf, "replicates": 2}, schema, "sample")
    else:
        with pytest.raises(ConfigError, match=r"sample.replicates: 1 was expected"):
            check_schema({**leaf, "replicates": 2}, schema, "sample")
