"""Rows of training and validation: whole blocks are held out, with a buffer."""

import numpy as np
import pytest
from places import CONFIG

from earthdim.data.samples.area import sphere
from earthdim.experiment.leaves import LeafStore
from earthdim.geo import equal_area_blocks, great_circle_km
from earthdim.pretraining.rows import assign, drawn

SCHEDULE = {
    "locations": 1500,
    "validation": 128,
    "regions": 128,
    "region_degrees": 20,
    "region_share": 0.2,
    "buffer_km": 300,
    "seed": 3,
}


@pytest.fixture(scope="module")
def lonlat():
    return sphere(drawn(SCHEDULE), np.random.default_rng(0))


def test_without_regions_the_last_rows_are_held_out_and_all_others_are_for_training(lonlat):
    rows = assign(lonlat[:-128], SCHEDULE | {"regions": 0})
    np.testing.assert_array_equal(rows.training, np.arange(1500))
    np.testing.assert_array_equal(rows.near, np.arange(1500, 1628))
    assert len(rows.regions) == 0


def test_no_row_has_two_uses_and_validation_is_complete(lonlat):
    rows = assign(lonlat, SCHEDULE)
    used = np.concatenate((rows.training, rows.near, rows.regions))
    assert len(np.unique(used)) == len(used)
    assert (len(rows.near), len(rows.regions)) == (128, 128)
    assert 700 < len(rows.training) < 1500


def test_regions_are_whole_blocks(lonlat):
    rows, block = assign(lonlat, SCHEDULE), equal_area_blocks(lonlat, 20)
    held = np.unique(block[rows.regions])
    assert not np.isin(block[np.concatenate((rows.training, rows.near))], held).any()
    assert len(held) == pytest.approx(0.2 * len(np.unique(block)), abs=2)


def test_no_training_location_lies_within_the_buffer_of_a_region(lonlat):
    rows = assign(lonlat, SCHEDULE)
    nearest = min(great_circle_km(lonlat[rows.training], lonlat[[row]]).min() for row in rows.regions)
    assert nearest > 300
    without = assign(lonlat, SCHEDULE | {"buffer_km": 0})
    assert (
        min(great_circle_km(lonlat[without.training], lonlat[[row]]).min() for row in without.regions) < 200
    )
    assert set(rows.training) <= set(without.training) | set(without.near)


def test_the_assignment_depends_on_the_locations_the_schedule_and_its_seed_alone(lonlat):
    one, again, other = (assign(lonlat, SCHEDULE | {"seed": seed}) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.regions, again.regions)
    np.testing.assert_array_equal(one.training, again.training)
    assert not np.array_equal(one.regions, other.regions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"locations": 1400}, "locations: 1756 were drawn, not the 1656"),
        ({"region_share": 0.01}, r"schedule\.regions: 128 are more than the \d+ locations"),
    ],
)
def test_a_schedule_that_does_not_suit_the_locations_raises(lonlat, change, message):
    with pytest.raises(ValueError, match=message):
        assign(lonlat, SCHEDULE | change)


@pytest.mark.parametrize(
    ("name", "full"), [("short", 0), ("smoke", 0), ("tiny", 0), ("full-seeds", 1), ("full-seeds", 2)]
)
def test_the_schedules_have_enough_locations_on_land_in_their_regions(name, full, packaged):
    from earthdim.data.datasets.landmask import is_land
    from earthdim.data.samples.area import land

    schedule = LeafStore(CONFIG).get("schedule", name, "schedule")["schedule"]
    schedule["seed"] += full
    rng, mask = np.random.default_rng([schedule["seed"], 0]), is_land(packaged("land-mask"))
    rows = assign(land(n=drawn(schedule), rng=rng, is_land=mask), schedule)
    assert len(rows.regions) == schedule["regions"]
    assert len(rows.near) == schedule["validation"]
    assert len(rows.training) > 0.4 * schedule["locations"]
