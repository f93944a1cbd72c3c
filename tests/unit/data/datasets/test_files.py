from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from earthdim.data.datasets.files import opened, raster_file
from earthdim.data.datasets.raster import NoValueError, sample_raster
from earthdim.probing.tasks.raster import RasterField
from earthdim.storage import stores

LAT, LON = np.linspace(80, -80, 17), np.arange(5.0, 360, 10)
VALUES = np.arange(17 * 36, dtype=np.float32).reshape(17, 36)


def grid(values=VALUES, names=("latitude", "longitude"), lat=LAT, lon=LON):
    return xr.Dataset({"snow": (names, values)}, coords={names[0]: lat, names[1]: lon})


@pytest.mark.parametrize("names", [("lat", "lon"), ("latitude", "longitude"), ("y", "x")])
@pytest.mark.parametrize("ending", ["zarr", "nc"])
def test_a_user_supplied_raster_is_read_like_a_packaged_one(tmp_path, names, ending):
    path = tmp_path / f"snow.{ending}"
    if ending == "zarr":
        grid(names=names).to_zarr(path, zarr_format=2)
    else:
        grid(names=names).to_netcdf(path, engine="scipy")
    dataset = raster_file(str(path), "snow")
    assert dataset["snow"].dims == ("lat", "lon")
    assert dataset["lon"].values[0] == -175
    assert dataset["lat"].values[0] == -80
    np.testing.assert_array_equal(
        sample_raster(dataset["snow"], [[5, 80], [-5, -80]]), VALUES[[0, -1], [0, -1]]
    )


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        raster_file(str(tmp_path / "none.nc"), "snow")
    cases = {
        "other": (grid(), "rain", "variable: .* has no variable 'rain'; it has snow"),
        "dims": (
            grid(names=("row", "column")),
            "snow",
            "snow has no dimension with coordinates named lat or latitude",
        ),
        "gaps": (grid(VALUES[:, :30], lon=np.delete(LON, [3, 9, 11, 20, 21, 30])), "snow", "evenly spaced"),
        "holes": (grid(np.where(VALUES == 7, np.nan, VALUES)), "snow", "not finite"),
    }
    for name, (dataset, variable, words) in cases.items():
        path = tmp_path / f"{name}.nc"
        dataset.to_netcdf(path, engine="scipy")
        with pytest.raises(ValueError, match=words):
            raster_file(str(path), variable)


def test_a_dimension_without_degrees_is_rejected(tmp_path):
    cases = {
        "indices": (grid().drop_vars("longitude"), "the dimension longitude has no coordinate"),
        "metres": (grid(names=("y", "x"), lon=LON * 1000), "x is not in degrees from -180 to 360"),
        "south": (grid(lat=LAT - 20), "latitude is not in degrees from -90 to 90"),
        "overlap": (
            grid(lon=np.linspace(0, 360, 36)),
            "longitudes 0 and 360 are the same place, but snow differs",
        ),
    }
    for name, (dataset, words) in cases.items():
        path = tmp_path / f"{name}.nc"
        dataset.to_netcdf(path, engine="scipy")
        with pytest.raises(ValueError, match=words):
            raster_file(str(path), "snow")


def test_files_that_are_not_rasters_are_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "snow.txt").write_text("snow")
    for name in ("folder", "snow.txt"):
        with pytest.raises(ValueError, match=rf"{name} (is not a|cannot be read as) Zarr store or NetCDF"):
            raster_file(str(tmp_path / name), "snow")


def test_a_packed_raster_keeps_its_values_in_the_store(tmp_path):
    packed = {"snow": {"dtype": "int16", "scale_factor": 0.5, "add_offset": 10.0, "_FillValue": -1}}
    grid().to_netcdf(tmp_path / "snow.nc", engine="scipy", encoding=packed)
    dataset = raster_file(str(tmp_path / "snow.nc"), "snow")
    assert dataset["lon"].attrs["standard_name"] == "longitude"
    assert not dataset["snow"].encoding
    np.testing.assert_array_equal(np.sort(dataset["snow"].values, axis=None), VALUES.ravel())
    stores.save_store(dataset, tmp_path / "snow.zarr", "dataset", {})
    stored = stores.open_store(tmp_path / "snow.zarr", "dataset")
    np.testing.assert_array_equal(stored["snow"].values, dataset["snow"].values)


def write(path, dataset):
    """In the format that the name asks for: .nc is NetCDF 3, .nc4 NetCDF 4."""
    if path.suffix == ".zarr":
        dataset.to_zarr(path, zarr_format=2)
    else:
        dataset.to_netcdf(path, engine="h5netcdf" if path.suffix == ".nc4" else "scipy")
    return str(path)


def field(lat, lon):
    """A field of integers that identify the location of each cell, periodic in longitude."""
    return np.add.outer(1000 * np.asarray(lat, float), np.asarray(lon, float).round(6) % 360).round()


def at(dataset, *lonlat, method="nearest"):
    return sample_raster(dataset["snow"], np.array(lonlat, float), method)


FORMATS = ["zarr", "nc", "nc4"]


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    "lon", [np.arange(0, 361, 5.0), np.arange(-180, 181, 5.0), np.arange(0, 366, 5.0)[:73]]
)
def test_a_column_that_repeats_the_first_is_dropped(tmp_path, ending, lon):
    lat = np.arange(-90, 91, 5.0)
    path = write(tmp_path / f"a.{ending}", grid(field(lat, lon), lat=lat, lon=lon))
    dataset = raster_file(path, "snow")
    np.testing.assert_array_equal(dataset["lon"], np.arange(-180, 180, 5.0))
    np.testing.assert_array_equal(dataset["snow"], field(lat, np.arange(-180, 180, 5.0)))
    # Between the last centre and the first.
    assert at(dataset, [-1, 0], method="bilinear") == pytest.approx(0.8 * 0 + 0.2 * 355)


def test_two_repeated_columns_are_dropped_and_other_overlaps_rejected(tmp_path):
    lat, lon = np.arange(-85, 90, 10.0), np.arange(-175, 196, 10.0)
    dataset = raster_file(write(tmp_path / "a.nc", grid(field(lat, lon), lat=lat, lon=lon)), "snow")
    np.testing.assert_array_equal(dataset["lon"], np.arange(-175, 180, 10.0))
    lon = np.arange(-175, 200, 7.0)
    with pytest.raises(ValueError, match=r"b\.nc: longitudes -175 to 196 overlap, but not column by column"):
        raster_file(write(tmp_path / "b.nc", grid(field(lat, lon), lat=lat, lon=lon)), "snow")


def test_a_repeated_column_that_differs_is_dropped_with_a_warning(tmp_path):
    lat, lon = np.arange(-90, 91, 5.0), np.arange(0, 361, 5.0)
    path = write(tmp_path / "a.nc", grid(np.add.outer(lat, lon / 10), lat=lat, lon=lon))
    with pytest.warns(
        UserWarning, match=r"a\.nc: longitudes 0 and 360 are the same place, but snow differs there; .* 360"
    ):
        dataset = raster_file(path, "snow")
    assert at(dataset, [0, 0]) == 0


AXES = {
    "lon first": lambda d: d.transpose("longitude", "latitude"),
    "north first": lambda d: d.sortby("latitude", ascending=False),
    "east first": lambda d: d.sortby("longitude", ascending=False),
    "-180 to 180": lambda d: d.assign_coords(longitude=(d.longitude + 180) % 360 - 180),
    "capitals": lambda d: d.rename(latitude="Lat", longitude="LON"),
    "by their units": lambda d: d.rename(latitude="south_north", longitude="west_east").assign_coords(
        south_north=("south_north", LAT, {"units": "degrees_north"}),
        west_east=("west_east", LON, {"units": "degrees_east"}),
    ),
    "a time of one": lambda d: d.expand_dims(time=[np.datetime64("2020-01-01", "ns")]),
    "a time in the middle": lambda d: d.expand_dims(time=[0.0]).transpose("latitude", "time", "longitude"),
    "a scalar and a text": lambda d: d.assign_coords(height=2.0, member="r1"),
    "single precision": lambda d: d.assign_coords(longitude=LON.astype(np.float32)),
}


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("case", AXES)
def test_axes_are_found_by_names_in_any_order_and_direction(tmp_path, case, ending):
    path = write(tmp_path / f"a.{ending}", AXES[case](grid(field(LAT, LON))))
    dataset = raster_file(path, "snow")
    assert dataset["snow"].dims == ("lat", "lon")
    assert set(dataset.coords) == {"lat", "lon"}
    np.testing.assert_array_equal(at(dataset, [25, 40], [-65, -60], [175, 80]), [40025, -59705, 80175])


def test_leading_axes_stay(tmp_path):
    months = xr.concat([grid(field(LAT, LON) + month) for month in range(3)], "month")
    dataset = raster_file(write(tmp_path / "a.nc4", months), "snow")
    assert dataset["snow"].dims == ("month", "lat", "lon")
    np.testing.assert_array_equal(at(dataset, [25, 40])[:, 0], [40025, 40026, 40027])


@pytest.mark.parametrize(
    ("step", "size", "summed"),
    [
        (0.1, 3600, False),
        (1 / 12, 4320, False),
        (1 / 240, 2400, False),
        (1 / 1200, 999, False),
        (0.1, 3600, True),
        (1 / 12, 4320, True),
        (0.05, 7200, True),
    ],
)
@pytest.mark.filterwarnings("ignore:.*lon is evenly spaced only to .*; it is read as evenly spaced")
def test_spacing_in_single_precision_is_one_spacing(tmp_path, step, size, summed):
    lon = np.float32(-180) + np.arange(size, dtype=np.float32) * np.float32(step)
    if summed:
        lon = np.cumsum(np.r_[np.float32(-180), np.full(size - 1, step, np.float32)], dtype=np.float32)
    values = np.arange(3.0 * size).reshape(3, size)
    path = write(tmp_path / "a.zarr", grid(values, lat=np.array([-1, 0, 1], np.float32), lon=lon))
    dataset = raster_file(path, "snow")
    columns = np.array([0, 1, size // 2, size - 1])
    exact = np.column_stack([-180 + step * columns, np.zeros(4)])
    np.testing.assert_array_equal(at(dataset, *exact), values[1, columns])


def test_bounds_exceeded_by_rounding_are_accepted(tmp_path):
    lat = np.linspace(-90.00000000000003, 90.00000000000003, 19)
    lon = np.arange(-180.00000000000003, 179, 10)
    dataset = raster_file(write(tmp_path / "a.nc", grid(field(lat, lon), lat=lat, lon=lon)), "snow")
    assert dataset["lat"].values[[0, -1]].tolist() == [-90, 90]
    assert (at(dataset, [-180, 40], [180, 40], [0, 90]) == [40180, 40180, 90000]).all()


@pytest.mark.parametrize("lon", [np.arange(160, 206, 5.0), (np.arange(160, 206, 5.0) + 180) % 360 - 180])
def test_a_region_across_the_date_line_is_read_in_one_piece(tmp_path, lon):
    lat = np.arange(-30, 1, 5.0)
    dataset = raster_file(write(tmp_path / "a.nc", grid(field(lat, lon), lat=lat, lon=lon)), "snow")
    np.testing.assert_array_equal(at(dataset, [175, -10], [-175, -10], [-180, 0]), [-9825, -9815, 180])
    assert at(dataset, [-178, -10], method="bilinear") == pytest.approx(-10000 + 182)
    with pytest.raises(NoValueError, match="2 of 3 longitudes lie outside"):
        at(dataset, [0, -10], [-140, -10], [170, -10])


def test_gaps_are_rejected_or_filled_within_fill_cells(tmp_path):
    lat, lon = np.arange(-85, 90, 10.0), np.arange(5.0, 360, 10)
    values = field(lat, lon)
    # A sea of ten columns across the date line, and an ocean of no data below 40 degrees south.
    holes = values.copy()
    holes[:, 13:23] = np.nan
    holes[:5] = np.nan
    for ending in FORMATS:
        path = write(tmp_path / f"a.{ending}", grid(holes, lat=lat, lon=lon))
        count = int(np.isnan(holes).sum())
        with pytest.raises(
            ValueError, match=rf"a\.{ending}: snow .* in {count} of 648 cells .*fill_cells: 3"
        ):
            raster_file(path, "snow")
        dataset = raster_file(path, "snow", fill_cells=2)
        # Columns 12 and 23 have values; 14 and 21 are two away, 15 and 20 three.
        row = at(dataset, *[[x if x < 180 else x - 360, 45] for x in lon[11:25]])
        expected = values[13, [11, 12, 12, 12, 0, 0, 0, 0, 0, 0, 23, 23, 23, 24]]
        expected[4:10] = np.nan
        np.testing.assert_array_equal(row, expected)
        np.testing.assert_array_equal(at(dataset, [5, -75], [5, -55]), [np.nan, values[5, 0]])
        assert RasterField("snow", method="nearest").labels(np.array([[5.0, -55]]), dataset) == values[5, 0]
        with pytest.raises(NoValueError, match="no finite label at 1 points"):
            RasterField("snow").labels(np.array([[5.0, 15], [180, 45]]), dataset)
    with pytest.raises(ValueError, match="fill_cells: must be 0 or more"):
        raster_file(path, "snow", fill_cells=-1)


def test_gaps_marked_by_the_files_fill_value_are_gaps(tmp_path):
    packed = {"snow": {"dtype": "int16", "_FillValue": -999}}
    holes = np.where(VALUES == 100, np.nan, VALUES)
    for ending, engine in (("nc", "scipy"), ("nc4", "h5netcdf")):
        grid(holes).to_netcdf(tmp_path / f"a.{ending}", engine=engine, encoding=packed)
        with pytest.raises(ValueError, match=r"not finite, in 1 of 612 cells"):
            raster_file(str(tmp_path / f"a.{ending}"), "snow")


OTHERS = {
    "GRIB": b"GRIB" + bytes(99),
    "a TIFF image": b"II*\x00" + bytes(99),
    "a zip archive": b"PK\x03\x04" + bytes(99),
    "NetCDF of the 64-bit data format": b"CDF\x05" + bytes(99),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_unsupported_formats_are_named(tmp_path, kind):
    (tmp_path / "a.nc").write_bytes(OTHERS[kind])
    with pytest.raises(
        ValueError, match=rf"path: .*a\.nc is {kind}.*; Zarr stores and NetCDF are supported: convert it"
    ):
        raster_file(str(tmp_path / "a.nc"), "snow")


def test_a_damaged_netcdf_4_file_is_a_one_line_error(tmp_path):
    (tmp_path / "none.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2000))
    whole = Path(write(tmp_path / "whole.nc4", grid())).read_bytes()
    (tmp_path / "half.nc").write_bytes(whole[: len(whole) // 2])
    for name in ("none", "half"):
        with pytest.raises(ValueError, match=rf"{name}\.nc cannot be read as NetCDF 4 .HDF5.") as caught:
            raster_file(str(tmp_path / f"{name}.nc"), "snow")
        assert all(mark not in str(caught.value) for mark in ("\n", "http"))


def test_netcdf_4_without_its_package_is_an_error(tmp_path, monkeypatch):
    path = write(tmp_path / "a.nc4", grid())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"a\.nc4 is NetCDF 4 .HDF5., which needs the package h5netcdf: install it, or"
    ):
        raster_file(path, "snow")


def test_a_curvilinear_grid_is_an_error(tmp_path):
    curved = xr.Dataset(
        {"snow": (("j", "i"), VALUES)},
        coords={name: (("j", "i"), np.broadcast_to(1.0, VALUES.shape)) for name in ("nav_lat", "nav_lon")},
    )
    with pytest.raises(ValueError, match=r"a\.nc: nav_lat has two axes"):
        raster_file(write(tmp_path / "a.nc", curved), "snow")


def test_planning_reads_everything_but_the_values(tmp_path):
    lat, lon = np.arange(-90, 91, 5.0), np.arange(0, 361, 5.0)
    path = write(tmp_path / "a.nc4", grid(field(lat, lon), lat=lat, lon=lon))
    with opened(path, "snow") as found:
        assert found["snow"].shape == (37, 72)
        assert not found["snow"].variable._in_memory
    uneven = write(tmp_path / "b.nc", grid(lat=np.r_[LAT[:-1], LAT[-1] - 5]))
    with pytest.raises(
        ValueError, match=r"path: .*b\.nc: raster 'snow': the coordinate 'lat' must be ascending"
    ):
        opened(uneven, "snow").__enter__()
