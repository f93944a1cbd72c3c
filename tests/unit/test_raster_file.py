import numpy as np
import pytest
import xarray as xr

from earthdim import artefacts
from earthdim.datasets.files import raster_file
from earthdim.datasets.raster import sample_raster

LAT, LON = np.linspace(80, -80, 17), np.arange(5.0, 360, 10)
VALUES = np.arange(17 * 36, dtype=np.float32).reshape(17, 36)


def grid(values=VALUES, names=("latitude", "longitude"), lat=LAT, lon=LON):
    return xr.Dataset({"snow": (names, values)}, coords={names[0]: lat, names[1]: lon})


@pytest.mark.parametrize("names", [("lat", "lon"), ("latitude", "longitude"), ("y", "x")])
@pytest.mark.parametrize("ending", ["zarr", "nc"])
def test_a_users_raster_reads_as_the_packaged_ones_do(tmp_path, names, ending):
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


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        raster_file(str(tmp_path / "none.nc"), "snow")
    cases = {
        "other": (grid(), "rain", "variable: .* has no 'rain'; it has snow"),
        "dims": (grid(names=("row", "column")), "snow", "none of the dimensions lat, latitude, y"),
        "gaps": (grid(VALUES[:, :30], lon=np.delete(LON, [3, 9, 11, 20, 21, 30])), "snow", "at one spacing"),
        "holes": (grid(np.where(VALUES == 7, np.nan, VALUES)), "snow", "not finite"),
    }
    for name, (dataset, variable, words) in cases.items():
        path = tmp_path / f"{name}.nc"
        dataset.to_netcdf(path, engine="scipy")
        with pytest.raises(ValueError, match=words):
            raster_file(str(path), variable)


def test_a_dimension_without_degrees_is_refused(tmp_path):
    cases = {
        "indices": (grid().drop_vars("longitude"), "the dimension longitude has no coordinate"),
        "metres": (grid(names=("y", "x"), lon=LON * 1000), "x is not in degrees from -180 to 360"),
        "south": (grid(lat=LAT - 20), "latitude is not in degrees from -90 to 90"),
        "overlap": (grid(lon=np.linspace(0, 360, 36)), "at one spacing"),
    }
    for name, (dataset, words) in cases.items():
        path = tmp_path / f"{name}.nc"
        dataset.to_netcdf(path, engine="scipy")
        with pytest.raises(ValueError, match=words):
            raster_file(str(path), "snow")


def test_what_is_no_raster_file_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "snow.txt").write_text("snow")
    for name in ("folder", "snow.txt"):
        with pytest.raises(ValueError, match="is no Zarr store or NetCDF file"):
            raster_file(str(tmp_path / name), "snow")


def test_a_packed_raster_keeps_its_values_in_the_store(tmp_path):
    packed = {"snow": {"dtype": "int16", "scale_factor": 0.5, "add_offset": 10.0, "_FillValue": -1}}
    grid().to_netcdf(tmp_path / "snow.nc", engine="scipy", encoding=packed)
    dataset = raster_file(str(tmp_path / "snow.nc"), "snow")
    assert dataset["lon"].attrs["standard_name"] == "longitude"
    assert not dataset["snow"].encoding
    np.testing.assert_array_equal(np.sort(dataset["snow"].values, axis=None), VALUES.ravel())
    artefacts.save_store(dataset, tmp_path / "snow.zarr", "dataset", {})
    stored = artefacts.open_store(tmp_path / "snow.zarr", "dataset")
    np.testing.assert_array_equal(stored["snow"].values, dataset["snow"].values)
