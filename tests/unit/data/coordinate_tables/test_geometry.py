"""Places of Parquet files with geometries: encodings of points, related columns, and invalid files.

Geometries are written by hand from coordinates with known values; centres of boxes are computed by hand.
"""

import json
import struct
import warnings

import numpy as np
import pyarrow as pa
import pytest
import shapely
from pyarrow import parquet
from pyproj import CRS

from earthdim.data.coordinate_tables import TableError, outline, points, read

PLACES = np.array([[10.5, 20.25], [-70.0, -33.5], [179.75, 0.5], [0.0, 89.0]])
VALUES = np.arange(8, dtype=np.float32).reshape(4, 2) * 0.3 + 0.1


def point_wkb(lon, lat):
    """By the standard: little endian, type 1, two doubles."""
    return struct.pack("<BIdd", 1, 1, lon, lat)


WKB = pa.array([point_wkb(*place) for place in PLACES], pa.binary())


def write(path, geometry, column=None, name="geometry", where="schema", **more):
    """A table of two features with a geometry; `column` is its entry in the metadata, None for no metadata."""
    features = {"emb_0": VALUES[: len(geometry), 0], "emb_1": VALUES[: len(geometry), 1]}
    table = pa.table({name: geometry, **features, **more})
    about = {"version": "1.1.0", "primary_column": name, "columns": {name: column}}
    if column is not None and where == "schema":
        table = table.replace_schema_metadata({"geo": json.dumps(about)})
    with parquet.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        if column is not None and where == "file":
            writer.add_key_value_metadata({"geo": json.dumps(about)})
    return path


def check(path, places=PLACES, **columns):
    outline.check(path, len(places), **columns)
    table = read(path, **columns)
    np.testing.assert_array_equal(table.lonlat, places)
    np.testing.assert_array_equal(table.values, VALUES[: len(places)])
    assert table.names == ("emb_0", "emb_1")


def structs(xy, extra=()):
    parts = [pa.array(axis, pa.float64()) for axis in (*np.transpose(xy), *extra)]
    return pa.StructArray.from_arrays(parts, ["x", "y", "z", "m"][: len(parts)])


def interleaved(xy):
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(xy)), 2)


def nested(values, *lengths):
    """Lists of these lengths around values, from the inside out."""
    for some in lengths:
        values = pa.ListArray.from_arrays(
            pa.array(np.concatenate([[0], np.cumsum(some)]), pa.int32()), values
        )
    return values


POINTS = {
    "WKB": (WKB, "WKB"),
    "large binary": (WKB.cast(pa.large_binary()), "WKB"),
    "WKB with heights": (
        pa.array([struct.pack("<BIddd", 1, 1001, *place, 7.0) for place in PLACES], pa.binary()),
        "WKB",
    ),
    "extended WKB": (
        pa.array([struct.pack("<BIIdd", 1, 1 | 0x20000000, 4326, *place) for place in PLACES], pa.binary()),
        "WKB",
    ),
    "structs": (structs(PLACES), "point"),
    "structs with heights": (structs(PLACES, [np.ones(4)]), "point"),
    "interleaved": (interleaved(PLACES), "point"),
    "lists, as other writers leave them": (pa.array(PLACES.tolist(), pa.list_(pa.float64())), "point"),
    "multipoints of one": (nested(structs(PLACES), [1] * 4), "multipoint"),
    "WKB multipoints of one": (
        pa.array([struct.pack("<BII", 1, 4, 1) + point_wkb(*place) for place in PLACES], pa.binary()),
        "WKB",
    ),
}


@pytest.mark.parametrize("where", ["schema", "file"])
@pytest.mark.parametrize("case", POINTS)
def test_points_are_read_in_every_encoding(tmp_path, case, where):
    geometry, encoding = POINTS[case]
    check(write(tmp_path / "t.parquet", geometry, {"encoding": encoding}, where=where))


def old(path, version, **column):
    table = pa.table({"geometry": WKB, "emb_0": VALUES[:, 0], "emb_1": VALUES[:, 1]})
    about = {"primary_column": "geometry", "columns": {"geometry": column}, **version}
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(about)}), path)
    return path


@pytest.mark.parametrize(
    "version", [{"schema_version": "0.1.0"}, {"version": "0.4.0"}, {"version": "1.0.0-beta.1"}]
)
@pytest.mark.parametrize("crs", ["WKT1_GDAL", "WKT1_ESRI", "WKT2_2019"])
def test_old_versions_with_their_reference_system_as_text_are_read(tmp_path, version, crs):
    check(old(tmp_path / "t.parquet", version, encoding="WKB", crs=CRS(4326).to_wkt(crs), bbox=[0, 0, 1, 1]))


@pytest.mark.parametrize("name", ["geometry", "geom", "wkb_geometry"])
def test_a_column_of_geometries_without_metadata_is_read_by_its_name(tmp_path, name):
    check(write(tmp_path / "t.parquet", WKB, None, name))


TEXTS = {
    "WKT": [f"POINT ({lon} {lat})" for lon, lat in PLACES],
    "EWKT": [f"SRID=4326;POINT({lon} {lat})" for lon, lat in PLACES],
    "hexadecimal": [point_wkb(*place).hex().upper() for place in PLACES],
    "GeoJSON": [json.dumps({"type": "Point", "coordinates": place.tolist()}) for place in PLACES],
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_column_of_text_without_metadata_is_read(tmp_path, kind):
    check(write(tmp_path / "t.parquet", pa.array(TEXTS[kind]), None))


def test_coordinates_take_precedence_over_undeclared_bytes(tmp_path):
    bytes_of_another_kind = pa.array([b"\x07"] * 4, pa.binary())
    check(write(tmp_path / "t.parquet", bytes_of_another_kind, None, lon=PLACES[:, 0], lat=PLACES[:, 1]))


def test_geoarrow_types_are_recognised_without_metadata(tmp_path):
    about = {"ARROW:extension:name": "geoarrow.point", "ARROW:extension:metadata": '{"crs": "OGC:CRS84"}'}
    fields = [pa.field("place", structs(PLACES).type, metadata=about)]
    fields += [pa.field(f"emb_{i}", pa.float32()) for i in range(2)]
    parquet.write_table(pa.table([structs(PLACES), *VALUES.T], pa.schema(fields)), tmp_path / "t.parquet")
    check(tmp_path / "t.parquet")


class Native(pa.ExtensionType):
    """As geoarrow registers it, from which Arrow makes Parquet's own type of geometries."""

    def __init__(self, about=b"{}"):
        self.about = about
        super().__init__(pa.binary(), "geoarrow.wkb")

    def __arrow_ext_serialize__(self):
        return self.about

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, about):
        return cls(about)


@pytest.fixture
def native():
    pa.register_extension_type(Native())

    def of(**about):
        return pa.ExtensionArray.from_storage(Native(json.dumps(about).encode()), WKB)

    yield of
    pa.unregister_extension_type("geoarrow.wkb")


def write_native(path, geometry):
    table = pa.table({"place": geometry, "emb_0": VALUES[:, 0], "emb_1": VALUES[:, 1]})
    parquet.write_table(table, path, store_schema=False)
    pa.unregister_extension_type("geoarrow.wkb")
    schema = parquet.ParquetFile(path).schema
    pa.register_extension_type(Native())
    assert schema.column(0).logical_type.type in ("GEOMETRY", "GEOGRAPHY")
    return path


def test_geometry_types_of_parquet_are_read(tmp_path, native):
    check(write_native(tmp_path / "a.parquet", native()))
    check(write_native(tmp_path / "b.parquet", native(edges="spherical")))
    check(write_native(tmp_path / "c.parquet", native(crs="EPSG:4326", crs_type="authority_code")))
    mercator = write_native(tmp_path / "d.parquet", native(crs="EPSG:3857", crs_type="authority_code"))
    with pytest.raises(TableError, match=r"d\.parquet: 'place' is in WGS 84 / Pseudo-Mercator"):
        read(mercator)


def boxes(names):
    xs, ys = PLACES.T
    return dict(zip(names, (pa.array(one) for one in (xs, ys, xs, ys)), strict=True))


BOX = ["xmin", "ymin", "xmax", "ymax"]


def test_boxes_and_coordinates_next_to_a_geometry_are_not_features(tmp_path):
    box = pa.StructArray.from_arrays(list(boxes(BOX).values()), BOX)
    named = {"encoding": "WKB", "covering": {"bbox": {name: ["cover", name] for name in BOX}}}
    flat = {"encoding": "WKB", "covering": {"bbox": {name: [f"b_{name}"] for name in BOX}}}
    plain = {"encoding": "WKB"}
    check(write(tmp_path / "a.parquet", WKB, named, cover=box))
    check(write(tmp_path / "b.parquet", WKB, plain, bbox=box))
    check(write(tmp_path / "c.parquet", WKB, flat, **boxes([f"b_{name}" for name in BOX])))
    check(write(tmp_path / "d.parquet", WKB, plain, **boxes(["minx", "miny", "maxx", "maxy"])))
    check(write(tmp_path / "e.parquet", WKB, plain, lon=PLACES[:, 0], latitude=PLACES[:, 1]))
    check(write(tmp_path / "f.parquet", WKB, plain, bbox=pa.array([[0.0, 0, 1, 1]] * 4)))


def corners(west, south, east, north):
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


# Corners, and the centre by halves; longitudes beyond 180 and a turn away are one place.
FOOTPRINTS = [
    (corners(10, 20, 11, 22), (10.5, 21)),
    (corners(-70.5, -34, -70, -33), (-70.25, -33.5)),
    (corners(179.5, 0, -179, 1), (-179.75, 0.5)),
    (corners(-179, 0, 179.5, 1), (-179.75, 0.5)),
    (corners(179.5, 0, 181, 1), (-179.75, 0.5)),
    (corners(359, 60, 0.5, 61), (-0.25, 60.5)),
]


def test_footprints_are_read_at_their_centre_with_one_warning(tmp_path):
    rows = [struct.pack("<BIII", 1, 3, 1, 5) + struct.pack("<10d", *np.ravel(ring)) for ring, _ in FOOTPRINTS]
    path = tmp_path / "t.parquet"
    for number, geometry in enumerate(
        (
            pa.array(rows, pa.binary()),
            nested(structs(np.concatenate([ring for ring, _ in FOOTPRINTS])), [5] * 6, [1] * 6),
        )
    ):
        table = pa.table({"geometry": geometry, "emb_0": np.arange(6.0) / 7, "emb_1": np.arange(6.0) / 3})
        about = {"encoding": ["WKB", "polygon"][number]}
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": about}}
        parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            where = points(path)
        np.testing.assert_allclose(where, [centre for _, centre in FOOTPRINTS], rtol=0, atol=1e-9)
        (one,) = caught
        assert "t.parquet: 'geometry' holds polygons in 6 of 6 rows" in str(one.message)


def test_the_centre_of_a_footprint_is_its_centroid_also_where_it_is_cut_at_the_date_line(tmp_path):
    # Parts of 2 and of 1 square degrees, with centres at longitudes 179 and 180.5.
    cut = shapely.MultiPolygon([shapely.box(178, 0, 180, 1), shapely.box(-180, 0, -179, 1)])
    path = write(tmp_path / "t.parquet", pa.array([cut.wkb], pa.binary()), {"encoding": "WKB"})
    with pytest.warns(UserWarning, match="1 of 1 rows"):
        where = points(path)
    np.testing.assert_allclose(where, [[(2 * 179 + 180.5) / 3, 0.5]], rtol=0, atol=1e-9)


def test_a_few_footprints_among_points_are_counted(tmp_path):
    shapes = [shapely.Point(1, 2), shapely.box(3, 3, 4, 5), shapely.Point(5, 6)]
    path = write(
        tmp_path / "t.parquet", pa.array([one.wkb for one in shapes], pa.binary()), {"encoding": "WKB"}
    )
    with pytest.warns(UserWarning, match="polygons in 1 of 3 rows"):
        np.testing.assert_array_equal(points(path), [[1, 2], [3.5, 4], [5, 6]])


def of_wkb(*shapes):
    return pa.array([None if one is None else one.wkb for one in shapes], pa.binary())


POINT, LINE = shapely.Point(3, 4), shapely.LineString([(0, 0), (1, 1)])
TWO = shapely.MultiPoint([(0, 0), (1, 1)])
WORLD = shapely.Polygon([(-170, 0), (0, 0), (170, 0), (170, 9), (0, 9), (-170, 9)])
UTM = struct.pack("<BIIdd", 1, 1 | 0x20000000, 32632, 5e5, 5e6)
REFUSED = {
    "null": (
        of_wkb(POINT, None, None),
        {"encoding": "WKB"},
        r"no geometry \(null or empty\) in 2 of 3 rows, the first in row 2",
    ),
    "empty": (of_wkb(POINT, shapely.Point(), POINT), {"encoding": "WKB"}, "null or empty.* in 1 of 3 rows"),
    "null structs": (
        pa.array([{"x": 1.0, "y": 2.0}, None], pa.struct({"x": pa.float64(), "y": pa.float64()})),
        {"encoding": "point"},
        "null or empty.* in 1 of 2 rows, the first in row 2",
    ),
    "lines": (
        of_wkb(POINT, LINE),
        {"encoding": "WKB"},
        "geometries other than points and polygons in 1 of 2 rows",
    ),
    "several points": (
        of_wkb(TWO, POINT),
        {"encoding": "WKB"},
        "geometries other than points and polygons in 1 of 2",
    ),
    "wide": (of_wkb(WORLD, POINT), {"encoding": "WKB"}, "more than 180 degrees wide.* in 1 of 2 rows"),
    "srid": (
        pa.array([UTM], pa.binary()),
        {"encoding": "WKB"},
        "'geometry' is in WGS 84 / UTM zone 32N; only WGS 84",
    ),
    "crs": (
        WKB,
        {"encoding": "WKB", "crs": CRS(4269).to_json_dict()},
        "'geometry' is in NAD83; only WGS 84",
    ),
    "no crs": (WKB, {"encoding": "WKB", "crs": None}, "no coordinate reference system"),
    "unknown crs": (WKB, {"encoding": "WKB", "crs": "hello"}, "unknown coordinate reference system"),
    "another layout": (
        structs(PLACES),
        {"encoding": "polygon"},
        "cannot be read .*not of the encoding polygon",
    ),
    "another encoding": (
        WKB,
        {"encoding": "twkb"},
        "cannot be read .*encoding twkb is not one of WKB, point",
    ),
    "no WKB": (pa.array([b"hello"], pa.binary()), {"encoding": "WKB"}, "cannot be read"),
    "beyond": (of_wkb(shapely.Point(3, 95)), {"encoding": "WKB"}, "latitude"),
    "undeclared": (pa.array(["somewhere"]), None, "'geometry' cannot be read"),
}


@pytest.mark.filterwarnings("ignore:.*read at its centre")
@pytest.mark.parametrize("case", REFUSED)
def test_invalid_places_are_rejected_while_planning(tmp_path, case):
    geometry, about, words = REFUSED[case]
    path = write(tmp_path / "t.parquet", geometry, about)
    for look in (read, lambda path: outline.check(path, 1)):
        with pytest.raises(TableError, match=rf"t\.parquet: .*{words}"):
            look(path)


@pytest.mark.parametrize(
    "geo", [b"{", b"[]", b'{"primary_column": "shape", "columns": {"shape": {}}}', b"{}"]
)
def test_invalid_geometry_metadata_are_rejected(tmp_path, geo):
    table = pa.table({"geometry": WKB, "emb_0": VALUES[:, 0]})
    parquet.write_table(table.replace_schema_metadata({"geo": geo}), tmp_path / "t.parquet")
    with pytest.raises(TableError, match=r"t\.parquet: its metadata"):
        read(tmp_path / "t.parquet")
