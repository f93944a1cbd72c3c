"""Conversion of user-supplied arrays to NumPy: torch, pandas, Arrow, xarray, Zarr, masked, nullable, sparse, lists.

All arrays that do not come from files pass through here: arguments of the library and results of custom encoders.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earthdim import geo

LONGITUDES = ("lon", "longitude", "lng", "long", "x", "decimallongitude")
LATITUDES = ("lat", "latitude", "y", "decimallatitude")
# Names of the feature axis in arrays with named axes.
FEATURE_AXES = frozenset(
    {
        "feature",
        "features",
        "band",
        "bands",
        "channel",
        "channels",
        "dim",
        "component",
        "variable",
        "embedding",
    }
)


def numbers(array: Any, name: str = "array") -> NDArray:
    """Read an array into memory as a NumPy array of numbers.

    Parameters
    ----------
    array : array_like
        A NumPy array (including masked and object arrays), a torch tensor on any device, a data frame, table or series
        of pandas, polars or Arrow (of nullable numbers, or of arrays of equal length), a DataArray of xarray, a Zarr
        array, a sparse matrix, or anything that `numpy.asarray` accepts.
    name : str
        Name of the array in errors.

    Returns
    -------
    ndarray
        Floating-point numbers or integers, of the same shape as the input.

    Raises
    ------
    ValueError
        If it does not hold real numbers, has masked or missing values, or rows of unequal length.
    """
    values = _plain(array, name)
    if isinstance(values, np.ma.MaskedArray):
        _check_rows(np.ma.getmaskarray(values), name, "masked as missing data")
        values = values.data
    if values.dtype.kind == "O":
        values = _from_objects(values, name)
    if values.dtype.kind == "V" and values.dtype.names is None:
        # NumPy itself does not know bfloat16 and the small floats of ml_dtypes, which JAX uses.
        values = values.astype(np.float32)
    if values.dtype.kind not in "fiu":
        what = "text" if values.dtype.kind in "UST" else values.dtype
        raise ValueError(f"{name}: must hold real numbers, holds {what}")
    return values


def places(lonlat: Any, name: str = "lonlat") -> NDArray[np.float64]:
    """Read coordinates, matching columns by name if they are named longitude and latitude.

    Parameters
    ----------
    lonlat : array_like, shape (n, 2), or a data frame or mapping of such columns
        Degrees; longitudes from -180 to 180 or from 0 to 360.
    name : str
        Name of the coordinates in errors.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude in [-180, 180] and latitude, degrees.

    Raises
    ------
    ValueError
        As for `numbers` and `earthdim.geo.as_degrees`.
    """
    names = [str(column) for column in _names(lonlat)]
    found = [[column for column in names if column.lower() in known] for known in (LONGITUDES, LATITUDES)]
    if all(len(columns) == 1 for columns in found):
        lonlat = np.column_stack([numbers(lonlat[columns[0]], name) for columns in found])
    elif isinstance(lonlat, dict) or len(names) > 2:
        raise ValueError(f"{name}: its columns are {', '.join(names)}; pass only longitude and latitude")
    return geo.as_degrees(numbers(lonlat, name), name)


def check_finite(values: NDArray, name: str = "array") -> None:
    """Raise ValueError if numbers are missing or not finite; the message gives the first position."""
    wrong = ~np.isfinite(values)
    if wrong.any():
        row, column = np.argwhere(wrong)[0][:2] + 1
        raise ValueError(
            f"{name}: {np.count_nonzero(wrong)} values are missing or not finite, the first in row {row}, "
            f"column {column}"
        )


def column_names(array: Any) -> list[str]:
    """Names of the columns of a data frame or table; empty if they are numbers or there are none."""
    names = _names(array)
    return list(names) if all(isinstance(name, str) for name in names) else []


def _names(array: Any) -> Sequence[Any]:
    for attribute in ("column_names", "columns"):
        if hasattr(array, attribute):
            return list(getattr(array, attribute))
    return list(array) if isinstance(array, dict) else []


def _plain(array: Any, name: str) -> NDArray:
    """Convert to a NumPy array without changing objects, masks or types."""
    if hasattr(array, "detach"):
        return _from_torch(array)
    library = type(array).__module__.partition(".")[0]
    readers: dict[str, Callable[[Any, str], NDArray]] = {
        "pandas": _from_pandas,
        "geopandas": _from_pandas,
        "polars": lambda given, name: _from_pandas(given.to_pandas(), name),
        "pyarrow": _from_arrow,
        "xarray": _from_xarray,
    }
    if library in readers:
        return readers[library](array, name)
    if hasattr(array, "toarray"):
        return array.toarray()
    if isinstance(array, np.ndarray):
        return array
    if isinstance(array, list | tuple) and any(map(_is_array, array)):
        return _stacked(array, name)
    try:
        return np.asarray(array)
    except ValueError as error:
        raise ValueError(f"{name}: its rows differ in length ({error})") from error


def _from_torch(array: Any) -> NDArray:
    """Convert a tensor: NumPy accepts none with a gradient, on another device, sparse or of bfloat16."""
    array = array.detach().cpu()
    array = array.to_dense() if str(array.layout) != "torch.strided" else array
    small = array.is_floating_point() and (array.element_size() == 1 or str(array.dtype) == "torch.bfloat16")
    return (array.float() if small else array).numpy()


def _from_pandas(array: Any, name: str) -> NDArray:
    """Convert a series or frame: nullable columns to floating point with NaN, columns of arrays concatenated."""
    if not hasattr(array, "columns"):
        return _from_series(array, name)
    columns = [
        _from_series(array.iloc[:, i], f"{name}: column {array.columns[i]!r}") for i in range(array.shape[1])
    ]
    if not columns:
        raise ValueError(f"{name}: has no columns")
    dtype = np.result_type(*columns)
    return np.column_stack([column.astype(dtype, copy=False) for column in columns])


def _from_series(series: Any, name: str) -> NDArray:
    kind = series.dtype
    if isinstance(kind, np.dtype) or not getattr(kind, "_is_numeric", False):
        return numbers(np.asarray(series), name)
    if not series.isna().any():
        return series.to_numpy(dtype=getattr(kind, "numpy_dtype", np.float64))
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def _from_arrow(array: Any, name: str) -> NDArray:
    if hasattr(array, "column_names") or hasattr(array, "schema"):
        return _from_pandas(array.to_pandas(), name)
    return _from_series(array.to_pandas(), name)


def _from_xarray(array: Any, name: str) -> NDArray:
    if not hasattr(array, "dims") or hasattr(array, "data_vars"):
        raise ValueError(f"{name}: is a Dataset; pass one of its variables")
    packed = sorted({"scale_factor", "add_offset"} & set(array.attrs))
    if packed:
        raise ValueError(f"{name}: is packed ({packed[0]}); open it with mask_and_scale=True")
    if array.ndim == 2 and array.dims[0] in FEATURE_AXES and array.dims[1] not in FEATURE_AXES:
        array = array.T
    values = np.asarray(array)
    for key in ("_FillValue", "missing_value"):
        if key in array.attrs:
            values = np.ma.masked_array(values, _equal(values, array.attrs[key]))
    return values


def _equal(values: NDArray, value: Any) -> NDArray[np.bool_]:
    value = np.asarray(value).reshape(-1)[0]
    return np.isnan(values) if value != value else values == value


def _from_objects(values: NDArray, name: str) -> NDArray:
    """Convert objects that are numbers or arrays of equal length."""
    given = list(values.flat)
    if any(isinstance(item, str | bytes) for item in given):
        raise ValueError(f"{name}: must hold real numbers, holds text")
    if given and all(isinstance(item, list | tuple) or _is_array(item) for item in given):
        if values.ndim != 1:
            raise ValueError(f"{name}: holds arrays on {values.ndim} axes; pass one array per row")
        return _stacked(given, name)
    try:
        if values.ndim == 0:
            raise TypeError
        return np.array([np.nan if _is_missing(item) else float(item) for item in given]).reshape(
            values.shape
        )
    except (TypeError, ValueError):
        kinds = sorted({type(item).__name__ for item in given})
        raise ValueError(f"{name}: must hold real numbers, holds object ({', '.join(kinds[:3])})") from None


def _is_missing(item: Any) -> bool:
    return item is None or type(item).__name__ in ("NAType", "NaTType")


def _stacked(rows: Sequence[Any], name: str) -> NDArray:
    """Stack rows, each a separate array, into one array."""
    arrays = [numbers(row, f"{name}, row {i + 1}") for i, row in enumerate(rows)]
    shapes = [array.shape for array in arrays]
    other = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), None)
    if other is not None:
        raise ValueError(
            f"{name}: row {other + 1} has the shape {shapes[other]} and the first {shapes[0]}; rows must match"
        )
    return np.stack(arrays)


def _is_array(row: Any) -> bool:
    return hasattr(row, "shape") and len(row.shape) > 0


def _check_rows(bad: NDArray[np.bool_], name: str, what: str) -> None:
    """Raise ValueError if values are bad; the message gives the number of rows."""
    rows = bad.reshape(len(bad), -1).any(axis=1) if bad.ndim else bad.reshape(1)
    if rows.any():
        raise ValueError(
            f"{name}: {np.count_nonzero(rows)} of {len(rows)} rows hold values that are {what}, the first in row "
            f"{np.argmax(rows) + 1}; drop these rows (of the coordinates too)"
        )
