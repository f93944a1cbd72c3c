"""What looks like something else: values like no data, columns like no feature, places like no longitude and latitude.

Nothing is changed here. What cannot be meant is refused, what may be meant is told by a warning.
"""

import base64
import warnings
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FILLS = (-128, -99, -999, -9999, -99999, -999999, -32768, -32767, 255, 65535, -2147483648, 2147483647)
"""Whole numbers that people write where there is no value."""

HUGE_FILLS = (1e20, 1e30, 9.969209968386869e36, 3.4028234663852886e38, 1.7976931348623157e308)
"""The same of floating-point numbers, of either sign: of models, of NetCDF, the largest that there are."""

ALONE, KNOWN_ALONE = 10.0, 1.0
"""How far from all others, in units of their whole range, a value must stand to be none; one of `FILLS` less far."""

LEAST_COLUMNS = 4
"""In fewer columns a row of one value is nothing odd."""

DOMINATING = 0.95
"""The part of all variance that a single feature hardly has."""

_PROBED = 4096
_PEELED = 3


class Fill(NamedTuple):
    """A value that looks like no data.

    Attributes
    ----------
    value : float
    column : int or None
        The column where it stands apart; None where it fills whole rows.
    rows : int
        In how many rows.
    """

    value: float
    column: int | None
    rows: int


def fills(values: NDArray, dtype: np.dtype | None = None) -> list[Fill]:
    """Find values that are no data: one that fills whole rows, or that stands far outside of a column and recurs.

    Parameters
    ----------
    values : ndarray (n, d)
        Finite, of any numeric type.
    dtype : dtype, optional
        In which they were stored, if that was another: the end of int8 is a number like others in float32.

    Returns
    -------
    list of Fill
        Of whole rows first; zeros are never among them. Empty for what is no matrix.
    """
    if values.ndim != 2 or 0 in values.shape:
        return []
    dtype = values.dtype if dtype is None else dtype
    whole = _whole_rows(values)
    found = [fill for fill in whole if _is_fill(fill.value, dtype)]
    known = [fill.value for fill in found]
    return found + [
        fill
        for column in _suspects(values)
        for fill in _apart(values, column, dtype)
        if fill.value not in known
    ]


def refuse_fills(
    values: NDArray, name: str, labels: Sequence[str] | None, advice: str, dtype: np.dtype | None = None
) -> None:
    """Refuse values that are no data, and tell of rows that repeat one number in all columns.

    Parameters
    ----------
    values : ndarray (n, d)
    name : str
        What errors call them: a file, ``array``, a key.
    labels : sequence of str, optional
        Names of the columns; without them they are counted.
    advice : str
        What to do, a clause.
    dtype : dtype, optional
        As for `fills`.

    Raises
    ------
    ValueError
        Naming the value, where it stands and in how many rows.
    """
    found = fills(values, dtype)
    if found:
        fill, more = found[0], len({other.column for other in found} - {None}) - 1
        where = "every feature" if fill.column is None else label(fill.column, labels)
        where += f" (and {more} more)" if more > 0 and fill.column is not None else ""
        raise ValueError(
            f"{name}: {number(fill.value)} in {where} of {fill.rows} of {len(values)} rows looks like no data; {advice}"
        )
    for fill in _whole_rows(values) if values.ndim == 2 else ():
        if fill.value == 0 or (fill.rows > 1 and values.shape[1] >= 2 * LEAST_COLUMNS):
            warnings.warn(
                f"{name}: {fill.rows} of {len(values)} rows hold {number(fill.value)} in every feature: "
                "is that no data?",
                UserWarning,
                stacklevel=3,
            )


def tell_odd_columns(values: NDArray, name: str, labels: Sequence[str] | None = None) -> None:
    """Warn of a column that carries nearly all variance, and of whole numbers among others that are not.

    Parameters
    ----------
    values : ndarray (n, d)
        Finite.
    name, labels
        As for `refuse_fills`.
    """
    if values.ndim != 2 or values.shape[1] < 3 or len(values) < 3:
        return
    variances = _variances(values)
    largest, total = int(np.argmax(variances)), float(variances.sum())
    if total > 0 and np.isfinite(total) and variances[largest] > DOMINATING * total:
        share = min(100 * variances[largest] / total, 99.99)
        warnings.warn(
            f"{name}: {label(largest, labels)} carries {share:.4g} % of all variance: is it a feature like the others?",
            UserWarning,
            stacklevel=3,
        )
    odd = _whole_among_others(values, variances)
    if odd:
        named = ", ".join(label(column, labels) for column in odd[:5])
        warnings.warn(
            f"{name}: {named}{' and more' if len(odd) > 5 else ''} holds whole numbers and the others do not: "
            "is it an identifier, a class or a year?",
            UserWarning,
            stacklevel=3,
        )


def tell_odd_places(lonlat: NDArray[np.float64], name: str = "lonlat") -> None:
    """Warn, once, of coordinates that look like radians, like exchanged axes, or that lie on one spot.

    Parameters
    ----------
    lonlat : ndarray (n, 2)
        Longitude in [-180, 180] and latitude, degrees.
    name : str
        What the warning calls them.
    """
    said = _odd_places(lonlat) if len(lonlat) > 1 else ""
    if said:
        warnings.warn(f"{name}: {said}", UserWarning, stacklevel=3)


def number(value: float) -> str:
    """A number so that, read again, it is the same."""
    return str(int(value)) if abs(value) < 1e15 and value == round(value) else repr(value)


def label(column: int, labels: Sequence[str] | None) -> str:
    """How a column is named."""
    return f"column {column + 1}" if labels is None else repr(labels[column])


def _is_fill(value: float, dtype: np.dtype) -> bool:
    if dtype.kind == "f" and abs(value) > 1e19:
        return any(np.isclose(abs(value), fill, rtol=1e-6, atol=0) for fill in HUGE_FILLS)
    ends = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else ()
    # The upper end of a signed type is where quantisers put whatever is too large.
    known = (
        value in FILLS or (dtype.kind == "u" and value in ends) or (dtype.kind == "i" and value in ends[:1])
    )
    return known and value != 0


def _whole_rows(values: NDArray) -> list[Fill]:
    """Values that alone fill rows; none where all rows are so, or there are few columns."""
    if values.shape[1] < LEAST_COLUMNS:
        return []
    rows = np.flatnonzero((values[:, 0] == values[:, -1]) & (values[:, 0] == values[:, values.shape[1] // 2]))
    rows = rows[(values[rows] == values[rows][:, :1]).all(axis=1)]
    if len(rows) == len(values):
        return []
    found, counts = np.unique(values[rows, 0], return_counts=True)
    return [Fill(float(value), None, int(count)) for value, count in zip(found, counts, strict=True)]


def _suspects(values: NDArray) -> NDArray[np.int64]:
    """Columns with nothing, among some thousand rows, between an end of their range and its middle."""
    low, high = values.min(axis=0).astype(np.float64), values.max(axis=0).astype(np.float64)
    # Halves first: the range of single precision's ends is beyond what they can hold themselves.
    half = high / 2 - low / 2
    probe = values[:: -(-len(values) // _PROBED)].astype(np.float64)
    lower = ((probe > low + 0.1 * half) & (probe < low + half)).any(axis=0)
    upper = ((probe < high - 0.1 * half) & (probe > high - half)).any(axis=0)
    return np.flatnonzero(~(lower & upper) & (high > low))


def _apart(values: NDArray, column: int, dtype: np.dtype) -> list[Fill]:
    """Values at either end of a column that recur, far from all the others."""
    distinct, counts = np.unique(values[:, column], return_counts=True)
    levels = distinct.astype(np.float64)
    for at_end in (False, True):
        for taken in range(1, min(_PEELED, len(levels) - 2) + 1):
            ends = slice(-taken, None) if at_end else slice(taken)
            rest = levels[:-taken] if at_end else levels[taken:]
            gap = levels[-taken] - rest[-1] if at_end else rest[0] - levels[taken - 1]
            outer, often = levels[ends], counts[ends]
            if _stand_apart(outer, often, rest, gap, dtype):
                return [Fill(float(v), int(column), int(c)) for v, c in zip(outer, often, strict=True)]
    return []


def _stand_apart(
    outer: NDArray, often: NDArray[np.int64], rest: NDArray, gap: float, dtype: np.dtype
) -> bool:
    if len(rest) < 8:
        # Of a few levels each may be one.
        return False
    known = all(_is_fill(value, dtype) for value in outer)
    whole = known or (outer == np.round(outer)).all()
    recurs = (often > 1).all()
    width = KNOWN_ALONE if known and recurs else ALONE
    return bool(whole and (recurs or known) and gap > width * (rest[-1] - rest[0]))


def _variances(values: NDArray) -> NDArray[np.float64]:
    """The variance of each column, of evenly spaced rows where there are very many."""
    part = values[:: -(-len(values) // 100_000)].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return part.var(axis=0)


def _whole_among_others(values: NDArray, variances: NDArray[np.float64]) -> list[int]:
    """Columns of whole numbers, not constant, where most columns hold others."""
    if values.dtype.kind != "f":
        return []
    probe = values[:: -(-len(values) // _PROBED)]
    varied = variances > 0
    whole = (probe == np.round(probe)).all(axis=0) & varied
    # Zeros and a value that is rarely anything else are no numbers of another kind.
    whole &= (probe != 0).mean(axis=0) > 0.1
    return np.flatnonzero(whole).tolist() if 0 < whole.sum() < 0.5 * varied.sum() else []


def _odd_places(lonlat: NDArray[np.float64]) -> str:
    lon, lat = np.abs(lonlat).max(axis=0)
    spread = np.ptp(lonlat, axis=0)
    if not spread.any():
        return f"all {len(lonlat)} places are one, longitude {lonlat[0, 0]:g}, latitude {lonlat[0, 1]:g}"
    close = 1 + 1e-6
    if lat <= close * np.pi / 2 and (lon <= close * np.pi or (lon <= close * 2 * np.pi and spread[0] > 3)):
        return "all places lie where radians would (within 3.15 and 1.58): coordinates are in degrees"
    origin = np.count_nonzero((lonlat == 0).all(axis=1))
    if origin > max(1, 0.01 * len(lonlat)):
        return (
            f"{origin} of {len(lonlat)} places are longitude 0, latitude 0: were their coordinates missing?"
        )
    # Cells tell nothing of an island.
    if lon <= 90 and len(lonlat) >= 20 and spread.max() >= 4:
        here, exchanged = _on_land(lonlat).mean(), _on_land(lonlat[:, ::-1]).mean()
        # Africa exchanged lies on land for the most part, but no region of land lies there better than its own.
        if (exchanged > 0.9 and here < 0.8) or (exchanged > 0.7 and here < 0.35):
            return (
                f"{100 * (1 - here):.0f} % of the places lie in the sea, and with longitude and latitude exchanged "
                f"{100 * exchanged:.0f} % would be on land: are they exchanged?"
            )
    return ""


# Cells of 4 degrees, from the north-west, a bit each: of which 30 % or more are land in the package global_land_mask.
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
    """Whether places lie in cells that hold land, roughly."""
    row = np.clip((90 - lonlat[:, 1]) // 4, 0, 44).astype(int)
    column = np.clip((lonlat[:, 0] + 180) // 4, 0, 89).astype(int)
    return _land()[row, column]
