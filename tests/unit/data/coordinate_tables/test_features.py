"""Feature columns of a table, missing data, and dequantisation."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr

import earthdim
from earthdim.build import build
from earthdim.data import coordinate_tables
from earthdim.data.coordinate_tables import TableError, outline, read
from earthdim.data.coordinate_tables.features import series

N, D = 400, 16


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def places():
    rng = np.random.default_rng(0)
    return np.column_stack([rng.uniform(-170, 170, N), np.degrees(np.arcsin(rng.uniform(-0.95, 0.95, N)))])


def sheet():
    """Three dimensions in sixteen."""
    rng = np.random.default_rng(1)
    return np.sin(rng.uniform(-1, 1, (N, 3)) @ rng.standard_normal((3, D))).astype(np.float32)


def quantised():
    return np.round(sheet() * 127).astype(np.int8)


def frame(values=None, name="emb_{}", **more):
    values = sheet() if values is None else values
    at = dict(zip(("lon", "lat"), places().T, strict=True))
    return pd.DataFrame({**at, **{name.format(i): values[:, i] for i in range(D)}, **more})


def write(table, suffix="parquet", **how):
    file = f"t.{suffix}"
    getattr(table, f"to_{suffix}")(file, **how)
    return file


def mle(values):
    """Levina and Bickel's estimate at 20 neighbours, averaged as MacKay and Ghahramani do: without earthdim."""
    x = np.unique(np.asarray(values, dtype=np.float64), axis=0)
    distances = np.sort(np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2)), axis=1)[:, 1:21]
    return 1 / np.log(distances[:, -1:] / distances[:, :-1]).mean()


LABELS = {
    "whole-number id": {"id": np.arange(N) * 1000},
    "float class": {"landcover": np.repeat([1.0, 2.0, 3.0, 4.0], N // 4)},
    "year and area": {"year": np.arange(N) % 8 + 2017, "area": np.exp(np.arange(N) / 50)},
    "other coordinates": {"x": places()[:, 0] * 1e5, "easting": places()[:, 1] * 1e5},
    "text": {"city": "a"},
    "two of a kind": {"class_1": 1, "class_2": 2.5},
}


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("kind", [kind for kind in LABELS if kind != "two of a kind"])
def test_one_numbered_series_gives_the_features(kind, suffix):
    file = write(frame(quantised(), **LABELS[kind]), suffix)
    outline.check(file, N)
    table = read(file)
    assert table.names == tuple(f"emb_{i}" for i in range(D))
    found = earthdim.dimension(table.values, estimators=["mle"], k=20)["value"].item()
    assert found == pytest.approx(mle(quantised()), rel=0.01)


@pytest.mark.parametrize("index", [None, "Unnamed: 0", "index"])
def test_an_index_in_csv_is_not_a_feature(index):
    write(frame(quantised()), "csv", index_label=index)
    assert len(read("t.csv").names) == D


@pytest.mark.parametrize(
    "index",
    [
        {"index": pd.Index(np.arange(N) * 7, name="station")},
        {"index": pd.Index(np.arange(N) * 7)},
        {"index": pd.MultiIndex.from_arrays([np.arange(N), np.arange(N) % 3], names=["point", "year"])},
    ],
)
def test_an_index_in_parquet_is_not_a_feature(index):
    table = frame()
    table.index = index["index"]
    write(table)
    # No other columns, so no warning.
    assert read("t.parquet").names == tuple(f"emb_{i}" for i in range(D))
    table.rename(columns={f"emb_{i}": "abcdefghijklmnop"[i] for i in range(D)}).to_parquet("t.parquet")
    with pytest.raises(TableError, match="its features are ambiguous: candidates are a, b, c"):
        read("t.parquet")


@pytest.mark.parametrize(
    "name", ["emb_{}", "A{:02}", "{}", "feature{}", "dim_{}_mean", "s2_{}_2020", "{:03}"]
)
def test_numbered_series_are_recognised(name):
    write(frame(name=name, slope=1.5 * np.arange(N)))
    assert read("t.parquet").names == tuple(name.format(i) for i in range(D))
    table = frame(name=name).rename(columns={name.format(0): name.format(D)})
    write(table)
    assert set(read("t.parquet").names) == set(table.columns) - {"lon", "lat"}


UNDECIDED = {
    "arbitrary names": (
        frame(name="{}").rename(columns=dict(zip("0123", "wxyz", strict=True))),
        "w, ",
    ),
    "a gap": (frame().drop(columns="emb_7"), "emb_0, emb_1"),
    "two series": (frame(**{f"bio_{i}": i + 0.5 for i in range(1, 5)}), "emb_0 to emb_15, bio_1 to bio_4"),
    "two of a kind": (frame(**LABELS["two of a kind"]), "emb_0 to emb_15, class_1 to class_2"),
    "years": (frame(name="{}").rename(columns={str(i): str(2000 + i) for i in range(D)}), "2000, 2001"),
    "more others": (frame(**{a + b: 1.5 for a in "abcd" for b in "abcd"}), "emb_0 to emb_15, aa, ab"),
    "few numbered": (frame()[["lon", "lat", "emb_0", "emb_1"]].assign(ndvi=1.5), "emb_0 to emb_1, ndvi"),
    "one label": (frame()[["lon", "lat"]].assign(id=np.arange(N), year=2020), "id, year"),
}


@pytest.mark.parametrize("kind", UNDECIDED)
def test_ambiguous_features_are_an_error_that_lists_candidates(kind):
    table, named = UNDECIDED[kind]
    write(table)
    for look in (read, lambda file: outline.check(file, N)):
        with pytest.raises(TableError, match=rf"t\.parquet: its features are ambiguous: .* {named}"):
            look("t.parquet")
    names = [name for name in table.columns if name not in ("lon", "lat")]
    assert read("t.parquet", features=names).names == tuple(names)


def test_one_column_of_lists_gives_the_features_and_two_are_ambiguous():
    at = dict(zip(("lon", "lat"), places().T, strict=True))
    lists = {"embedding": pa.array(sheet().tolist(), pa.list_(pa.float32())), "id": np.arange(N)}
    pq.write_table(pa.table({**at, **lists}), "t.parquet")
    assert read("t.parquet").values.shape == (N, D)
    pq.write_table(pa.table({**at, **lists, "box": pa.array(np.ones((N, 4)).tolist())}), "t.parquet")
    with pytest.raises(TableError, match=r"has 2 columns of lists \(embedding, box\)"):
        read("t.parquet")


OTHER_COLUMNS = {
    "area": (
        "A{:02}",
        {"Area_ha": 5.5},
        "A*",
        "matches 'Area_ha' in addition to the numbered A00 to A15; write features: 'A[[]0-9]",
    ),
    "mean": (
        "emb_{}",
        {"emb_mean": 5.5},
        "emb_*",
        r"matches 'emb_mean' in addition .*write features: 'emb_\[0-9\]\*'",
    ),
    "all": (
        "{}",
        {"id": 5},
        "*",
        r"matches 'id' in addition to the numbered 0 to 15; write features: '\[0-9\]\*'",
    ),
}


@pytest.mark.parametrize("kind", OTHER_COLUMNS)
def test_a_pattern_that_matches_other_columns_is_rejected(kind):
    name, more, pattern, message = OTHER_COLUMNS[kind]
    write(frame(name=name, **more))
    for look in (
        lambda: read("t.parquet", features=pattern),
        lambda: outline.check("t.parquet", N, features=pattern),
    ):
        with pytest.raises(TableError, match=rf"t\.parquet: '{pattern[:-1]}\*' {message}") as caught:
            look()
    narrow = str(caught.value).split("features: '")[1].split("'")[0]
    np.testing.assert_array_equal(read("t.parquet", features=narrow).values, sheet())
    listed = [*(name.format(i) for i in range(D)), *more]
    assert read("t.parquet", features=listed).values.shape == (N, D + 1)


def test_a_series_counts_without_a_gap():
    assert [str(one) for one in series(["b2", "b10", "b1", "c"])] == ["b1 to b10"]
    assert not series(["b2", "b10", "b1"])[0].whole
    assert series(["e1", "e2", "e3"])[0].whole
    assert not series(["e01", "e2", "e3"])[0].whole


def test_an_identifier_in_features_causes_a_warning():
    write(frame(year=np.arange(N) % 8 + 2017.0))
    with pytest.warns(UserWarning, match="'year' holds whole numbers"):
        read("t.parquet", features=[*(f"emb_{i}" for i in range(D)), "year"])


def holed(value=-9999.0):
    table = frame()
    table.loc[::20, "emb_3"] = value
    return table


def test_rows_with_no_data_are_rejected_or_dropped():
    write(holed())
    with pytest.raises(TableError, match=r"t\.parquet: -9999 in 'emb_3' of 20 of 400 rows .*no_data"):
        read("t.parquet", features="emb_*")
    rows = np.arange(N) % 20 != 0
    with pytest.warns(UserWarning, match="20 of 400 rows hold -9999"):
        table = read("t.parquet", features="emb_*", no_data=-9999)
    np.testing.assert_array_equal(table.values, sheet()[rows])
    np.testing.assert_array_equal(table.lonlat, places()[rows])
    assert len(read("t.parquet", features="emb_*", no_data=[]).values) == N
    with pytest.raises(TableError, match="no_data: 'none' is neither a number nor nan"):
        read("t.parquet", no_data="none")
    write(frame(emb_0=7.0))
    with pytest.raises(TableError, match="has no rows with data"):
        read("t.parquet", no_data=[-9999, 7])


@pytest.mark.parametrize(
    ("value", "no_data"), [(np.nan, "nan"), (-3.4028234663852886e38, "-3.4028234663852886e+38")]
)
def test_missing_and_huge_values_are_dropped_by_no_data(value, no_data):
    write(holed(value).astype({"emb_3": np.float32}))
    with pytest.raises(TableError, match=r"missing or not finite|fill value"):
        read("t.parquet")
    assert len(read("t.parquet", no_data=no_data).values) == 380


def masked(suffix):
    values = quantised()
    values[::10] = -128
    if suffix == "npz":
        np.savez("t.npz", lon=places()[:, 0], lat=places()[:, 1], embedding=values)
    elif suffix == "zarr":
        at = {axis: ("point", column) for axis, column in zip(("lon", "lat"), places().T, strict=True)}
        xr.Dataset({"embedding": (("point", "feature"), values)}, coords=at).to_zarr(
            "t.zarr", consolidated=False
        )
    else:
        write(frame(values, "A{:02}"), suffix, index=False)
    return f"t.{suffix}"


@pytest.mark.parametrize("suffix", ["parquet", "csv", "npz", "zarr"])
def test_alphaearth_must_be_dequantised(suffix):
    file = masked(suffix)
    with pytest.raises(TableError, match=r"-128 in every feature of 40 of 400 rows .*fill value"):
        read(file)
    q = quantised()[np.arange(N) % 10 != 0].astype(float)
    table = read(file, dequantise="alphaearth")
    np.testing.assert_allclose(table.values, np.sign(q) * (np.abs(q) / 127.5) ** 2, rtol=1e-15)
    np.testing.assert_array_equal(table.lonlat, places()[np.arange(N) % 10 != 0])
    outline.check(file, 360, dequantise="alphaearth")
    with pytest.raises(TableError, match="has 360 rows with data, fewer than n = 361"):
        outline.check(file, 361, dequantise="alphaearth")


def test_the_documentation_page_lists_dequantised_values():
    stored = np.array([-127, -64, 0, 1, 64, 127])
    from earthdim.data.coordinate_tables.quantised import dequantise_values

    np.testing.assert_allclose(
        dequantise_values("t", stored[None], "alphaearth", None)[0],
        [-0.992172, -0.251965, 0, 0.0000615148, 0.251965, 0.992172],
        rtol=2e-6,
    )
    np.testing.assert_allclose(
        dequantise_values("t", stored[None], "tessera", np.array([0.02]))[0],
        [-2.54, -1.28, 0, 0.02, 1.28, 2.54],
    )


def test_scales_next_to_quantised_values_require_dequantise():
    scale = np.random.default_rng(5).uniform(0.01, 0.1, N).astype(np.float32)
    write(frame(quantised(), scales=scale))
    for look in (
        lambda **more: read("t.parquet", **more),
        lambda **more: outline.check("t.parquet", N, **more),
    ):
        with pytest.raises(TableError, match=r"'scales' .*dequantise"):
            look(features="emb_*")
        with pytest.raises(TableError, match="dequantise: tessera needs scales"):
            look(dequantise="tessera")
        with pytest.raises(TableError, match="has no column 's'"):
            look(dequantise="tessera", scales="s")
    table = read("t.parquet", dequantise="tessera", scales="scales")
    np.testing.assert_allclose(table.values, quantised() * scale.astype(float)[:, None], rtol=1e-15)
    np.testing.assert_array_equal(read("t.parquet", dequantise="none").values, quantised())
    # Floating-point features have no scales.
    write(frame(scale=scale))
    assert len(read("t.parquet").names) == D
    np.savez("t.npz", lon=places()[:, 0], lat=places()[:, 1], embedding=quantised(), scale=scale)
    with pytest.raises(TableError, match=r"'scale' .*dequantise"):
        read("t.npz")


def test_dequantised_values_are_not_dequantised_twice():
    write(frame())
    with pytest.raises(TableError, match="dequantise: alphaearth needs whole numbers from -128 to 127"):
        read("t.parquet", dequantise="alphaearth")


def test_points_and_embeddings_leave_out_the_same_rows():
    from earthdim.experiment import external

    file = masked("parquet")
    leaf = {
        "kind": "table",
        "model": "m",
        "n": 360,
        "build": {
            "_target_": "earthdim.encoders.custom.table.embeddings",
            "file": file,
            "dequantise": "alphaearth",
            "features": "A*",
        },
    }
    name, draw = external.points(leaf, "mine")
    assert name == "own-mine-360-r0"
    lonlat = build(draw["build"], n=draw["n"], rng=None, is_land=None)
    encoder = build(leaf["build"])
    np.testing.assert_array_equal(encoder.lonlat, lonlat)
    q = quantised()[np.arange(N) % 10 != 0].astype(float)
    np.testing.assert_allclose(encoder.embed(lonlat), np.sign(q) * (q / 127.5) ** 2, rtol=1e-6)
    plain = external.points({**leaf, "build": {**leaf["build"], "dequantise": None}}, "mine")[1]
    assert set(plain) == {"kind", "n", "seed", "replicate", "build"}
    assert set(plain["build"]) == {"_target_", "path", "longitude", "latitude"}


def test_implausible_places_cause_a_warning_in_both_readers():
    table = frame()
    table[["lon", "lat"]] = np.radians(table[["lon", "lat"]])
    write(table)
    for look in (read, coordinate_tables.points):
        with pytest.warns(UserWarning, match=r"t\.parquet: all places .*radians"):
            look("t.parquet")
