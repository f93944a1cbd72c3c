"""Arrays of all libraries are converted to their numbers, or rejected with a one-line error."""

import ml_dtypes
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import xarray as xr
from scipy import sparse

import earthdim
from earthdim.data import arrays

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(60, 5)).astype(np.float32)
LONLAT = np.column_stack([RNG.uniform(-180, 180, 60), RNG.uniform(-80, 80, 60)])


def objects(rows):
    out = np.empty(len(rows), dtype=object)
    out[:] = rows
    return out


SAME = {
    "array": VALUES,
    "list of arrays": list(VALUES),
    "list of tensors": list(torch.tensor(VALUES)),
    "nested list": VALUES.tolist(),
    "series of arrays": pd.Series(list(VALUES)),
    "series of lists": pd.Series(VALUES.astype(float).tolist()),
    "frame with one column of arrays": pd.DataFrame({"embedding": list(VALUES)}),
    "object matrix": VALUES.astype(object),
    "object vectors": objects(list(VALUES)),
    "nullable frame": pd.DataFrame(VALUES).astype("Float32"),
    "arrow-backed frame": pd.DataFrame(VALUES).astype("float[pyarrow]"),
    "arrow table": pa.table({f"f{i}": VALUES[:, i] for i in range(5)}),
    "arrow lists": pa.array(VALUES.tolist(), pa.list_(pa.float32())),
    "arrow chunks of fixed lists": pa.chunked_array([pa.array(VALUES.tolist(), pa.list_(pa.float32(), 5))]),
    "data array": xr.DataArray(VALUES, dims=("point", "feature")),
    "data array, features first": xr.DataArray(VALUES.T, dims=("feature", "point")),
    "sparse": sparse.csr_matrix(VALUES),
    "sparse tensor": torch.tensor(VALUES).to_sparse(),
    "parameter": torch.nn.Parameter(torch.tensor(VALUES)),
    "mask of nothing": np.ma.masked_array(VALUES, np.zeros_like(VALUES, dtype=bool)),
}


@pytest.mark.parametrize("kind", SAME)
def test_they_are_the_same_numbers(kind):
    found = arrays.numbers(SAME[kind])
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found.astype(np.float32), VALUES)


@pytest.mark.parametrize("small", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_small_floats_keep_their_value(small):
    np.testing.assert_array_equal(
        arrays.numbers(VALUES.astype(small)), VALUES.astype(small).astype(np.float32)
    )


@pytest.mark.parametrize("small", [torch.half, torch.bfloat16, torch.float8_e4m3fn])
def test_small_tensors_keep_their_value(small):
    tensor = torch.tensor(VALUES).to(small)
    np.testing.assert_array_equal(arrays.numbers(tensor).astype(np.float32), tensor.float().numpy())


def holed(kind):
    frame = pd.DataFrame(VALUES).astype("Float32")
    frame.iloc[3, 2] = pd.NA
    rows = VALUES.tolist()
    rows[3][2] = None
    return {"NA": frame, "None": rows}[kind]


@pytest.mark.parametrize("kind", ["NA", "None"])
def test_missing_values_are_named(kind):
    with pytest.raises(
        ValueError, match=r"array: 1 values are missing or not finite, the first in row 4, column 3"
    ):
        earthdim.dimension(holed(kind), estimators=["mle"], k=10)


MASK = np.zeros(VALUES.shape, dtype=bool)
MASK[::3, 1] = True
MASKED = {
    "array": np.ma.masked_array(VALUES, MASK),
    "list of masked rows": list(np.ma.masked_array(VALUES, MASK)),
    "fill of a data array": xr.DataArray(np.where(MASK, -7.0, VALUES), attrs={"_FillValue": -7.0}),
    "missing value of a data array": xr.DataArray(
        np.where(MASK, np.nan, VALUES), attrs={"missing_value": np.nan}
    ),
}


@pytest.mark.parametrize("kind", MASKED)
def test_masked_rows_are_rejected(kind):
    message = (
        r"array.*rows hold values that are masked"
        if "list" in kind
        else r"array: 20 of 60 rows hold .* masked"
    )
    with pytest.raises(ValueError, match=message):
        earthdim.dimension(MASKED[kind], estimators=["mle"], k=10)


WRONG = {
    "text": (VALUES.astype(str), "array: must hold real numbers, holds text"),
    "text objects": (VALUES.astype(str).astype(object), "array: must hold real numbers, holds text"),
    "column of text": (pd.DataFrame({"a": [1.0] * 60, "name": ["x"] * 60}), "column 'name'.*holds text"),
    "other objects": (np.full((60, 2), {}, dtype=object), r"holds object \(dict\)"),
    "ragged arrays": (
        [*VALUES[:3], VALUES[0, :4]],
        r"array: row 4 has the shape \(4,\) and the first \(5,\)",
    ),
    "ragged lists": ([[1.0, 2], [3.0]], "rows differ in length"),
    "truths": (VALUES > 0, "must hold real numbers, holds bool"),
    "dates": (np.full((60, 2), np.datetime64("2024-01-01")), "holds datetime64"),
    "data set": (xr.Dataset({"v": (("a", "b"), VALUES)}), "is a Dataset"),
    "packed": (xr.DataArray(VALUES, attrs={"scale_factor": 0.1}), "is packed.*mask_and_scale"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_arrays_that_are_not_numeric_matrices_are_rejected(kind):
    given, message = WRONG[kind]
    with pytest.raises(ValueError, match=message):
        arrays.numbers(given)


FRAME = pd.DataFrame(LONLAT, columns=["lon", "lat"])
PLACES = {
    "0 to 360": np.column_stack([LONLAT[:, 0] % 360, LONLAT[:, 1]]),
    "list": LONLAT.tolist(),
    "frame": FRAME,
    "exchanged columns": FRAME[["lat", "lon"]],
    "nullable": FRAME.astype("Float64"),
    "more columns": FRAME.assign(name="a")[["name", "lat", "lon"]].rename(
        columns={"lon": "Longitude", "lat": "Latitude"}
    ),
    "mapping": {"lat": LONLAT[:, 1], "lng": LONLAT[:, 0]},
    "arrow": pa.table({"y": LONLAT[:, 1], "x": LONLAT[:, 0]}),
    "columns without names": pd.DataFrame(LONLAT),
    "tensor": torch.tensor(LONLAT),
}


@pytest.mark.parametrize("kind", PLACES)
def test_coordinates_are_found_by_name_and_wrapped(kind):
    np.testing.assert_allclose(arrays.places(PLACES[kind]), LONLAT, atol=1e-12, rtol=0)


def test_invalid_coordinates_are_rejected():
    with pytest.raises(ValueError, match="lonlat: its columns are a, b, c"):
        arrays.places(pd.DataFrame(np.ones((3, 3)), columns=list("abc")))
    with pytest.raises(ValueError, match=r"lonlat: 1 of 60 rows .* masked"):
        arrays.places(np.ma.masked_array(LONLAT, np.arange(120).reshape(60, 2) == 7))
    with pytest.raises(ValueError, match="is the order longitude, latitude"):
        arrays.places(LONLAT[:, ::-1])


def test_non_feature_columns_of_a_frame_are_rejected():
    frame = pd.DataFrame(VALUES, columns=[f"emb_{i}" for i in range(5)])
    expected = earthdim.dimension(VALUES, estimators=["mle"], k=10)["value"].item()
    assert earthdim.dimension(frame, estimators=["mle"], k=10)["value"].item() == expected
    for given, odd in (
        (frame.assign(station=range(60)), "'station' in addition to the numbered emb_0 to emb_4"),
        (pd.DataFrame(VALUES, columns=["lon", "lat", "a", "b", "c"]), "'lon', 'lat', which are coordinates"),
        (pa.Table.from_pandas(frame.assign(area=1.5)), "'area' beside"),
    ):
        with pytest.raises(ValueError, match=f"array: has the columns {odd}"):
            earthdim.dimension(given, estimators=["mle"], k=10)
