"""Independent points: location, uniformity by area, and nested samples; regions."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import yaml
from areas import chi_squared, everywhere, north, nowhere
from places import CONFIG

import earthdim.data.samples
from earthdim.build import build, target
from earthdim.data import regions
from earthdim.data.regions import Territory, _arc
from earthdim.data.samples import area as samples
from earthdim.data.samples.domain import Box
from earthdim.experiment.validation import ConfigError, check_schema
from earthdim.geo import EARTH_RADIUS_KM, great_circle_km
from earthdim.probing.tasks.country import Country


class Area:
    """All of a box, or what a condition leaves of it."""

    def __init__(self, box, condition=everywhere):
        self.box, self.condition = box, condition

    def __call__(self, lonlat):
        return self.condition(lonlat)


# Across the date line, half of it north of the equator.
PACIFIC = Area(Box(170, 40, -30, 30))
SAMPLERS = {
    "sphere": samples.sphere,
    "land": samples.land,
    "region": partial(samples.region, inside=PACIFIC),
    "patch": partial(samples.patch, lon=-179.9, lat=3.0, diameter_km=900),
    "box-land": partial(samples.box, over="land", south=-30, north=30, west=170, east=-150),
    "box-globe": partial(samples.box, over="globe", south=-30, north=30, west=170, east=-150),
}
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)


def leaf(name):
    return yaml.safe_load((CONFIG / "sample" / f"{name}.yaml").read_text(encoding="utf-8"))


def test_the_globe_is_drawn_from_longitude_and_the_sine_of_latitude():
    # The numbers that numpy documents for this seed.
    east, height = np.array(
        [[0.6369616873214543, 0.2697867137638703], [0.04097352393619469, 0.016527635528529094]]
    ).T
    expected = np.stack([360 * east - 180, np.degrees(np.arcsin(2 * height - 1))], axis=1)
    np.testing.assert_array_equal(samples.sphere(2, np.random.default_rng(0)), expected)
    np.testing.assert_array_equal(samples.land(2, np.random.default_rng(0), everywhere), expected)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("region", (-157.469190432, 24.3780538033), (-163.8325098461, 23.7154614541)),
        ("patch", (177.478569032, 0.7429621908), (178.8576850979, 3.6295510725)),
    ],
)
def test_draws_are_those_of_earlier_releases(name, first, last):
    lonlat = SAMPLERS[name](5000, np.random.default_rng(0), north)
    np.testing.assert_allclose(lonlat[[0, -1]], [first, last], rtol=0, atol=1e-9)


def test_points_on_land_are_on_land():
    lonlat = samples.land(5000, np.random.default_rng(0), north)
    assert lonlat.shape == (5000, 2)
    assert north(lonlat).all()


@every_sampler
def test_the_first_of_a_draw_are_the_smaller_draw(sampler):
    large = sampler(9000, np.random.default_rng(3), north)
    for size in (1, 700, 8999):
        np.testing.assert_array_equal(sampler(size, np.random.default_rng(3), north), large[:size])


@pytest.mark.parametrize(
    ("sampler", "sines"), [(samples.sphere, (-1, 1)), (samples.land, (0, 1))], ids=["sphere", "land"]
)
def test_draws_are_uniform_by_area(sampler, sines):
    lonlat = sampler(40_000, np.random.default_rng(0), north)
    assert chi_squared(lonlat[:, 0], (-180, 180)) < 27.9
    assert chi_squared(np.sin(np.radians(lonlat[:, 1])), sines) < 27.9


def test_extremes_stay_off_the_poles():
    class Extremes:
        def random(self, shape):
            return np.resize([0.0, np.nextafter(1, 0)], (shape[1], shape[0])).T

    lonlat = samples.sphere(2, Extremes())
    assert (np.abs(lonlat[:, 1]) < 90).all()
    assert (np.abs(lonlat[:, 0]) <= 180).all()


def test_a_globe_without_land_is_rejected():
    with pytest.raises(ValueError, match="is_land"):
        samples.land(1, np.random.default_rng(0), nowhere)


@every_sampler
def test_an_empty_sample_is_rejected(sampler):
    with pytest.raises(ValueError, match="n must be"):
        sampler(0, np.random.default_rng(0), north)


def test_a_region_is_uniform_by_area_over_the_date_line():
    lonlat = samples.region(40_000, np.random.default_rng(0), everywhere, PACIFIC)
    assert (np.abs(lonlat[:, 0]) >= 150).all()
    assert (np.abs(lonlat) <= (180, 30)).all()
    assert chi_squared(lonlat[:, 0] % 360, (170, 210)) < 27.9
    assert chi_squared(np.sin(np.radians(lonlat[:, 1])), (-0.5, 0.5)) < 27.9


def test_a_region_keeps_the_land_inside():
    eastern = Area(PACIFIC.box, lambda lonlat: lonlat[:, 0] < 0)
    lonlat = samples.region(3000, np.random.default_rng(0), north, eastern)
    assert ((lonlat[:, 0] >= -180) & (lonlat[:, 0] < -150)).all()
    assert ((lonlat[:, 1] > 0) & (lonlat[:, 1] <= 30)).all()


def test_a_region_without_land_is_rejected():
    with pytest.raises(ValueError, match=r"no land among .* of the box around the region"):
        samples.region(1, np.random.default_rng(0), everywhere, Area(PACIFIC.box, nowhere))


def test_a_box_is_uniform_by_area_over_the_date_line():
    lonlat = SAMPLERS["box-globe"](40_000, np.random.default_rng(0), nowhere)
    assert ((lonlat[:, 0] >= 170) | (lonlat[:, 0] <= -150)).all()
    assert chi_squared(lonlat[:, 0] % 360, (170, 210)) < 27.9
    assert chi_squared(np.sin(np.radians(lonlat[:, 1])), (-0.5, 0.5)) < 27.9
    assert (SAMPLERS["box-land"](3000, np.random.default_rng(0), north)[:, 1] > 0).all()


def test_a_box_round_the_globe_is_the_globe():
    lonlat = samples.box(500, np.random.default_rng(4), nowhere, "globe", -90, 90, -180, 180)
    np.testing.assert_array_equal(lonlat, samples.sphere(500, np.random.default_rng(4)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"south": 30}, "south: 30 is not below north"),
        ({"west": -150}, "west: -150 equals east"),
        ({"north": 91}, "latitude"),
        ({"east": 181}, "longitude"),
        ({"over": "sea"}, "over: 'sea' is not land or globe"),
    ],
)
def test_an_invalid_box_is_rejected(change, words):
    edges = {"over": "globe", "south": -30, "north": 30, "west": 170, "east": -150, **change}
    with pytest.raises(ValueError, match=words):
        samples.box(1, np.random.default_rng(0), everywhere, **edges)


def test_a_box_without_land_is_rejected():
    with pytest.raises(ValueError, match=r"no land among .* of the box"):
        SAMPLERS["box-land"](1, np.random.default_rng(0), nowhere)


@pytest.mark.parametrize("centre", [(11.4, 47.27), (180, 0), (-179.99, -70), (30, 90), (0, -90), (0, 89.9)])
@pytest.mark.parametrize("diameter_km", [10, 2000, 30_000])
def test_a_patch_is_a_disc_uniform_by_area(centre, diameter_km):
    lonlat = samples.patch(20_000, np.random.default_rng(0), everywhere, *centre, diameter_km)
    assert (np.abs(lonlat) <= (180, 90)).all()
    distance = great_circle_km([centre], lonlat)
    assert distance.max() <= diameter_km / 2 * (1 + 1e-9)
    # The area within a distance r of the centre grows as 1 - cos(r / R) = 2 sin^2(r / 2R).
    share = (np.sin(distance / 2 / EARTH_RADIUS_KM) / np.sin(diameter_km / 4 / EARTH_RADIUS_KM)) ** 2
    assert chi_squared(share, (0, 1)) < 27.9


def test_a_patch_favours_no_direction():
    lonlat = samples.patch(20_000, np.random.default_rng(1), everywhere, 179.99, 40, 100)
    east = (lonlat[:, 0] - 179.99 + 180) % 360 - 180
    direction = np.arctan2(east * np.cos(np.radians(lonlat[:, 1])), lonlat[:, 1] - 40)
    assert chi_squared(direction, (-np.pi, np.pi)) < 27.9


def test_a_patch_keeps_to_land():
    lonlat = samples.patch(2000, np.random.default_rng(0), north, 0, 0, 50)
    assert north(lonlat).all()
    with pytest.raises(ValueError, match=r"no land among .* of the patch"):
        samples.patch(1, np.random.default_rng(0), nowhere, 0, 0, 50)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"diameter_km": 0}, "diameter_km"),
        ({"diameter_km": 50_000}, "diameter_km"),
        ({"diameter_km": float("nan")}, "diameter_km"),
        ({"lat": 91}, "latitude"),
        ({"lon": 181}, "longitude"),
    ],
)
def test_an_invalid_patch_is_rejected(change, words):
    with pytest.raises(ValueError, match=words):
        samples.patch(
            1, np.random.default_rng(0), everywhere, **{"lon": 0, "lat": 0, "diameter_km": 9, **change}
        )


@pytest.mark.parametrize(
    ("west", "east", "arc"),
    [
        ([10], [20], (10, 10)),
        ([10, 15, 40], [30, 20, 50], (10, 40)),
        # The widest gap need not be the one over the date line.
        ([-180, 170, -100], [-170, 180, -90], (170, 100)),
        ([-180], [180], (-180, 360)),
    ],
)
def test_the_shortest_arc_around_intervals_of_longitude(west, east, arc):
    assert _arc(np.array(west, float), np.array(east, float)) == arc


@pytest.mark.parametrize(
    ("level", "name"),
    [("continent", "AF"), ("continent", "AN"), ("country", "DE"), ("country", "NZ"), ("country", "AQ")],
)
def test_the_box_of_a_territory_holds_all_of_it(packaged, level, name):
    countries = packaged("countries")
    territory = Territory(level, name, countries)
    lonlat = samples.sphere(40_000, np.random.default_rng(0))
    task = Country(level)
    expected = task.labels(lonlat, countries) == task.class_names(countries).index(name)
    np.testing.assert_array_equal(territory(lonlat), expected)
    west, width, south, north = territory.box
    inside = ((lonlat[:, 0] - west) % 360 <= width) & (lonlat[:, 1] >= south) & (lonlat[:, 1] <= north)
    assert inside[expected].all()
    assert expected.any()


def test_new_zealand_is_boxed_over_the_date_line(packaged):
    box = Territory("country", "NZ", packaged("countries")).box
    assert 165 < box.west < 167
    assert box.width < 19


@pytest.mark.parametrize(
    ("level", "name", "words"),
    [
        ("continent", "Atlantis", "no continent 'Atlantis'; there are AF, AN, AS, EU, NA, OC, SA"),
        ("country", "XX", "no country 'XX'; there are AD, AE,"),
        ("county", "DE", "level: 'county'"),
    ],
)
def test_a_region_that_does_not_exist_is_rejected(packaged, level, name, words):
    with pytest.raises(ValueError, match=words):
        Territory(level, name, packaged("countries"))


@pytest.mark.parametrize("level", ["country", "continent"])
def test_planning_knows_the_regions_that_the_data_set_has(packaged, level):
    names = Country(level).class_names(packaged("countries"))
    assert regions.region_names(level) == names
    for name in names:
        regions.check(level, name)


@pytest.mark.parametrize(
    ("level", "name", "words"),
    [
        (
            "continent",
            "Atlantis",
            "^sample.build.inside.name: there is no continent 'Atlantis'; there are AF, AN, AS,",
        ),
        ("country", "XX", "^sample.build.inside.name: there is no country 'XX'; there are AD, AE,"),
        ("country", "AF ", "^sample.build.inside.name"),
        ("country", yaml.safe_load("NO"), "^sample.build.inside.name: YAML reads an unquoted NO as False"),
        ("county", "DE", "^sample.build.inside.level: 'county'"),
    ],
)
def test_planning_rejects_a_region_that_does_not_exist(level, name, words):
    with pytest.raises(ValueError, match=words):
        regions.check(level, name)


def test_planning_a_region_imports_little():
    code = (
        "import sys; from earthdim.data import regions; regions.check('country', 'DE');"
        "print(*({'xarray', 'scipy', 'numba', 'pandas', 'timezonefinder'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIG / "sample").glob("region-*.yaml")))
def test_region_leaves_draw_in_their_region(packaged, name):
    config = leaf(name)
    inside = build(config["build"]["inside"], dataset=packaged(config["dataset"]))
    lonlat = target(config["build"]["_target_"])(
        300, np.random.default_rng(config["seed"]), everywhere, inside
    )
    task = Country(config["build"]["inside"]["level"])
    names = task.class_names(packaged("countries"))
    assert {names[code] for code in task.labels(lonlat, packaged("countries"))} == {
        config["build"]["inside"]["name"]
    }


SCHEMA = CONFIG.parent / "workflow" / "schemas" / "sample.schema.yaml"


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIG / "sample").glob("*.yaml")))
def test_leaves_fit_the_schema(name):
    check_schema(leaf(name), SCHEMA, "sample")


def test_the_examples_for_files_fit_the_schema():
    blocks = earthdim.data.samples.__doc__.split("::\n\n")[1:]
    assert len(blocks) == 2
    for block in blocks:
        check_schema(yaml.safe_load(block.split("\n\n")[0]), SCHEMA, "sample")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("fibonacci", "over"),
        ("poisson-disc", "over"),
        ("box-europe", "east"),
        ("box-europe", "over"),
        ("patch-10", "lat"),
        ("region-africa", "inside"),
    ],
)
def test_a_leaf_without_a_required_argument_is_rejected(name, key):
    short = leaf(name)
    del short["build"][key]
    with pytest.raises(ConfigError, match=f"^sample.build: '{key}' is a (required property|dependency)"):
        check_schema(short, SCHEMA, "sample")


PATCHES = sorted(path.stem for path in (CONFIG / "sample").glob("patch-*.yaml"))


def test_patches_share_their_centre_and_are_nested():
    leaves = [leaf(name) for name in PATCHES]
    assert {(one["build"]["lon"], one["build"]["lat"]) for one in leaves} == {(11.4, 47.27)}
    assert {one["build"]["diameter_km"] for one in leaves} == {10, 200, 2000}


@pytest.mark.parametrize("name", PATCHES)
def test_patch_leaves_are_drawn(name):
    config = leaf(name)
    patch, rng = config["build"], np.random.default_rng(config["seed"])
    lonlat = build(patch, n=10_000, rng=rng, is_land=everywhere)
    assert great_circle_km([[patch["lon"], patch["lat"]]], lonlat).max() < patch["diameter_km"] / 2
    assert config["kind"] == f"patch-{patch['diameter_km']}"
