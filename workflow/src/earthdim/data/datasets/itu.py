"""Climatologies and heights from the digital maps of ITU-R recommendations, in the package itur.

The maps have additional rows and columns beyond the poles and the date line for interpolation; they are removed here.
Those of P.836 and P.840 lack most values of one row near the North Pole, where there is no land; it is filled from
its neighbours.
"""

import numpy as np
import xarray as xr

from earthdim.data.datasets.packaged import centres, package_file, raster
from earthdim.data.datasets.raster import sample_raster

CLIMATE_DEGREES = 0.5


def _array(file: str) -> np.ndarray:
    with np.load(package_file("itur", f"itur/data/{file}")) as archive:
        (name,) = archive.files
        return archive[name]


def _months(dataset: xr.Dataset) -> xr.Dataset:
    return dataset.assign_coords(month=("month", np.arange(1, 13), {"long_name": "month of the year"}))


def elevation() -> xr.Dataset:
    """Height above mean sea level, ITU-R P.1511-2, 5 arc-minutes.

    Returns
    -------
    Dataset
        `elevation` (lat, lon), float32, metres.
    """
    guarded = _array("1511/v2_topo.npz")
    values = np.ascontiguousarray(guarded[2:-2, 2:-2][::-1]).astype(np.float32)
    rows, columns = values.shape
    attributes = {
        "units": "m",
        "standard_name": "surface_altitude",
        "long_name": "height above mean sea level",
    }
    return raster(values, "elevation", attributes, centres(-90, 90, rows), centres(-180, 180, columns))


def temperature() -> xr.Dataset:
    """Mean monthly temperature 2 m above the surface, ITU-R P.1510-1, 0.75 degrees.

    Returns
    -------
    Dataset
        `temperature` (month, lat, lon), float32, kelvin; rows and columns are the nodes of the grid.
    """
    months = [_array(f"1510/v1_t_month{month:02d}.npz")[:, :-1] for month in range(1, 13)]
    lat, lon = _array("1510/v1_lat.npz")[:, 0], _array("1510/v1_lon.npz")[0, :-1]
    attributes = {
        "units": "K",
        "standard_name": "air_temperature",
        "long_name": "mean temperature 2 m above the surface",
    }
    values = np.stack(months).astype(np.float32)
    return _months(raster(values, "temperature", attributes, lat.astype(float), lon.astype(float), "month"))


def rainfall() -> xr.Dataset:
    """Mean monthly rainfall, ITU-R P.837-7, 0.25 degrees.

    Returns
    -------
    Dataset
        `rainfall` (month, lat, lon), float32, millimetres per month.
    """
    months = [_array(f"837/v7_mt_month{month:02d}.npz")[1:-1, 1:-1] for month in range(1, 13)]
    values = np.stack(months).astype(np.float32)
    rows, columns = values.shape[1:]
    attributes = {
        "units": "mm month-1",
        "standard_name": "lwe_thickness_of_precipitation_amount",
        "long_name": "mean rainfall of the month",
    }
    return _months(
        raster(values, "rainfall", attributes, centres(-90, 90, rows), centres(-180, 180, columns), "month")
    )


def climate() -> xr.Dataset:
    """Monthly temperature and rainfall on one grid of 0.5 degrees.

    Returns
    -------
    Dataset
        `climate` (band, lat, lon), float32: twelve months of temperature in kelvin, then twelve of log(1 + rainfall),
        with rainfall in millimetres per month.
    """
    lat = centres(-90, 90, round(180 / CLIMATE_DEGREES))
    lon = centres(-180, 180, round(360 / CLIMATE_DEGREES))
    nodes = np.stack(np.broadcast_arrays(lon[None, :], lat[:, None]), axis=-1).reshape(-1, 2)
    bands = [
        sample_raster(temperature()["temperature"], nodes, "bilinear"),
        np.log1p(sample_raster(rainfall()["rainfall"], nodes, "bilinear")),
    ]
    values = np.concatenate(bands).reshape(24, len(lat), len(lon)).astype(np.float32)
    attributes = {"long_name": "temperature (K) and log(1 + rainfall / (mm month-1)), by month", "units": "1"}
    dataset = raster(values, "climate", attributes, lat, lon, "band")
    return dataset.assign_coords(band=("band", np.arange(24), {"long_name": "month and variable"}))


def _column_contents(folder: str, file: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A map of P.836 or P.840 with its latitudes and longitudes, ascending from -90 and -180 degrees.

    The files run from north to south and from 0 to 360 degrees E, which repeats the first meridian.
    """
    parts = (_array(f"{folder}/{name}.npz") for name in (file, f"{file[:2]}_lat", f"{file[:2]}_lon"))
    values, lat, lon = (part[::-1, :-1] for part in parts)
    east = (lon[0] + 180.0) % 360.0 - 180.0
    order = np.argsort(east)
    values = values[:, order]
    for row in np.flatnonzero(np.isnan(values).any(axis=1)):
        values[row] = np.where(np.isnan(values[row]), (values[row - 1] + values[row + 1]) / 2, values[row])
    return values.astype(np.float32), lat[:, 0].astype(float), east[order].astype(float)


def water_vapour() -> xr.Dataset:
    """Median over the year of the total water vapour content, ITU-R P.836-6, 1.125 degrees.

    Returns
    -------
    Dataset
        `water_vapour` (lat, lon), float32, kilograms per square metre, exceeded for half of an average year above the
        ground of the map's grid; rows and columns are the nodes of the grid.
    """
    values, lat, lon = _column_contents("836", "v6_v_50")
    attributes = {
        "units": "kg m-2",
        "standard_name": "atmosphere_mass_content_of_water_vapor",
        "long_name": "water vapour content exceeded for half of the year",
    }
    return raster(values, "water_vapour", attributes, lat, lon)


def cloud_water() -> xr.Dataset:
    """Content of reduced cloud liquid water exceeded for a tenth of the year, ITU-R P.840-7, 1.125 degrees.

    The median would be zero for a third of the globe. Reduced means converted to the same attenuation at 0 degrees C.

    Returns
    -------
    Dataset
        `cloud_water` (lat, lon), float32, kilograms per square metre; rows and columns are the nodes of the grid.
    """
    values, lat, lon = _column_contents("840", "v7_lred_10")
    attributes = {
        "units": "kg m-2",
        "standard_name": "atmosphere_mass_content_of_cloud_liquid_water",
        "long_name": "reduced cloud liquid water exceeded for a tenth of the year",
    }
    return raster(values, "cloud_water", attributes, lat, lon)
