"""Fill values raise; suspicious columns and places cause a warning; ordinary data cause neither."""

import warnings

import numpy as np
import pytest

import earthdim
from earthdim.data import plausibility

N, D = 1500, 16


def normal(seed=0, d=D):
    return np.random.default_rng(seed).standard_normal((N, d))


def quantised(step=40.0):
    return np.clip(np.round(normal() * step), -128, 127).astype(np.int8)


def put(values, where, value):
    values = values.copy()
    values[where] = value
    return values


USUAL = {
    "normal": normal(),
    "single precision": normal().astype(np.float32),
    "lognormal": np.exp(2 * normal()),
    "cauchy": np.random.default_rng(1).standard_cauchy((N, D)),
    "relu": np.maximum(normal(), 0),
    "relu of few values": np.maximum(normal(d=400) - 1.5, 0),
    "low rank relu": np.maximum(normal(d=8) @ np.random.default_rng(2).standard_normal((8, 512)), 0),
    "int8": quantised(),
    "int8 that is cut off": quantised(100),
    "uint8 of heavy tails": np.clip(
        np.round(np.random.default_rng(1).lognormal(2, 1, (N, D))), 0, 255
    ).astype("u1"),
    "bits": (normal() > 0).astype(np.int8),
    "one of eight": np.eye(8)[np.random.default_rng(1).integers(0, 8, N)],
    "counts": np.random.default_rng(1).poisson(3, (N, D)).astype(float),
    "principal components": normal() * np.exp(-np.arange(D) / 4),
    "every exponent": normal() * 10.0 ** np.random.default_rng(1).integers(-30, 30, (N, D)),
    "far from zero": normal() + 1e6,
    "all the same": np.ones((N, D)),
}


@pytest.mark.parametrize("kind", USUAL)
def test_ordinary_values_pass(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plausibility.check_fill_values(USUAL[kind], "array", None, "")
        if kind not in ("every exponent", "cauchy"):
            plausibility.warn_suspicious_columns(USUAL[kind], "array")


SOME = slice(None, None, 10)
FILL_VALUES = {
    "-128 of int8": (put(quantised(), SOME, -128), "-128 in every feature of 150 of 1500 rows"),
    "one masked pixel": (put(quantised(), 7, -128), "-128 in every feature of 1 of 1500 rows"),
    "65535 of uint16": (put(np.abs(quantised()).astype("u2"), SOME, 65535), "65535 in every feature of 150"),
    "single precision's end": (
        put(normal().astype("f4"), SOME, -3.4028235e38),
        "-3.4028234663852886e[+]38 in every",
    ),
    "NetCDF's own": (
        put(normal().astype("f4"), slice(2), 9.969209968386869e36),
        "9.969209968386869e[+]36 in every feature of 2 of",
    ),
    "one feature": (put(normal(), (slice(None, None, 20), 3), -9999), "-9999 in column 4 of 75 of 1500 rows"),
    "once": (put(normal(), (5, 3), -9999), "-9999 in column 4 of 1 of"),
    "two values": (
        put(put(normal(), (SOME, 3), -9999), (slice(1, None, 10), 3), -9998),
        "-9999 in column 4 of 150",
    ),
    "an uncommon value": (put(normal(), (SOME, 0), 7777), "7777 in column 1 of 150"),
    "most rows": (put(normal(), (slice(None, 1000), 0), -999), "-999 in column 1 of 1000"),
    "int8 in one feature": (put(quantised(5), (SOME, 2), -128), "-128 in column 3 of 150"),
    "several features": (put(normal(), (SOME, slice(3)), -99), r"-99 in column 1 \(and 2 more\) of 150"),
}


@pytest.mark.parametrize("kind", FILL_VALUES)
def test_fill_values_are_errors_in_the_library(kind):
    values, message = FILL_VALUES[kind]
    with pytest.raises(ValueError, match=f"array: {message}"):
        earthdim.dimension(values, estimators=["mle"], k=10)


def column(values, column):
    return put(normal(), (slice(None), column), values)


SUSPICIOUS = {
    "rows of zeros": (put(normal(), slice(None, None, 3), 0), "500 of 1500 rows hold 0 in every feature"),
    "rows of one value": (
        put(normal(), slice(None, None, 3), 0.25),
        "500 of 1500 rows hold 0.25 in every feature",
    ),
    "identifier": (column(np.arange(N) * 1000, 5), "column 6 carries 99.99 %"),
    "area": (column(np.exp(normal()[:, 0] + 5), 2), "column 3 carries 99"),
    "year": (column(np.arange(N) % 8 + 2017, 5), "column 6 holds whole numbers"),
    "class": (column(np.arange(N) % 4 + 1.0, 0), "column 1 holds whole numbers"),
}


@pytest.mark.parametrize("kind", SUSPICIOUS)
def test_suspicious_columns_and_rows_cause_warnings_in_the_library(kind):
    values, message = SUSPICIOUS[kind]
    with pytest.warns(UserWarning, match=f"array: {message}"):
        earthdim.dimension(values, estimators=["mle"], k=10)


def box(west, east, south, north, n=300):
    rng = np.random.default_rng(3)
    return np.column_stack([rng.uniform(west, east, n), rng.uniform(south, north, n)])


IMPLAUSIBLE_PLACES = {
    "radians": (np.radians(box(-180, 180, -80, 80)), "radians"),
    "radians from 0": (np.radians(box(0, 360, -80, 80)), "radians"),
    "radians of a region": (np.radians(box(5, 15, 40, 50)), "radians"),
    "Great Britain exchanged": (box(-4, 0, 51, 57)[:, ::-1], "exchanged 100 %"),
    "India exchanged": (box(74, 84, 14, 27)[:, ::-1], "exchanged"),
    "southern Africa exchanged": (box(18, 31, -30, -20)[:, ::-1], "exchanged"),
    "one spot": (np.full((5, 2), 7.5), "all 5 places .*longitude 7.5, latitude 7.5"),
    "origin": (
        np.vstack([box(5, 15, 40, 50), np.zeros((9, 2))]),
        "9 of 309 places are longitude 0, latitude 0",
    ),
}


@pytest.mark.parametrize("kind", IMPLAUSIBLE_PLACES)
def test_implausible_places_cause_one_warning(kind):
    places, message = IMPLAUSIBLE_PLACES[kind]
    with pytest.warns(UserWarning, match=f"lonlat: .*{message}") as caught:
        plausibility.warn_implausible_places(places)
    assert len(caught) == 1


PLAUSIBLE_PLACES = {
    "world": box(-180, 180, -90, 90),
    "Europe": box(-5, 25, 42, 58),
    "Africa": box(12, 38, -30, 20),
    "India": box(74, 84, 14, 27),
    "an ocean": box(-170, -120, -30, 30),
    "an island at the equator": box(6.45, 6.75, 0.0, 0.4, 50),
    "a place alone": np.array([[0.0, 0.0]]),
}


@pytest.mark.parametrize("kind", PLAUSIBLE_PLACES)
def test_plausible_places_pass(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plausibility.warn_implausible_places(PLAUSIBLE_PLACES[kind])


def test_coarse_land_mask_agrees_with_the_package():
    from earthdim.data.datasets.landmask import is_land, land_mask

    places = np.column_stack([box(-180, 180, -90, 90, 4000)])
    assert (is_land(land_mask())(places) == plausibility._on_land(places)).mean() > 0.9
