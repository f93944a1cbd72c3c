"""Coordinates of a table: pairs of columns by name, arrays of two columns, points as text or bytes."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import shapely
import zarr

from earthdim.data.coordinate_tables import TableError, outline, points, read

N, D = 40, 3
PLACES = np.column_stack(
    (np.random.default_rng(0).uniform(-180, 180, N), np.random.default_rng(1).uniform(-90, 90, N))
).round(6)
VALUES = np.random.default_rng(2).standard_normal((N, D)).astype(np.float32)
FEATURES = {f"emb_{i}": VALUES[:, i] for i in range(D)}


def parquet(folder, places, **more):
    """A table with these columns of places."""
    pq.write_table(pa.table({**places, **FEATURES, **more}), folder / "t.parquet")
    return folder / "t.parquet"


def check(path, *keys, features="emb_*", expected=PLACES):
    outline.check(path, N, *keys, features=features)
    table = read(path, *keys, features=features)
    np.testing.assert_array_equal(table.lonlat, expected)
    np.testing.assert_array_equal(points(path, *keys), expected)
    return table


def refused(path, message, *keys, features="emb_*"):
    for look in (
        lambda: outline.check(path, N, *keys, features=features),
        lambda: read(path, *keys, features=features),
    ):
        with pytest.raises(TableError, match=message):
            look()


@pytest.mark.parametrize(
    "names",
    [
        ("longitude", "latitude"), ("Longitude", "Latitude"), ("LON", "LAT"), ("Lon", "Lat"), ("lng", "lat"),
        ("long", "lat"), ("LONG", "LAT"), ("decimalLongitude", "decimalLatitude"), ("centre_lon", "centre_lat"),
        ("center_longitude", "center_latitude"), ("lon_deg", "lat_deg"), ("LONGITUDE_DD", "LATITUDE_DD"),
        ("decimal_longitude", "decimal_latitude"), ("lonWGS84", "latWGS84"), ("GPSLongitude", "GPSLatitude"),
    ],
)  # fmt: skip
def test_pairs_of_names_are_coordinates_and_not_features(names, tmp_path):
    a, b = names
    path = parquet(tmp_path, {b: PLACES[:, 1], a: PLACES[:, 0]})
    assert check(path, features=None).names == tuple(FEATURES)
    check(path, a)
    check(path, None, b)
    check(path, a, b)


def test_default_names_take_precedence_and_other_pairs_are_suggested(tmp_path):
    other = {"Longitude": PLACES[::-1, 0], "Latitude": PLACES[::-1, 1]}
    check(parquet(tmp_path, {**other, "lon": PLACES[:, 0], "lat": PLACES[:, 1]}))
    path = parquet(tmp_path, {**other, "LON": PLACES[:, 0], "LAT": PLACES[:, 1]})
    refused(path, "'Longitude' and 'Latitude' or in 'LON' and 'LAT'")
    check(path, "LON", "LAT")
    check(path, "LON")
    path = parquet(tmp_path, {"start_lon": PLACES[:, 0], "start_lat": PLACES[:, 1]})
    refused(
        path, r"has no column 'lon'; .*longitude: start_lon and latitude: start_lat, if those are degrees"
    )
    path = parquet(tmp_path, {"X": PLACES[:, 0], "Y": PLACES[:, 1]})
    refused(path, r"has no column 'lon'; .*longitude: X and latitude: Y, if those are degrees")
    check(path, "X", "Y")
    refused(parquet(tmp_path, {"lon": PLACES[:, 0]}), "has no column 'lat'; there are lon, emb_0")


@pytest.mark.parametrize("kind", ["npz", "zarr", "parquet", "csv"])
@pytest.mark.parametrize(
    ("name", "first"),
    [("lonlat", 0), ("LonLat", 0), ("lng_lat", 0), ("latlon", 1), ("lat_lng", 1), ("coords", None)],
)
def test_arrays_of_two_columns(name, first, kind, tmp_path):
    pair = PLACES if first != 1 else PLACES[:, ::-1]
    path = tmp_path / f"t.{kind}"
    if kind == "npz":
        np.savez(path, **{name: pair}, embedding=VALUES)
    elif kind == "zarr":
        group = zarr.open_group(path, mode="w")
        group.create_array(name, data=pair)
        group.create_array("embedding", data=VALUES)
    elif kind == "parquet":
        pq.write_table(pa.table({name: pair.tolist(), "embedding": VALUES.tolist()}), path)
    else:
        lists = {"embedding": [json.dumps(row) for row in VALUES.astype(float).tolist()]}
        pd.DataFrame({name: [json.dumps(row) for row in pair.tolist()], **lists}).to_csv(path, index=False)
    # Of coords the values tell the order: some are no latitudes.
    check(path, features="embedding")
    check(path, f"{name}[{int(first == 1)}]", f"{name}[{int(first != 1)}]", features="embedding")
    check(path, name, name, features="embedding")


def test_an_ambiguous_order_is_rejected(tmp_path):
    near = PLACES / 10
    np.savez(tmp_path / "t.npz", locs=near, embedding=VALUES)
    refused(
        tmp_path / "t.npz",
        r"'locs' has two columns, and neither its name nor its values .* longitude: locs\[0\] and latitude: "
        r"locs\[1\]",
        features="embedding",
    )
    check(tmp_path / "t.npz", "locs[1]", "locs[0]", features="embedding", expected=near[:, ::-1])
    # The values tell that latitude comes first.
    np.savez(tmp_path / "t.npz", locs=PLACES[:, ::-1], embedding=VALUES)
    check(tmp_path / "t.npz", features="embedding")
    # A name is not overruled.
    np.savez(tmp_path / "t.npz", lonlat=PLACES[:, ::-1], embedding=VALUES)
    refused(tmp_path / "t.npz", r"'lonlat\[1\]' holds latitudes outside -90 to 90", features="embedding")
    np.savez(tmp_path / "t.npz", coords=PLACES, locations=PLACES, embedding=VALUES)
    refused(tmp_path / "t.npz", "may stand in 'coords' or in 'locations'", features="embedding")
    np.savez(tmp_path / "t.npz", coords=np.column_stack((PLACES, PLACES)), embedding=VALUES)
    refused(
        tmp_path / "t.npz",
        r"'coords' has the shape \(40, 4\); places must have \(n, 2\)",
        features="embedding",
    )


SHAPES = shapely.points(PLACES)
TEXTS = {
    "WKT": [f"POINT ({x!r} {y!r})" for x, y in PLACES.tolist()],
    "EWKT": [f"SRID=4326;POINT({x!r} {y!r})" for x, y in PLACES.tolist()],
    "multipoint": [f"MULTIPOINT (({x!r} {y!r}))" for x, y in PLACES.tolist()],
    "three": [f"POINT Z ({x!r} {y!r} 12.5)" for x, y in PLACES.tolist()],
    "GeoJSON": [json.dumps({"type": "Point", "coordinates": row}) for row in PLACES.tolist()],
    "hexadecimal": list(shapely.to_wkb(SHAPES, hex=True)),
    "EWKB": list(shapely.to_wkb(shapely.set_srid(SHAPES, 4326), hex=True, include_srid=True)),
    "WKB": list(shapely.to_wkb(SHAPES)),
}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("text", TEXTS)
def test_points_as_text(text, kind, tmp_path):
    if (text, kind) == ("WKB", "csv"):
        text = "EWKB"
    for name in ("geometry", "WKT"):
        path = tmp_path / f"t.{kind}"
        table = pd.DataFrame({name: TEXTS[text], **FEATURES})
        table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
        assert check(path, features=None).names == tuple(FEATURES)
    path = parquet(tmp_path, {"where": TEXTS[text]})
    check(path, "where", "where")
    refused(path, "has no column 'lon'; there are where")


def test_an_export_of_earth_engine(tmp_path):
    table = pd.DataFrame({"system:index": [f"0_{i}" for i in range(N)], **FEATURES, ".geo": TEXTS["GeoJSON"]})
    table.to_csv(tmp_path / "t.csv", index=False)
    assert check(tmp_path / "t.csv", features=None).names == tuple(FEATURES)
    # Without geometries the export has columns for the place, and an empty shape.
    nothing = json.dumps({"type": "MultiPoint", "coordinates": []})
    table = table.assign(**{".geo": nothing})
    table.to_csv(tmp_path / "t.csv", index=False)
    refused(tmp_path / "t.csv", r"'.geo' holds no geometry \(null or empty\) in 40 of 40 rows")
    table.assign(longitude=PLACES[:, 0], latitude=PLACES[:, 1]).to_csv(tmp_path / "t.csv", index=False)
    assert check(tmp_path / "t.csv", features=None).names == tuple(FEATURES)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "LINESTRING (0 0, 1 1)",
            "geometries other than points and polygons in 1 of 40 rows, the first in row 3",
        ),
        ("POINT EMPTY", r"no geometry \(null or empty\) in 1 of 40 rows, the first in row 3"),
        ("SRID=3857;POINT (1 2)", "is in WGS 84 / Pseudo-Mercator; only WGS 84"),
        ("here", "cannot be read as WKT, GeoJSON or WKB"),
        ('{"type": "Point"', "cannot be read as WKT, GeoJSON or WKB"),
        ("", r"no geometry \(null or empty\) in 1 of 40 rows, the first in row 3"),
        (None, r"no geometry \(null or empty\) in 1 of 40 rows, the first in row 3"),
        (
            "POINT (1 91)",
            "'geometry' holds latitudes outside -90 to 90 degrees in 1 of 40 rows, the first in row 3",
        ),
    ],
)
def test_values_that_are_not_points_are_rejected(value, message, tmp_path):
    texts = [*TEXTS["WKT"][:2], value, *TEXTS["WKT"][3:]]
    refused(parquet(tmp_path, {"geometry": texts}), message)


def test_rounding_is_clipped_and_longitudes_are_wrapped(tmp_path):
    given = np.array(
        [[-180.00000000000003, 10], [180.00000000000014, -90.00000000000003], [359.5, 90.00001], [181, 0]]
    )
    right = np.array([[-180, 10], [180, -90], [-0.5, 90], [-179, 0]])
    np.savez(tmp_path / "t.npz", lonlat=given)
    np.testing.assert_array_equal(points(tmp_path / "t.npz"), right)
    pd.DataFrame(given, columns=["LON", "LAT"]).to_csv(tmp_path / "t.csv", index=False)
    np.testing.assert_array_equal(points(tmp_path / "t.csv"), right)


def test_columns_named_by_the_keys_must_exist(tmp_path):
    path = parquet(tmp_path, {"lon": PLACES[:, 0], "lat": PLACES[:, 1], "pair": PLACES.tolist()})
    refused(path, "has no column 'none'", "none", "none")
    refused(path, r"has no column 'none'", "none[0]", "none[1]")
    refused(path, r"'pair' has 2 axes; .*\(set pair\[0\] and pair\[1\]\)", "pair", "lat")
    refused(path, r"'emb_0' has the shape \(40,\), places must have \(n, 2\)", "emb_0[0]", "emb_0[1]")
    check(path, "pair[0]", "pair[1]")
    check(path, "lon")


@pytest.mark.parametrize("form", ["{1!r}, {0!r}", "({1!r},{0!r})", "{1!r} {0!r}"])
def test_two_numbers_in_one_text(form, tmp_path):
    path = parquet(tmp_path, {"location": [form.format(*row) for row in PLACES.tolist()]})
    # Of the second some are no latitudes.
    check(path)
    check(path, "location[1]", "location[0]")
    near = parquet(tmp_path, {"location": [form.format(*row) for row in (PLACES / 10).tolist()]})
    refused(near, r"'location' has two columns, and neither its name nor its values")


@pytest.mark.parametrize("names", [("lon", "lat"), ("longitude", "latitude"), ("x", "y")])
@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_fields_of_a_struct(names, suffix, tmp_path):
    pairs = [dict(zip(names, row, strict=True)) for row in PLACES.tolist()]
    table = pa.table({"location": pairs, **FEATURES})
    path = tmp_path / f"t.{suffix}"
    pq.write_table(table, path) if suffix == "parquet" else feather.write_feather(table, path)
    check(path, *(f"location.{name}" for name in names))
    if names != ("x", "y"):
        assert check(path, features=None).names == tuple(FEATURES)
    pairs[3] = None
    pq.write_table(pa.table({"location": pairs, **FEATURES}), tmp_path / "gap.parquet")
    keys = [f"location.{name}" for name in names]
    refused(tmp_path / "gap.parquet", rf"2 values are missing .* '{keys[0]}', row 4", *keys)
