"""Polygon files: of the whole world, cut and uncut at the date line, in every supported format.

Expected shares of points follow from the areas of boxes on the sphere: width times difference of sines.
"""

import gzip
import json
import warnings

import numpy as np
import pytest
import shapely
from areas import chi_squared, nowhere
from polygon_features import content, draw, features

from earthdim.data.samples import polygon_files
from earthdim.data.samples.polygons import polygon

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]}
FAR = {"type": "Polygon", "coordinates": [[[50, 0], [60, 0], [60, 10], [50, 10], [50, 0]]]}


def ring(*xy):
    return {"type": "Polygon", "coordinates": [[*xy, xy[0]]]}


def height(south, north):
    return np.sin(np.radians(north)) - np.sin(np.radians(south))


def read(path):
    return shapely.union_all(polygon_files.read(str(path)))


def text(*features):
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [{"type": "Feature", "properties": None, "geometry": one} for one in features],
        }
    )


BOTH = shapely.union(shapely.box(0, 0, 10, 10), shapely.box(50, 0, 60, 10))
LINES = "\n".join(json.dumps({"type": "Feature", "properties": {}, "geometry": one}) for one in (SQUARE, FAR))
WKT = ["POLYGON ((0 0, 10 0, 10 10, 0 10, 0 0))", "POLYGON ((50 0, 60 0, 60 10, 50 10, 50 0))"]
COLLECTION = {"type": "GeometryCollection", "geometries": [SQUARE, FAR]}
WRITTEN = {
    "GeoJSON": text(SQUARE, FAR).encode(),
    "byte order mark": text(SQUARE, FAR).encode("utf-8-sig"),
    "UTF-16": text(SQUARE, FAR).encode("utf-16"),
    "null geometry": text(SQUARE, None, FAR, None).encode(),
    "a collection in a feature": text(COLLECTION).encode(),
    "a collection": json.dumps(COLLECTION).encode(),
    "a line each": LINES.encode(),
    "a line each, of Windows": LINES.replace("\n", "\r\n").encode() + b"\r\n",
    "a text sequence": "".join(f"\x1e{line}\n" for line in LINES.split("\n")).encode(),
    "a list": json.dumps([SQUARE, FAR]).encode(),
    "blanks before": b"\n  " + text(SQUARE, FAR).encode(),
    "compressed": gzip.compress(text(SQUARE, FAR).encode()),
    "WKT of several lines": "\n".join(WKT).encode(),
    "WKT of one collection": f"GEOMETRYCOLLECTION ({WKT[0]},\n{WKT[1]})".encode(),
    "WKT with heights": WKT[0].encode() + b"\nPOLYGON Z ((50 0 1, 60 0 1, 60 10 1, 50 10 1, 50 0 1))",
    "EWKT": "\n".join(f"SRID=4326;{one}" for one in WKT).encode(),
    "WKT with a mark": "\n".join(WKT).lower().encode("utf-8-sig"),
    "hexadecimal": BOTH.wkb_hex.encode(),
    "hexadecimal EWKB": shapely.to_wkb(shapely.set_srid(BOTH, 4326), hex=True, include_srid=True)
    .lower()
    .encode(),
    "WKB": BOTH.wkb,
    "big-endian WKB": shapely.to_wkb(BOTH, byte_order=0),
}


@pytest.mark.parametrize("suffix", ["json", "geojsonl", "shp", ""])
@pytest.mark.parametrize("case", WRITTEN)
def test_the_format_is_recognised_by_the_first_bytes(tmp_path, case, suffix):
    assert read(content(tmp_path / f"a.{suffix}", WRITTEN[case])).equals(BOTH)


def geoparquet(path, encoding):
    import pyarrow as pa
    from pyarrow import parquet

    rings = [[{"x": x, "y": y} for x, y in one["coordinates"][0]] for one in (SQUARE, FAR)]
    xy = pa.struct({"x": pa.float64(), "y": pa.float64()})
    column = {
        "polygon": pa.array([[rings[0]], None, [rings[1]]], pa.list_(pa.list_(xy))),
        "multipolygon": pa.array([[[rings[0]], [rings[1]]]], pa.list_(pa.list_(pa.list_(xy)))),
        "WKB": pa.array([shapely.to_wkb(BOTH), None], pa.binary()),
    }[encoding]
    geo = {"version": "1.1.0", "primary_column": "g", "columns": {"g": {"encoding": encoding}}}
    with parquet.ParquetWriter(path, pa.schema({"g": column.type})) as writer:
        writer.write_table(pa.table({"g": column}))
        writer.add_key_value_metadata({"geo": json.dumps(geo)})
    return path


@pytest.mark.parametrize("encoding", ["polygon", "multipolygon", "WKB"])
def test_all_encodings_of_geoparquet_are_read_with_metadata_of_the_file_alone(tmp_path, encoding):
    assert read(geoparquet(tmp_path / "a.gpq", encoding)).equals(BOTH)


CAP = ring([-180, -90], [180, -90], [180, -84.7], [90, -70], [0, -72], [-90, -68], [-180, -84.7])
ISLANDS = {
    "type": "MultiPolygon",
    "coordinates": [
        [[[178, -20], [180, -20], [180, -15], [178, -15], [178, -20]]],
        [[[-180, -20], [-179, -20], [-179, -15], [-180, -15], [-180, -20]]],
    ],
}


def test_a_polar_continent_drawn_along_the_pole_is_right_as_it_is(tmp_path):
    """As Natural Earth draws Antarctica, with bounds as geopandas shipped them."""
    shifted = json.loads(
        json.dumps(CAP).replace("180,", "180.00000000000006,").replace("-90]", "-90.00000000000003]")
    )
    for number, cap in enumerate((CAP, shifted)):
        path = features(tmp_path / f"{number}.json", cap, None, ISLANDS)
        lonlat = draw(path)
        assert read(path).equals(
            shapely.union_all([shapely.geometry.shape(CAP), shapely.geometry.shape(ISLANDS)])
        )
        # Of the islands two thirds lie west of the date line.
        north = lonlat[lonlat[:, 1] > -60]
        assert (north[:, 0] > 0).mean() == pytest.approx(2 / 3, abs=0.06)
        # Whatever lies south of 84.7 degrees is in the cap, of all longitudes alike.
        south = lonlat[lonlat[:, 1] < -84.7, 0]
        assert len(south) > 500
        assert chi_squared(south, (-180, 180)) < 27.9


WIDE = {
    # A zone, the world, caps, and a continent of 197 degrees (Africa, Europe and Asia): no edge leads the wrong way.
    "zone": (ring([-180, -30], [180, -30], [180, 30], [-180, 30]), 360 * height(-30, 30)),
    "world": (ring([-180, -90], [180, -90], [180, 90], [-180, 90]), 360 * height(-90, 90)),
    "world from 0 to 360": (ring([0, -90], [360, -90], [360, 90], [0, 90]), 360 * height(-90, 90)),
    "cap in steps": (
        ring([-180, 60], [-90, 60], [0, 60], [90, 60], [180, 60], [180, 90], [-180, 90]),
        360 * height(60, 90),
    ),
    "continent": (ring([-17, 0], [80, 0], [180, 0], [180, 40], [80, 40], [-17, 40]), 197 * height(0, 40)),
    "sector to the pole": (
        ring([-100, -90], [100, -90], [100, -70], [0, -70], [-100, -70]),
        200 * height(-90, -70),
    ),
    "cap from 0 to 360": (ring([0, -90], [360, -90], [360, -60], [0, -60]), 360 * height(-90, -60)),
}


@pytest.mark.parametrize("case", WIDE)
def test_wide_polygons_that_do_not_cross_the_date_line_are_sampled_by_area(tmp_path, case):
    wide, area = WIDE[case]
    # Next to it, a box of 10 degrees, whose share is known.
    other = ring([-60, 45], [-50, 45], [-50, 55], [-60, 55])
    lonlat = draw(features(tmp_path / "a.json", wide, other))
    in_box = (np.abs(lonlat[:, 0] + 55) < 5) & (np.abs(lonlat[:, 1] - 50) < 5)
    share = 10 * height(45, 55)
    total = area if case.startswith("world") else area + share
    assert in_box.mean() == pytest.approx(share / total, abs=4 * np.sqrt(share / total / 20_000))
    if case in ("zone", "cap in steps", "cap from 0 to 360"):
        assert chi_squared(lonlat[~in_box, 0], (-180, 180)) < 27.9


TURNED = {
    "wholly beyond 180": (ring([200, 0], [210, 0], [210, 10], [200, 10]), [shapely.box(-160, 0, -150, 10)]),
    "across 180": (
        ring([170, 0], [190, 0], [190, 10], [170, 10]),
        [shapely.box(170, 0, 180, 10), shapely.box(-180, 0, -170, 10)],
    ),
    "beyond by rounding": (
        ring([170, 0], [180.00001, 0], [180.00001, 10], [170, 10]),
        [shapely.box(170, 0, 180, 10)],
    ),
}


@pytest.mark.parametrize("case", TURNED)
def test_polygons_beyond_180_are_cut_and_moved(tmp_path, case):
    given, expected = TURNED[case]
    found = polygon_files.read(str(features(tmp_path / "a.json", given)))
    assert shapely.union_all(found).equals(shapely.union_all(expected))
    assert len(found) == len(expected)


WRONG_WAY = {
    "box": ring([170, 0], [-170, 0], [-170, 9], [170, 9]),
    "by way of the date line": ring(
        [170, 50], [180, 50.1], [-180, 50.2], [-170, 50], [-170, 60], [-180, 60.1], [180, 60.2], [170, 60]
    ),
    "the same, level": ring(
        [170, 50], [180, 50], [-180, 50], [-170, 50], [-170, 60], [-180, 60], [180, 60], [170, 60]
    ),
    "cut, with -180 for 180": ring([170, 0], [-180, 0], [-180, 9], [170, 9]),
    "round the pole without its edge": ring([-179, -70], [-90, -70], [0, -70], [90, -70], [179, -70]),
    "hole": {
        "type": "Polygon",
        "coordinates": [
            CAP["coordinates"][0],
            [[170, -80], [-170, -80], [-170, -82], [170, -82], [170, -80]],
        ],
    },
}


@pytest.mark.parametrize("case", WRONG_WAY)
def test_an_edge_longer_than_180_degrees_is_rejected(tmp_path, case):
    path = features(tmp_path / "a.json", SQUARE, None, WRONG_WAY[case])
    with pytest.raises(ValueError, match=r"a\.json: geometry 2 .*spans 3\d\d degrees of longitude"):
        read(path)


def test_touching_lines_are_repaired_with_a_warning_and_crossing_ones_rejected(tmp_path):
    # Two triangles that share a corner, drawn as one ring: the area is clear.
    touching = ring([0, 0], [10, 0], [5, 5], [10, 10], [0, 10], [5, 5])
    with pytest.warns(UserWarning, match=r"a\.json: geometry 1 is not valid .*; it was repaired"):
        found = read(features(tmp_path / "a.json", FAR, touching))
    assert found.area == pytest.approx(100 + 50)
    crossing = ring([20, 0], [30, 10], [30, 0], [20, 10])
    with pytest.raises(
        ValueError, match=r"b\.json: geometry 1 is not valid .Self-intersection.25 5.*its lines cross"
    ):
        read(features(tmp_path / "b.json", SQUARE, crossing))


def test_empty_geometries_are_skipped_with_a_warning_and_null_ones_without(tmp_path):
    empty = {"type": "Polygon", "coordinates": []}
    with pytest.warns(UserWarning, match=r"a\.json: 1 empty geometries are skipped"):
        assert read(features(tmp_path / "a.json", SQUARE, empty, FAR, None)).equals(BOTH)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(features(tmp_path / "b.json", SQUARE, FAR, None)).equals(BOTH)


OTHERS = {
    "a GeoPackage": b"SQLite format 3\x00" + bytes(100),
    "a shapefile": b"\x00\x00\x27\x0a" + bytes(96),
    "a FlatGeobuf file": b"fgb\x03fgb\x00" + bytes(90),
    "XML, such as KML": b'\xef\xbb\xbf<?xml version="1.0"?><kml></kml>',
    "a zip archive": b"PK\x03\x04" + bytes(90),
    "TopoJSON": b'{"type": "Topology", "objects": {}, "arcs": []}',
}


@pytest.mark.parametrize("kind", OTHERS)
def test_unsupported_formats_are_named_with_a_conversion(tmp_path, kind):
    path = content(tmp_path / "a.geojson", OTHERS[kind])
    words = rf"a\.geojson is {kind}.*; GeoJSON, .* are supported: convert it, .*'ogr2ogr .*a\.geojson'"
    with pytest.raises(ValueError, match=words) as caught:
        polygon(1, np.random.default_rng(0), nowhere, str(path), "globe")
    assert str(caught.value).startswith("sample.build.path: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [f"SRID=25832;{WKT[0]}", shapely.to_wkb(shapely.set_srid(BOTH, 25832), hex=True, include_srid=True)],
)
def test_extended_text_in_another_reference_system_is_rejected_by_name(tmp_path, written):
    with pytest.raises(
        ValueError, match=r"sample\.build\.path: .*a\.wkt is in ETRS89 / UTM zone 32N; only WGS 84"
    ):
        read(content(tmp_path / "a.wkt", written.encode()))
