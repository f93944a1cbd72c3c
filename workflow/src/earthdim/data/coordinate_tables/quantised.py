"""Missing data and quantised values in tables."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim.data.coordinate_tables.formats.base import TableError

NoData = float | str | Sequence[float | str] | None

ALPHAEARTH, TESSERA, UNCHANGED = "alphaearth", "tessera", "none"
MASKED = -128
"""Value of every band of a masked pixel in AlphaEarth."""


def no_data_values(no_data: NoData) -> list[float]:
    """Return the values of the key `no_data` as numbers; ``nan`` stands for missing values.

    Raises
    ------
    ValueError
        If one is neither a number nor ``nan``.
    """
    listed = [] if no_data is None else list(no_data) if isinstance(no_data, list | tuple) else [no_data]
    for value in listed:
        try:
            # YAML reads 1e+20 as a string.
            wrong = isinstance(value, bool) or float(value) in (np.inf, -np.inf)
        except (TypeError, ValueError):
            wrong = True
        if wrong:
            raise ValueError(f"no_data: {value!r} is neither a number nor nan")
    return [float(value) for value in listed]


def rows_without_data(columns: Sequence[NDArray], values: Sequence[float]) -> NDArray[np.bool_]:
    """Whether each row holds one of the values in any column, (n,) or (n, d), compared in the column's type."""
    found = np.zeros(len(columns[0]), dtype=bool)
    for column in columns:
        of_rows = column.reshape(len(column), -1)
        for value in values:
            if np.isnan(value):
                found |= np.isnan(of_rows).any(axis=1)
            elif column.dtype.kind != "f" or np.isfinite(column.dtype.type(value)):
                # In the column's precision: -3.4e38 of float32 is another number in float64.
                exact = column.dtype.type(value) if column.dtype.kind == "f" else value
                found |= (of_rows == exact).any(axis=1)
    return found


def dequantise_values(path: Path, values: NDArray, how: str | None, scales: NDArray | None) -> NDArray:
    """Dequantise values.

    Parameters
    ----------
    path : path
        The file, for errors.
    values : ndarray (n, d)
    how : {"alphaearth", "tessera", "none"}, optional
        ``alphaearth``: sign(v) (abs(v) / 127.5)**2. ``tessera``: v times the row's scale. Otherwise unchanged.
    scales : ndarray (n,), optional
        For ``tessera``.

    Returns
    -------
    ndarray (n, d), float64 if dequantised

    Raises
    ------
    TableError
        If values are not integers from -128 to 127, or a scale is not positive.
    """
    if how in (None, UNCHANGED):
        return values
    wrong = (values != np.round(values)) | (np.abs(values) > 128)
    if wrong.any():
        raise TableError(
            f"{path}: dequantise: {how} needs whole numbers from -128 to 127, but the table holds others, for example "
            f"{values[wrong][0]:.6g}; omit the key if the values are already dequantised"
        )
    exact = values.astype(np.float64)
    if how == ALPHAEARTH:
        return np.sign(exact) * (np.abs(exact) / 127.5) ** 2
    if scales is None:
        raise TableError(f"{path}: dequantise: tessera needs scales: the column with the scale of each row")
    if not (scales > 0).all():
        row = int(np.argmin(scales > 0)) + 1
        raise TableError(f"{path}: a scale is not positive, the first of the rows read in row {row}")
    return exact * scales.astype(np.float64)[:, None]
