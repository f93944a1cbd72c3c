from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from earthdim.build import build
from earthdim.data.datasets import geonames
from earthdim.data.samples.area import sphere
from earthdim.geo import EARTH_RADIUS_KM, great_circle_km
from earthdim.probing.tasks.cities import PlaceDensity, PopulationDensity
from earthdim.probing.tasks.country import Country
from earthdim.probing.tasks.raster import RasterClass, RasterField

CONFIG = Path(__file__).parents[3] / "config"
LAT, LON = np.linspace(-80, 80, 9), np.linspace(-160, 180, 18) - 10


def leaf(name):
    return yaml.safe_load((CONFIG / "task" / f"{name}.yaml").read_text(encoding="utf-8"))


def task(name):
    return build(leaf(name)["build"])


def raster(values, **attributes):
    dims = ("month", "lat", "lon")[-np.ndim(values) :]
    return xr.Dataset({"field": (dims, values, attributes)}, coords={"lat": LAT, "lon": LON})


def at(*places):
    return np.array(places, dtype=float)


@pytest.fixture(scope="module")
def cities():
    return geonames.cities(15000)


@pytest.fixture
def countries(packaged):
    return packaged("countries")


@pytest.fixture
def zones(packaged):
    return packaged("climate-zones")


def named(a_task, dataset, *places):
    names = [*a_task.class_names(dataset), None]
    return [names[code] for code in a_task.labels(at(*places), dataset)]


def test_leaks_name_sources_of_the_modalities():
    sources = {
        source
        for file in (CONFIG / "modality").glob("*.yaml")
        for source in yaml.safe_load(file.read_text(encoding="utf-8")).get("sources", {})
    }
    for file in (CONFIG / "task").glob("*.yaml"):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        leaked, in_part = set(content["leaked_by"]), set(content["leaked_in_part_by"])
        assert leaked | in_part <= sources
        assert not leaked & in_part
        assert (CONFIG / "dataset" / f"{content['dataset']}.yaml").is_file()


def test_a_modality_that_holds_the_tasks_variable_leaks_it():
    assert leaf("elevation")["leaked_by"] == ["elevation"]
    assert "rgb" in leaf("elevation")["leaked_in_part_by"]
    for name in ("temperature", "precipitation"):
        assert leaf(name)["leaked_by"] == ["climate"]
        assert "climate-zones" in leaf(name)["leaked_in_part_by"]
    assert leaf("climate-zone")["leaked_by"] == ["climate", "climate-zones"]


def test_each_kind_of_task_is_stated_and_each_imagery_climate_and_height_has_its_own_target():
    content = {file.stem: leaf(file.stem) for file in (CONFIG / "task").glob("*.yaml")}
    sets = {name: {task for task in content if content[task]["set"] == name} for name in
            ("selection", "claims", "control")}  # fmt: skip
    assert sets["selection"] == {"water-vapour", "cloud-water", "time-zone", "place-density"}
    assert sets["control"] == {"colour"}
    own = {source: {task for task in content if source in content[task]["leaked_by"]} for source in
           ("rgb", "elevation", "climate")}  # fmt: skip
    assert own["rgb"] == {"colour"}
    assert own["elevation"] == {"elevation"}
    assert {"temperature", "precipitation"} <= own["climate"]
    assert not any(content[task]["leaked_by"] for task in sets["selection"])
    for name in ("water-vapour", "cloud-water"):
        assert {"climate", "climate-zones"} <= set(content[name]["leaked_in_part_by"])


def test_the_colour_is_the_mean_of_the_bands_of_the_image(packaged):
    image = packaged("blue-marble")
    row, column = 1800, 2775
    place = (float(image["lon"][column]), float(image["lat"][row]))
    expected = image["rgb"].values[:, row, column].astype(float).mean()
    np.testing.assert_allclose(task("colour").labels(at(place), image), expected, rtol=1e-6)
    ice, sand, forest = task("colour").labels(at((-40, 72), (5, 25), (-60, -3)), image)
    assert ice > sand > 2 * forest


def test_time_zones_of_known_places(packaged):
    offsets, zone = packaged("utc-offsets"), task("time-zone")
    places = {(-0.13, 51.5): "UTC+00:00", (77.2, 28.6): "UTC+05:30", (133.9, -23.7): "UTC+09:30"}
    places |= {(-74, 41): "UTC-05:00", (85.3, 27.7): "UTC+05:45", (-30, 0): None, (0, -80): None}
    assert named(zone, offsets, *places) == list(places.values())


def test_place_density_counts_places_once(cities):
    rng = np.random.default_rng(0)
    lonlat = sphere(300, rng)
    table = xr.Dataset(
        {"lon": ("city", lonlat[:, 0]), "lat": ("city", lonlat[:, 1]), "population": ("city", [0] * 300)}
    )
    points, width = sphere(40, rng), 900.0
    distance = np.stack([great_circle_km(point[None], lonlat) for point in points])
    density = np.exp(-0.5 * (distance / width) ** 2).sum(1) / (2 * np.pi * width**2)
    expected = np.log10(1e-5 + density)
    np.testing.assert_allclose(PlaceDensity(width).labels(points, table), expected, atol=2e-3)
    empty, dense = task("place-density").labels(at((0, -80), (11, 50)), cities)
    assert empty == -5
    assert dense > -3


def test_temperature_and_rainfall_and_height_of_known_places(packaged):
    london, quito, sahara = (-0.13, 51.5), (-78.5, -0.2), (5, 25)
    celsius = task("temperature").labels(at(london, sahara, (0, -80)), packaged("temperature"))
    np.testing.assert_allclose(celsius, [10.4, 23.6, -37], atol=1)
    rain = np.expm1(task("precipitation").labels(at(london, sahara, (-60, -3)), packaged("rainfall")))
    assert 450 < rain[0] < 800
    assert rain[1] < 200
    assert 1800 < rain[2] < 3000
    assert 2500 < task("elevation").labels(at(quito), packaged("elevation"))[0] < 3300


def test_rainfall_is_the_logarithm_of_the_annual_sum():
    months = np.arange(12.0)[:, None, None] * np.ones((12, 9, 18))
    labels = RasterField("field", "sum", "log1p").labels(at((0, 0)), raster(months))
    assert labels.dtype == np.float64
    np.testing.assert_allclose(labels, np.log(67))


def test_missing_raster_values_raise():
    values = np.ones((9, 18))
    values[4, 8] = np.nan
    with pytest.raises(ValueError, match="no finite label at 1 points"):
        RasterField("field", method="nearest").labels(at((LON[8], 0), (60, 0)), raster(values))


@pytest.mark.parametrize(("reduction", "shape"), [("none", (12, 9, 18)), ("sum", (9, 18)), ("mean", (9, 18))])
def test_a_reduction_that_does_not_match_the_raster_raises(reduction, shape):
    with pytest.raises(ValueError, match=f"^reduction: '{reduction}'"):
        RasterField("field", reduction).labels(at((0, 0)), raster(np.ones(shape)))


@pytest.mark.parametrize("name", ["reduction", "transform"])
def test_unknown_options_raise(name):
    with pytest.raises(ValueError, match=f"^{name}: .*'cube'"):
        RasterField("field", **{name: "cube"})


def test_climate_zones_of_known_places(zones):
    zone = task("climate-zone")
    assert "Ocean" not in zone.class_names(zones)
    assert len(zone.class_names(zones)) == 31
    places = [(-0.13, 51.5), (5, 25), (103.82, 1.35), (0, -80), (133.4, 67.55), (-30, 0), (51, 40)]
    assert named(zone, zones, *places) == ["Cfb", "BWh", "Af", "EF", "Dfd", None, None]
    # Greenland's ice, Everest (no month above freezing), Tokyo, Cairo, Lake Victoria
    places = [(-40, 72), (86.925, 27.988), (139.7, 35.7), (31.2, 30.1), (33, -1)]
    assert named(zone, zones, *places) == ["EF", "EF", "Cfa", "BWh", "Aw"]


def test_a_coastal_point_takes_the_nearest_class_within_the_cell_limit():
    values = np.full((9, 18), 9)
    values[4, 0], values[4, 3], values[6, 9] = 4, 7, 4
    flags = raster(values.astype(np.uint8), flag_values=[4, 7, 9], flag_meanings="wood ice sea")
    near = RasterClass("field", without=["sea"], reach_cells=1)
    assert near.class_names(flags) == ["wood", "ice"]
    places = [
        (LON[0], 0),  # its own cell
        (LON[1] - 2, 0),  # one cell to the east
        (LON[17], 0),  # one cell to the west, over the date line
        (LON[2] - 9, 0),  # wood two cells to the west, ice one to the east
        (LON[9], 0),  # two cells off
    ]
    assert near.labels(at(*places), flags).tolist() == [0, 0, 0, 1, -1]
    far = RasterClass("field", without=["sea"], reach_cells=2)
    assert far.labels(at(places[3], places[4]), flags).tolist() == [1, 0]  # ice is nearer than wood


def test_a_value_without_a_flag_has_no_class():
    values = np.array([-3, 0, 4, 5, 7, 9, 250])[np.arange(9 * 18) % 7].reshape(9, 18)
    flags = raster(values, flag_values=[9, 4, 0], flag_meanings="sea wood bare")
    labels = RasterClass("field", without=["sea"], reach_cells=0).labels(
        np.stack(np.meshgrid(LON, LAT), axis=-1).reshape(-1, 2), flags
    )
    np.testing.assert_array_equal(labels, np.select([values == 4, values == 0], [0, 1], -1).ravel())


def test_invalid_flags_raise():
    values = np.zeros((9, 18), dtype=np.uint8)
    with pytest.raises(ValueError, match="has no attribute flag_meanings"):
        RasterClass("field").labels(at((0, 0)), raster(values))
    with pytest.raises(ValueError, match="without: 'see' is not one of sea, wood"):
        RasterClass("field", without=["see"]).class_names(
            raster(values, flag_values=[0, 1], flag_meanings="sea wood")
        )
    with pytest.raises(ValueError, match="reach_cells"):
        RasterClass("field", reach_cells=-1)


def test_countries_of_known_places(countries):
    places = {(-78.5, -0.2): "EC", (-0.13, 51.5): "GB", (15.3, -4.32): "CD", (15.25, -4.25): "CG"}
    places |= {
        (-83.1, 42.35): "US",
        (-83.0, 42.28): "CA",
        (4.93, 51.44): "BE",
        (179.3, -16.6): "FJ",
        (139.7, 35.7): "JP",
        (103.82, 1.35): "SG",
        (-40, 72): "GL",
        (5, 25): "DZ",
        (-70.9, -53.2): "CL",
        (-68.3, -54.8): "AR",
        (-30, 0): None,
        (51, 40): None,  # the Caspian Sea
    }
    assert named(task("country"), countries, *places) == list(places.values())


def test_all_land_of_the_antarctic_treaty_is_antarctica(countries):
    ice = [(0, -80), (-94.6, -79.3), (110, -68), (0, -90), (-65, -65)]
    assert named(Country(), countries, *ice) == ["AQ"] * 5
    assert named(Country("continent"), countries, *ice) == ["AN"] * 5


def test_continents_of_known_places(countries):
    places = [(5, 25), (77.2, 28.6), (-60, -3), (-100, 40), (134, -25), (2.35, 48.85)]
    assert named(Country("continent"), countries, *places) == ["AF", "AS", "SA", "NA", "OC", "EU"]


def test_an_unknown_level_raises():
    with pytest.raises(ValueError, match="level"):
        Country("village")


def test_uninhabited_land_has_the_floor_and_cities_exceed_it(cities):
    labels = task("population-density").labels(at((0, -80), (103.82, 1.35), (-0.13, 51.5), (133, 67)), cities)
    np.testing.assert_allclose(labels[0], np.log10(0.1))
    assert (labels[1:3] > 2.5).all()
    assert labels[3] < 0


def test_density_is_the_kernel_sum_over_all_cities():
    rng = np.random.default_rng(0)
    lonlat, people = sphere(300, rng), rng.integers(0, 10**7, 300)
    table = xr.Dataset(
        {"lon": ("city", lonlat[:, 0]), "lat": ("city", lonlat[:, 1]), "population": ("city", people)}
    )
    points, width = sphere(40, rng), 900.0
    distance = np.stack([great_circle_km(point[None], lonlat) for point in points])
    density = (people * np.exp(-0.5 * (distance / width) ** 2)).sum(1) / (2 * np.pi * width**2)
    expected = np.log10(0.1 + density)
    np.testing.assert_allclose(PopulationDensity(width, 0.1).labels(points, table), expected, atol=2e-3)


def test_density_integrates_to_the_population_of_a_city():
    table = xr.Dataset({"lon": ("city", [30.0]), "lat": ("city", [60.0]), "population": ("city", [10**6])})
    points = sphere(60_000, np.random.default_rng(0))
    people_per_km2 = 10 ** PopulationDensity(1500.0, 1e-9).labels(points, table)
    assert people_per_km2.mean() * 4 * np.pi * EARTH_RADIUS_KM**2 == pytest.approx(10**6, rel=0.05)


@pytest.mark.parametrize(("width", "floor"), [(0, 0.1), (50, 0), (-1, 1)])
def test_bandwidth_and_floor_must_be_positive(width, floor):
    with pytest.raises(ValueError, match="must be positive"):
        PopulationDensity(width, floor)
    with pytest.raises(ValueError, match="must be positive"):
        PlaceDensity(width, floor)
