import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthdim import geo

places = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


@pytest.mark.parametrize(
    ("lonlat", "words"),
    [
        ([[0, 0, 0]], "shape"),
        ([0, 0], "shape"),
        ([[181, 0]], "longitude"),
        ([[np.nan, 0]], "longitude"),
        ([[0, 91]], "latitude"),
        ([[0, np.inf]], "latitude"),
    ],
)
def test_invalid_coordinates_are_named(lonlat, words):
    with pytest.raises(ValueError, match=words):
        geo.check_lonlat(lonlat)


def test_axes_of_the_unit_vectors():
    vectors = geo.unit_vectors([[0, 0], [90, 0], [0, 90], [180, 0]])
    np.testing.assert_allclose(vectors, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]], atol=1e-15)


@given(places)
def test_coordinates_are_recovered_from_vectors(place):
    back = geo.lonlat_of(3.5 * geo.unit_vectors([place]))
    assert geo.great_circle_km([place], back)[0] < 1e-6


@pytest.mark.parametrize("vectors", [[[0.0, 0.0, 0.0]], [1.0, 2.0], 3.0])
def test_zero_vectors_are_rejected(vectors):
    with pytest.raises(ValueError, match="vector"):
        geo.lonlat_of(vectors)


def test_known_distances():
    circumference = 2 * np.pi * geo.EARTH_RADIUS_KM
    quarter = geo.great_circle_km([[0, 0], [0, 0], [30, 90]], [[90, 0], [0, -90], [77, 0]])
    np.testing.assert_allclose(quarter, circumference / 4)
    assert geo.great_circle_km([[0, 0]], [[180, 0]])[0] == pytest.approx(circumference / 2)
    # London to New York on the sphere
    assert geo.great_circle_km([[-0.1278, 51.5074]], [[-74.006, 40.7128]])[0] == pytest.approx(5570, abs=2)


def test_small_distances_keep_their_digits():
    assert geo.great_circle_km([[10, 0]], [[10 + 1e-9, 0]])[0] == pytest.approx(1.1119e-7, rel=1e-4)


@settings(max_examples=50)
@given(places, st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_steps_have_the_given_length(place, east, north):
    arrival = geo.offset_km([place], [east], [north])[0]
    assert geo.great_circle_km([place], arrival)[0] == pytest.approx(np.hypot(east, north), abs=1e-6)


def test_steps_have_the_given_direction():
    degree = np.pi / 180 * geo.EARTH_RADIUS_KM
    arrival = geo.offset_km([[179.5, 0], [30, 89.5], [-40, -89.5]], [0, degree, 0], [degree, 0, -degree])
    np.testing.assert_allclose(arrival[0], [[179.5, 1], [-179.5, 0], [179.5, -1]], atol=1e-12)
    # Half a degree from a pole, one degree towards it leads half a degree down the other side.
    np.testing.assert_allclose(arrival[1, 0], [-150, 89.5], atol=1e-9)
    np.testing.assert_allclose(arrival[2, 2], [140, -89.5], atol=1e-9)


def test_at_a_pole_north_is_that_of_the_given_longitude():
    degree = np.pi / 180 * geo.EARTH_RADIUS_KM
    arrival = geo.offset_km([[20, 90], [20, -90]], [0, degree], [-degree, 0])
    np.testing.assert_allclose(arrival[0], [[20, 89], [110, 89]], atol=1e-9)
    np.testing.assert_allclose(arrival[1, 1], [110, -89], atol=1e-9)


@pytest.mark.parametrize(("east", "north"), [([0, 1], [0]), ([[0]], [[0]]), ([np.nan], [0])])
def test_invalid_offsets_are_rejected(east, north):
    with pytest.raises(ValueError, match="east_km and north_km"):
        geo.offset_km([[0, 0]], east, north)


@pytest.mark.parametrize("degrees", [10, 15, 23, 90])
def test_blocks_have_equal_areas(degrees):
    # Along a meridian, at even steps of the sine of latitude, a band holds as many points as area ...
    lat = np.degrees(np.arcsin((np.arange(200_000) + 0.5) / 100_000 - 1))
    meridian = geo.equal_area_blocks(np.stack([np.full(lat.size, -179.999), lat], axis=1), degrees)
    _, first, height = np.unique(meridian, return_index=True, return_counts=True)
    area = []
    for row, share in zip(first, height / lat.size, strict=True):
        # ... and along a parallel, at even steps of longitude, a cell.
        parallel = np.stack([(np.arange(3600) + 0.5) / 10 - 180, np.full(3600, lat[row])], axis=1)
        width = np.unique(geo.equal_area_blocks(parallel, degrees), return_counts=True)[1]
        assert width.max() - width.min() <= 1
        area += [share / width.size] * width.size
    np.testing.assert_allclose(area, 1 / len(area), rtol=2e-3)
    assert len(area) == pytest.approx(4 * np.pi / np.radians(degrees) ** 2, rel=0.25)


def test_blocks_are_compact():
    rng = np.random.default_rng(0)
    lonlat = np.stack([rng.uniform(-180, 180, 20_000), rng.uniform(-70, 70, 20_000)], axis=1)
    blocks = geo.equal_area_blocks(lonlat, 15)
    for block in np.unique(blocks):
        inside = lonlat[blocks == block]
        assert geo.great_circle_km(inside[:1], inside).max() < 2.2 * 1668  # a diagonal and a half


def test_the_date_line_and_the_poles_belong_to_one_block():
    east, west = geo.equal_area_blocks([[180, 10], [-180, 10]], 15)
    assert east == west
    blocks = geo.equal_area_blocks([[0, -90], [0, 90], [179.999, 89.999]], 15)
    assert blocks.min() == geo.equal_area_blocks([[0, -89.99]], 15)[0]
    assert blocks[1] == geo.equal_area_blocks([[0, 89.99]], 15)[0]


@pytest.mark.parametrize("degrees", [0, -5, 91, np.nan])
def test_invalid_block_sizes_are_rejected(degrees):
    with pytest.raises(ValueError, match="degrees"):
        geo.equal_area_blocks([[0, 0]], degrees)


def test_neighbour_radius_equals_brute_force():
    rng = np.random.default_rng(1)
    lonlat = np.stack([rng.uniform(-180, 180, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))], axis=1)
    distance = np.stack([geo.great_circle_km(point[None], lonlat) for point in lonlat])
    for k in (1, 20, 199):
        np.testing.assert_allclose(geo.neighbour_radius_km(lonlat, k), np.sort(distance)[:, k], rtol=1e-9)


def test_a_duplicate_is_a_neighbour_at_distance_zero():
    radius = geo.neighbour_radius_km([[10, 10], [10, 10], [11, 10]], 1)
    np.testing.assert_allclose(radius, [0, 0, geo.great_circle_km([[10, 10]], [[11, 10]])[0]])


@pytest.mark.parametrize("k", [0, 3])
def test_more_neighbours_than_points_are_rejected(k):
    with pytest.raises(ValueError, match="k must lie"):
        geo.neighbour_radius_km([[0, 0], [1, 0], [2, 0]], k)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([-180.00000000000003, -90.00000000000003], [-180, -90]),
        ([180.00000000000014, 90.0], [180, 90]),
        ([np.float32(180.00002), 0], [180, 0]),
        ([190, 10], [-170, 10]),
        ([360, 10], [0, 10]),
        ([360.00001, 10], [0, 10]),
        ([180, 10], [180, 10]),
    ],
)
def test_longitudes_are_wrapped_and_rounding_is_clipped(given, meant):
    np.testing.assert_array_equal(geo.as_degrees([given]), [meant])


@pytest.mark.parametrize("wrong", [[-180.001, 0], [360.001, 0], [0, 90.001], [np.nan, 0], [0, np.inf]])
def test_coordinates_beyond_rounding_are_rejected(wrong):
    with pytest.raises(ValueError, match="places: a l"):
        geo.as_degrees([wrong], "places")


def test_the_callers_coordinates_are_not_modified():
    given = np.array([[200.0, 10.0]])
    geo.as_degrees(given)
    assert given[0, 0] == 200


def test_points_within_a_distance_equal_brute_force():
    rng = np.random.default_rng(0)
    lonlat, others = (
        np.column_stack((rng.uniform(-180, 180, 300), rng.uniform(-90, 90, 300))) for _ in range(2)
    )
    distance = np.array([geo.great_circle_km([one], others).min() for one in lonlat])
    for km in (100.0, 1000.0, 15000.0):
        np.testing.assert_array_equal(geo.within_km(lonlat, others, km), distance < km)
    assert not geo.within_km(lonlat, lonlat, 0).any()
    assert geo.within_km(lonlat[:0], others, 100).shape == (0,)


@pytest.mark.parametrize("place", [(0.0, 0.0), (120.0, 90.0), (180.0, -60.0)])
def test_steps_on_the_ground_have_their_standard_deviation_everywhere(place):
    start = np.tile(place, (20000, 1))
    moved = geo.scattered(start, 40, np.random.default_rng(0))
    distance = geo.great_circle_km(start, moved)
    # Two independent steps of 40 km each.
    assert np.sqrt((distance**2).mean() / 2) == pytest.approx(40, rel=0.02)
    assert np.linalg.norm(geo.unit_vectors(moved).mean(0) - geo.unit_vectors([place])[0]) < 1e-3
