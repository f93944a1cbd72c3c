"""Designs: points spread over the sphere more evenly than independent ones.

`fibonacci`, `healpix` and `grid` are fixed places; the seed determines only their order, and which are dropped if the
design has more than n points. `strata`, `latin_hypercube` and `sobol` are random, each with a rule that spreads its
points. All of them map a design on the unit square to the sphere with an equal-area map, except `grid`, which is denser
towards the poles.

In all designs except `sobol`, the order of the points is shuffled by the seed: the first m are a random subset of the
design and not the design of size m. Parameters and return value are those of `earthdim.data.samples`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from earthdim.data.samples.domain import CHUNK, Condition, accepted, check_n, equal_area, ground, met

SPARSEST = 20
"""Size of a design, in multiples of n, above which the search for n points on land fails."""


def fibonacci(n: int, rng: np.random.Generator, is_land: Condition, over: str) -> NDArray[np.float64]:
    """Place `n` points on a Fibonacci lattice: a spiral from pole to pole that turns by the golden angle.

    Every point represents the same area, and distances to the nearest point are nearly equal. A lattice exists for
    every size. Over land, the lattice grows by the number of missing points until it has `n` on land (which is close to
    the smallest such size); the surplus is dropped at random.

    References
    ----------
    Swinbank and Purser (2006), Fibonacci grids: a novel approach to global modelling, Quarterly Journal of the Royal
    Meteorological Society 132, doi:10.1256/qj.05.227; Gonzalez (2010), Measurement of areas on a sphere using Fibonacci
    and latitude-longitude lattices, Mathematical Geosciences 42, doi:10.1007/s11004-009-9257-x.
    """
    return _thinned(n, rng, ground(over, is_land), _spiral, n, lambda size, missing: size + missing)


def healpix(n: int, rng: np.random.Generator, is_land: Condition, over: str) -> NDArray[np.float64]:
    """Place `n` points at centres of HEALPix pixels, which all have the same area.

    The resolution is the lowest, 12 * 4^k pixels, with `n` centres (over land: `n` on land); the surplus, up to three
    quarters of them, is dropped at random. The points are as evenly spread as the pixels only if few are dropped, as
    for 12,288 on the globe.

    References
    ----------
    Gorski et al. (2005), HEALPix: a framework for high-resolution discretization and fast analysis of data distributed
    on the sphere, Astrophysical Journal 622, doi:10.1086/427976.
    """
    order = next(k for k in range(30) if 12 * 4**k >= n)
    return _thinned(n, rng, ground(over, is_land), _pixel_centres, order, lambda order, _: order + 1)


def grid(n: int, rng: np.random.Generator, is_land: Condition, over: str) -> NDArray[np.float64]:
    """Place `n` points on a regular grid of longitude and latitude, which is not uniform by area.

    Points are denser towards the poles, like meridians: half of them lie beyond 45 degrees, on 29 % of the globe. The
    grid consists of the centres of r rows by 2 r columns of cells that are square in degrees, for the smallest r with
    `n` points (over land: `n` on land); the surplus is dropped at random.
    """
    rows = next(r for r in range(1, n + 2) if 2 * r * r >= n)
    return _thinned(n, rng, ground(over, is_land), _cell_centres, rows, lambda rows, _: rows + 1)


def strata(n: int, rng: np.random.Generator, is_land: Condition, over: str) -> NDArray[np.float64]:
    """Draw one point from each of `n` strata: cells of equal area, nearly square away from the poles.

    On the globe there are exactly `n` strata. Over land, points at sea are discarded, and the number of strata grows by
    the number of missing points until `n` points are on land; the surplus is dropped at random.

    References
    ----------
    Cells in zones between parallels: Leopardi (2006), A partition of the unit sphere into regions of equal area and
    small diameter, Electronic Transactions on Numerical Analysis 25, 309-327; here without its polar caps.
    """

    def one_a_stratum(cells: int) -> NDArray[np.float64]:
        first, columns = _zones(cells)
        zone = np.repeat(np.arange(len(columns)), columns)
        column = np.arange(cells) - first[zone]
        east, height = rng.random((cells, 2)).T
        unit = np.stack(
            [(column + east) / columns[zone], (first[zone] + columns[zone] * height) / cells], axis=1
        )
        return equal_area(unit)

    return _thinned(n, rng, ground(over, is_land), one_a_stratum, n, lambda size, missing: size + missing)


def latin_hypercube(n: int, rng: np.random.Generator, is_land: Condition, over: str) -> NDArray[np.float64]:
    """Draw a Latin hypercube: on the globe, one point in each of `n` lunes and one in each of `n` zones of equal area.

    Over land, the hypercube of the globe grows by the number of missing points until `n` are on land; the surplus is
    dropped at random, so that no lune or zone of that hypercube holds more than one point, and some hold none.

    References
    ----------
    McKay, Beckman and Conover (1979), A comparison of three methods for selecting values of input variables in the
    analysis of output from a computer code, Technometrics 21, doi:10.1080/00401706.1979.10489755.
    """
    from scipy.stats import qmc

    def hypercube(size: int) -> NDArray[np.float64]:
        return equal_area(qmc.LatinHypercube(d=2, rng=rng).random(size))

    return _thinned(n, rng, ground(over, is_land), hypercube, n, lambda size, missing: size + missing)


def sobol(n: int, rng: np.random.Generator, is_land: Condition, over: str) -> NDArray[np.float64]:
    """Return the first `n` points of a scrambled Sobol sequence (over land: the first `n` on land).

    Unlike the other designs it is a sequence: the first m points equal the sample of size m. It is most even for powers
    of two on the globe.

    References
    ----------
    Sobol (1967), On the distribution of points in a cube and the approximate evaluation of integrals, USSR
    Computational Mathematics and Mathematical Physics 7, doi:10.1016/0041-5553(67)90144-9; scrambling by Matousek
    (1998), On the L2-discrepancy for anchored boxes, Journal of Complexity 14, doi:10.1006/jcom.1998.0489.
    """
    from scipy.stats import qmc

    sequence = qmc.Sobol(d=2, rng=rng)
    # CHUNK is a power of two, so every chunk is balanced.
    return accepted(n, lambda: equal_area(sequence.random(CHUNK)), ground(over, is_land), "the globe")


def _thinned(
    n: int,
    rng: np.random.Generator,
    conditions: tuple[Condition, ...],
    design: Callable[[int], NDArray[np.float64]],
    size: int,
    larger: Callable[[int, int], int],
) -> NDArray[np.float64]:
    """Enlarge a design until `n` of its points meet the conditions; shuffle them and drop the surplus.

    `larger` takes a size and the number of missing points, and returns the next size.
    """
    check_n(n)
    while True:
        points = design(size)
        kept = met(points, conditions)
        if len(kept) >= n:
            return kept[rng.permutation(len(kept))[:n]]
        if len(points) > SPARSEST * n:
            raise ValueError(f"is_land: a design of {len(points)} points has {len(kept)} on land, not {n}")
        size = larger(size, n - len(kept))


def _spiral(size: int) -> NDArray[np.float64]:
    place = np.arange(size)
    turns = place * (np.sqrt(5) - 1) / 2
    return equal_area(np.stack([turns % 1, (place + 0.5) / size], axis=1))


def _pixel_centres(order: int) -> NDArray[np.float64]:
    from astropy_healpix import healpix_to_lonlat

    nside = 2**order
    lon, lat = (angle.to_value("deg") for angle in healpix_to_lonlat(np.arange(12 * nside**2), nside))
    return np.stack([(lon + 180) % 360 - 180, lat], axis=1)


def _cell_centres(rows: int) -> NDArray[np.float64]:
    step = 180 / rows
    lon = -180 + step * (np.arange(2 * rows) + 0.5)
    lat = -90 + step * (np.arange(rows) + 0.5)
    return np.stack(np.meshgrid(lon, lat), axis=-1).reshape(-1, 2)


def _zones(cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide the sphere into zones of whole cells that are about as high as wide.

    Returns the number of cells south of each zone, and the number in it.
    """
    side = np.sqrt(4 * np.pi / cells)
    edges = np.linspace(-np.pi / 2, np.pi / 2, max(round(np.pi / side), 1) + 1)
    # Edges are moved to the nearest parallel with a whole number of cells south of it.
    south = np.unique(np.rint(cells * (1 + np.sin(edges)) / 2).astype(np.int64))
    return south[:-1], np.diff(south)
