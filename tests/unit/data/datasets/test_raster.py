import numpy as np
import pytest
import xarray as xr

from earthdim.data.datasets.raster import sample_raster

RNG = np.random.default_rng(0)
LAT = -90 + (np.arange(18) + 0.5) * 10
LON = -180 + (np.arange(36) + 0.5) * 10


def raster(values, lat=LAT, lon=LON, dims=("lat", "lon")):
    return xr.DataArray(values, dims=dims, coords={"lat": lat, "lon": lon}, name="field")


NOISE = raster(RNG.normal(size=(18, 36)))


def test_nearest_takes_the_cell_that_contains_the_point():
    inside = np.stack([RNG.uniform(-180, 180, 500), RNG.uniform(-90, 90, 500)], axis=1)
    rows, columns = ((inside[:, 1] + 90) // 10).astype(int), ((inside[:, 0] + 180) // 10).astype(int)
    np.testing.assert_array_equal(sample_raster(NOISE, inside), NOISE.values[rows, columns])


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_cell_centres_give_the_cells(method):
    centres = np.stack(np.meshgrid(LON, LAT), axis=-1).reshape(-1, 2)
    np.testing.assert_allclose(sample_raster(NOISE, centres, method).reshape(18, 36), NOISE.values)


def test_bilinear_is_the_interpolation_of_xarray_away_from_the_edges():
    inside = np.stack([RNG.uniform(-175, 175, 500), RNG.uniform(-85, 85, 500)], axis=1)
    expected = NOISE.interp(lon=("point", inside[:, 0]), lat=("point", inside[:, 1]))
    np.testing.assert_allclose(sample_raster(NOISE, inside, "bilinear"), expected)


def test_the_date_line_is_not_an_edge():
    values = NOISE.values
    across = [[180, 5], [-180, 5], [178, 5], [-178, 5]]
    west, east = values[9, 35], values[9, 0]
    np.testing.assert_allclose(
        sample_raster(NOISE, across, "bilinear"),
        [(west + east) / 2, (west + east) / 2, 0.7 * west + 0.3 * east, 0.3 * west + 0.7 * east],
    )
    np.testing.assert_array_equal(sample_raster(NOISE, across), [east, east, west, east])


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_the_last_row_extends_to_the_pole(method):
    found = sample_raster(NOISE, [[5, 90], [5, 88.7], [5, -87.3], [5, -90]], method)
    np.testing.assert_array_equal(found, NOISE.values[[17, 17, 0, 0], 18])


def test_nodes_on_the_date_line_and_the_poles_wrap_too():
    lat, lon = np.linspace(-90, 90, 19), np.arange(-180, 180, 10.0)
    nodes = raster(RNG.normal(size=(19, 36)), lat, lon)
    found = sample_raster(nodes, [[180, 90], [175, -90], [-180, 0]], "bilinear")
    np.testing.assert_allclose(
        found, [nodes.values[18, 0], nodes.values[0, [35, 0]].mean(), nodes.values[9, 0]]
    )


def test_bands_come_first_and_types_are_kept():
    bands = raster(RNG.integers(0, 255, (3, 18, 36), dtype=np.uint8), dims=("band", "lat", "lon"))
    nearest = sample_raster(bands, [[0, 1], [20, 30]])
    assert nearest.shape == (3, 2)
    assert nearest.dtype == np.uint8
    mixed = sample_raster(bands, [[0, 0]], "bilinear")[:, 0]
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, bands.values[:, 8:10, 17:19].astype(float).mean((1, 2)))


def test_single_precision_axes_are_regular():
    narrow = NOISE.assign_coords(lat=LAT.astype(np.float32), lon=LON.astype(np.float32))
    np.testing.assert_array_equal(
        sample_raster(narrow, [[3, 4], [-170, 80]]), sample_raster(NOISE, [[3, 4], [-170, 80]])
    )


def test_a_regional_raster_ends_at_the_edges_of_its_cells():
    region = raster(NOISE.values[8:12, 15:25], LAT[8:12], LON[15:25])
    assert sample_raster(region, [[-30, -10], [70, 30]], "bilinear") == pytest.approx(
        [region.values[0, 0], region.values[-1, -1]]
    )
    with pytest.raises(ValueError, match="1 of 2 longitudes lie outside"):
        sample_raster(region, [[-31, 0], [0, 0]])
    with pytest.raises(ValueError, match="2 of 2 latitudes lie outside"):
        sample_raster(region, [[0, 31], [0, -11]])


@pytest.mark.parametrize(
    ("array", "method", "words"),
    [
        (NOISE.transpose("lon", "lat"), "nearest", "must end in the dims lat, lon"),
        (NOISE.drop_vars("lat"), "nearest", "needs a coordinate 'lat'"),
        (NOISE.isel(lon=[0]), "nearest", "needs a coordinate 'lon'"),
        (NOISE[::-1], "nearest", "must be ascending"),
        (NOISE.isel(lon=[0, 1, 3]), "nearest", "evenly spaced"),
        (NOISE, "cubic", "method must be"),
    ],
)
def test_invalid_rasters_are_rejected(array, method, words):
    with pytest.raises(ValueError, match=words):
        sample_raster(array, [[-175, 0]], method)
