"""Plausibility checks: fill values, columns that are not features, coordinates that are not degrees.

The checks change nothing. Values that cannot be intended raise an error; values that may be intended cause a warning.
"""

import base64
import warnings
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FILL_VALUES = (-128, -99, -999, -9999, -99999, -999999, -32768, -32767, 255, 65535, -2147483648, 2147483647)
"""Integers commonly written in place of missing values."""

HUGE_FILL_VALUES = (1e20, 1e30, 9.969209968386869e36, 3.4028234663852886e38, 1.7976931348623157e308)
"""Floating-point fill values, of either sign: of models, of NetCDF, and the largest float32 and float64."""

ISOLATION, KNOWN_ISOLATION = 10.0, 1.0
"""Least distance of a fill value from all other values, in units of their range; the second for `FILL_VALUES`."""

LEAST_COLUMNS = 4
"""With fewer columns, a row that repeats one value is not suspicious."""

DOMINANT_SHARE = 0.95
"""Share of the total variance above which a single column is suspicious."""

_PROBE_ROWS = 4096
_MOST_FILL_LEVELS = 3


class FillValue(NamedTuple):
    """A value that probably marks missing data.

    Attributes
    ----------
    value : float
    column : int or None
        The column in which it is an outlier; None if it fills whole rows.
    rows : int
        Number of rows that hold it.
    """

    value: float
    column: int | None
    rows: int


def find_fill_values(values: NDArray, dtype: np.dtype | None = None) -> list[FillValue]:
    """Find values that mark missing data: they fill whole rows, or recur far outside a column's range.

    Parameters
    ----------
    values : ndarray (n, d)
        Finite, of any numeric type.
    dtype : dtype, optional
        Type in which they were stored, if it differs: -128 is a limit of int8 but an ordinary number in float32.

    Returns
    -------
    list of FillValue
        Those of whole rows first, never zeros. Empty if `values` is not a matrix.
    """
    if values.ndim != 2 or 0 in values.shape:
        return []
    dtype = values.dtype if dtype is None else dtype
    whole = _constant_rows(values)
    found = [fill for fill in whole if _is_fill_value(fill.value, dtype)]
    known = [fill.value for fill in found]
    return found + [
        fill
        for column in _suspect_columns(values)
        for fill in _isolated_values(values, column, dtype)
        if fill.value not in known
    ]


def check_fill_values(
    values: NDArray, name: str, labels: Sequence[str] | None, advice: str, dtype: np.dtype | None = None
) -> None:
    """Reject values that mark missing data, and warn of rows that repeat one number in all columns.

    Parameters
    ----------
    values : ndarray (n, d)
    name : str
        Name of the values in messages: a file, ``array``, a key.
    labels : sequence of str, optional
        Names of the columns; by default columns are numbered.
    advice : str
        Last clause of the message: what to do.
    dtype : dtype, optional
        As for `find_fill_values`.

    Raises
    ------
    ValueError
        If there is such a value; the message names it, its column and the number of rows.

    Warns
    -----
    UserWarning
        If rows are all zeros, or several rows repeat another number in all columns.
    """
    found = find_fill_values(values, dtype)
    if found:
        fill, more = found[0], len({other.column for other in found} - {None}) - 1
        where = "every feature" if fill.column is None else label(fill.column, labels)
        where += f" (and {more} more)" if more > 0 and fill.column is not None else ""
        raise ValueError(
            f"{name}: {number(fill.value)} in {where} of {fill.rows} of {len(values)} rows may be a fill value; "
            f"{advice}"
        )
    for fill in _constant_rows(values) if values.ndim == 2 else ():
        if fill.value == 0 or (fill.rows > 1 and values.shape[1] >= 2 * LEAST_COLUMNS):
            warnings.warn(
                f"{name}: {fill.rows} of {len(values)} rows hold {number(fill.value)} in every feature, which may mean "
                "missing data",
                UserWarning,
                stacklevel=3,
            )


def warn_suspicious_columns(values: NDArray, name: str, labels: Sequence[str] | None = None) -> None:
    """Warn of a column that carries nearly all variance, and of integer columns among floating-point ones.

    Parameters
    ----------
    values : ndarray (n, d)
        Finite.
    name, labels
        As for `check_fill_values`.
    """
    if values.ndim != 2 or values.shape[1] < 3 or len(values) < 3:
        return
    variances = _variances(values)
    largest, total = int(np.argmax(variances)), float(variances.sum())
    if total > 0 and np.isfinite(total) and variances[largest] > DOMINANT_SHARE * total:
        share = min(100 * variances[largest] / total, 99.99)
        warnings.warn(
            f"{name}: {label(largest, labels)} carries {share:.4g} % of the total variance; check that it is a feature",
            UserWarning,
            stacklevel=3,
        )
    odd = _integer_columns(values, variances)
    if odd:
        named = ", ".join(label(column, labels) for column in odd[:5])
        warnings.warn(
            f"{name}: {named}{' and more' if len(odd) > 5 else ''} holds whole numbers and the others do not; "
            "check that it is not an identifier, a class or a year",
            UserWarning,
            stacklevel=3,
        )


def warn_implausible_places(lonlat: NDArray[np.float64], name: str = "lonlat") -> None:
    """Warn once if coordinates seem to be radians, to have exchanged axes, or all lie at one place.

    Parameters
    ----------
    lonlat : ndarray (n, 2)
        Longitude in [-180, 180] and latitude, degrees.
    name : str
        Name of the coordinates in the warning.
    """
    reason = _implausibility(lonlat) if len(lonlat) > 1 else ""
    if reason:
        warnings.warn(f"{name}: {reason}", UserWarning, stacklevel=3)


def number(value: float) -> str:
    """Format a number so that reading the text restores it exactly."""
    return str(int(value)) if abs(value) < 1e15 and value == round(value) else repr(value)


def label(column: int, labels: Sequence[str] | None) -> str:
    """Name a column in a message."""
    return f"column {column + 1}" if labels is None else repr(labels[column])


def _is_fill_value(value: float, dtype: np.dtype) -> bool:
    if dtype.kind == "f" and abs(value) > 1e19:
        return any(np.isclose(abs(value), fill, rtol=1e-6, atol=0) for fill in HUGE_FILL_VALUES)
    ends = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else ()
    # Quantisers clip large values to the upper limit of a signed type, so that limit is ordinary data.
    known = (
        value in FILL_VALUES
        or (dtype.kind == "u" and value in ends)
        or (dtype.kind == "i" and value in ends[:1])
    )
    return known and value != 0


def _constant_rows(values: NDArray) -> list[FillValue]:
    """Find values that fill whole rows; none if every row is constant or there are few columns."""
    if values.shape[1] < LEAST_COLUMNS:
        return []
    rows = np.flatnonzero((values[:, 0] == values[:, -1]) & (values[:, 0] == values[:, values.shape[1] // 2]))
    rows = rows[(values[rows] == values[rows][:, :1]).all(axis=1)]
    if len(rows) == len(values):
        return []
    found, counts = np.unique(values[rows, 0], return_counts=True)
    return [FillValue(float(value), None, int(count)) for value, count in zip(found, counts, strict=True)]


def _suspect_columns(values: NDArray) -> NDArray[np.int64]:
    """Find columns in which, among some thousand rows, no value lies between the middle and one end of the range."""
    low, high = values.min(axis=0).astype(np.float64), values.max(axis=0).astype(np.float64)
    # Halve before subtracting: the range of float32's limits overflows float32.
    half = high / 2 - low / 2
    probe = values[:: -(-len(values) // _PROBE_ROWS)].astype(np.float64)
    lower = ((probe > low + 0.1 * half) & (probe < low + half)).any(axis=0)
    upper = ((probe < high - 0.1 * half) & (probe > high - half)).any(axis=0)
    return np.flatnonzero(~(lower & upper) & (high > low))


def _isolated_values(values: NDArray, column: int, dtype: np.dtype) -> list[FillValue]:
    """Find recurring values at either end of a column's range, far from all others."""
    distinct, counts = np.unique(values[:, column], return_counts=True)
    levels = distinct.astype(np.float64)
    for at_end in (False, True):
        for taken in range(1, min(_MOST_FILL_LEVELS, len(levels) - 2) + 1):
            ends = slice(-taken, None) if at_end else slice(taken)
            rest = levels[:-taken] if at_end else levels[taken:]
            gap = levels[-taken] - rest[-1] if at_end else rest[0] - levels[taken - 1]
            outer, often = levels[ends], counts[ends]
            if _are_isolated(outer, often, rest, gap, dtype):
                return [FillValue(float(v), int(column), int(c)) for v, c in zip(outer, often, strict=True)]
    return []


def _are_isolated(
    outer: NDArray, often: NDArray[np.int64], rest: NDArray, gap: float, dtype: np.dtype
) -> bool:
    if len(rest) < 8:
        # A column of a few levels is categorical: any level may be isolated.
        return False
    known = all(_is_fill_value(value, dtype) for value in outer)
    whole = known or (outer == np.round(outer)).all()
    recurs = (often > 1).all()
    width = KNOWN_ISOLATION if known and recurs else ISOLATION
    return bool(whole and (recurs or known) and gap > width * (rest[-1] - rest[0]))


def _variances(values: NDArray) -> NDArray[np.float64]:
    """Variance of each column, from evenly spaced rows if there are more than 100,000."""
    part = values[:: -(-len(values) // 100_000)].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return part.var(axis=0)


def _integer_columns(values: NDArray, variances: NDArray[np.float64]) -> list[int]:
    """Find non-constant columns of whole numbers where most columns are not of whole numbers."""
    if values.dtype.kind != "f":
        return []
    probe = values[:: -(-len(values) // _PROBE_ROWS)]
    varied = variances > 0
    whole = (probe == np.round(probe)).all(axis=0) & varied
    # Sparse columns are mostly zeros, which are whole by chance.
    whole &= (probe != 0).mean(axis=0) > 0.1
    return np.flatnonzero(whole).tolist() if 0 < whole.sum() < 0.5 * varied.sum() else []


def _implausibility(lonlat: NDArray[np.float64]) -> str:
    lon, lat = np.abs(lonlat).max(axis=0)
    spread = np.ptp(lonlat, axis=0)
    if not spread.any():
        return (
            f"all {len(lonlat)} places are identical: longitude {lonlat[0, 0]:g}, latitude {lonlat[0, 1]:g}"
        )
    close = 1 + 1e-6
    if lat <= close * np.pi / 2 and (lon <= close * np.pi or (lon <= close * 2 * np.pi and spread[0] > 3)):
        return "all places lie within 3.15 and 1.58 and may be in radians; coordinates must be in degrees"
    origin = np.count_nonzero((lonlat == 0).all(axis=1))
    if origin > max(1, 0.01 * len(lonlat)):
        return f"{origin} of {len(lonlat)} places are longitude 0, latitude 0, which may mean missing coordinates"
    # Cells of 4 degrees are too coarse for an island.
    if lon <= 90 and len(lonlat) >= 20 and spread.max() >= 4:
        here, exchanged = _on_land(lonlat).mean(), _on_land(lonlat[:, ::-1]).mean()
        # Africa exchanged lies mostly on land too, so the places as given must also lie mostly in the sea.
        if (exchanged > 0.9 and here < 0.8) or (exchanged > 0.7 and here < 0.35):
            return (
                f"{100 * (1 - here):.0f} % of the places lie in the sea, and with longitude and latitude exchanged "
                f"{100 * exchanged:.0f} % would be on land; check the order of the columns"
            )
    return ""


# One bit per cell of 4 degrees, from the north-west: set if at least 30 % is land in the package global_land_mask.
_LAND = (
    "000000000000000000OF00000000000Du4Z4gdha000079zXm506=~K000B;;r{>tBme*4Bme*Ie*izf|NsB>|Nrxj7$5)t|Ns0y"
    "|MB4f5C8xF|J(o{|9k)$zyJUL3;+TD|9}Vo|NsBu002M#umJ!6|Nrm+01yA*0DsT_|M~y`1OMOv7{CAj_<#Ta|L_0@!~g&KzyJUb"
    "_y7a@|Ns90000Bx00960|Nnph001}u0Du4U|KI=s00w{nAOHM&-~a#s0Pp|@|NI<r000001V91*{sJ5T00000`~W}yz(5E90000V"
    "zyN>X0hj;)000O003YxGF8}}l00IBN1NZ<9P5=M^0DtfR{r~`gzyJUM5BvZ>fB*o100003{s0f`008^|0001gfCKUX0RI30001Ar"
    "0Q`Uef8YQB00-az9smFz`~Uy|0q_6^fB*yj00000cmMzZ000Ak0000y00000002OM000gE00000002M$00RI300000000000KfnM"
    "00000000000000000000000000000000000000000000000000001BW00;B`|G)qM2s{8k|NsC0{s2G!{sI60|NsC006+iz4FCWC"
    "|NsBPpa1{=|NsC0|NsC0|NsC0|NsC0|Np="
)


@cache
def _land() -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(base64.b85decode(_LAND), dtype=np.uint8))
    return bits[: 45 * 90].reshape(45, 90).astype(bool)


def _on_land(lonlat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether places lie in land cells of 4 degrees."""
    row = np.clip((90 - lonlat[:, 1]) // 4, 0, 44).astype(int)
    column = np.clip((lonlat[:, 0] + 180) // 4, 0, 89).astype(int)
    return _land()[row, column]
