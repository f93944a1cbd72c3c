"""Independent points, uniform by area, within the polygons of a file."""

import numpy as np
from numpy.typing import NDArray

from earthdim.data.samples import polygon_files
from earthdim.data.samples.domain import CHUNK, Box, Condition, accepted, equal_area, existing, ground


def polygon(
    n: int, rng: np.random.Generator, is_land: Condition, path: str, over: str
) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area within the polygons of a file, by rejection from the box around each.

    Edges are straight in longitude and latitude, as in GeoJSON, not arcs of great circles. Holes are excluded, and
    overlaps count once. A polygon that crosses the date line must be cut there, or continue beyond 180 degrees: no edge
    may span more than 180 degrees, except along a pole and for polygons that surround the globe (a polar continent, a
    zone).

    Parameters
    ----------
    n, rng, is_land, over
        See `earthdim.data.samples`. `rng` is always advanced by whole chunks of proposals.
    path : str
        Polygons in degrees of longitude and latitude, as GeoJSON, well-known text or binary, or GeoParquet, recognised
        by the file's first bytes; see `earthdim.data.samples.polygon_files.read`.

    Raises
    ------
    ValueError
        If the file cannot be read or does not hold valid polygons in degrees, or no point is found in them.
    FileNotFoundError
        If the file does not exist.

    References
    ----------
    RFC 7946, The GeoJSON format, sections 3.1.1 (edges) and 3.1.9 (the date line).
    """
    import shapely

    conditions = ground(over, is_land)
    parts = np.array(
        list(polygon_files.flat(shapely.union_all(polygon_files.read(existing(path))))), dtype=object
    )
    shapely.prepare(parts)
    west, south, east, north = shapely.bounds(parts).T
    boxes = np.stack([west, east - west, south, north])
    # Parts do not overlap. Each is proposed in proportion to the area of its box, so proposals are uniform by area.
    share = np.cumsum((east - west) * (np.sin(np.radians(north)) - np.sin(np.radians(south))))

    def proposals() -> NDArray[np.float64]:
        unit = rng.random((CHUNK, 3))
        part = np.searchsorted(share / share[-1], unit[:, 0], side="right")
        lonlat = equal_area(unit[:, 1:], Box(*boxes[:, part]))
        return lonlat[shapely.contains_xy(parts[part], lonlat)]

    sought = "is_land: no land" if conditions else "sample.path: nothing inside"
    return accepted(n, proposals, conditions, f"the boxes around the polygons of {path}", sought)
