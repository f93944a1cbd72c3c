"""Points within the polygons of a file: their location and uniformity by area, and invalid files."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from areas import chi_squared, everywhere, north, nowhere
from polygon_features import content, draw, features
from pyarrow import Table, parquet
from pyproj import CRS

RING = shapely.box(-10, -20, 30, 60) - shapely.box(0, 0, 20, 40)
# Across the date line, cut there: two parts of unequal size.
PACIFIC = shapely.MultiPolygon([shapely.box(170, -30, 180, 30), shapely.box(-180, -30, -150, 30)])


def geojson(path: Path, *geometries, **members):
    features = [
        {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(one))}
        for one in geometries
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}))
    return path


def geoparquet(path: Path, *geometries, **column):
    about = {"primary_column": "border", "columns": {"border": {"encoding": "WKB", **column}}}
    table = Table.from_pydict(
        {"name": [str(one) for one in geometries], "border": [one.wkb for one in geometries]}
    )
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(about)}), path)
    return path


def wkt(path: Path, *geometries):
    path.write_text(shapely.GeometryCollection(geometries).wkt)
    return path


def sine(lonlat):
    return np.sin(np.radians(lonlat[:, 1]))


def test_points_lie_inside_and_not_in_the_hole(tmp_path):
    lon, lat = draw(geojson(tmp_path / "ring.geojson", RING)).T
    assert ((lon > -10) & (lon < 30) & (lat > -20) & (lat < 60)).all()
    assert not ((lon > 0) & (lon < 20) & (lat > 0) & (lat < 40)).any()
    # Of the four sides of the ring the western one, between the parallels of the hole.
    west = (lon < 0) & (lat > 0) & (lat < 40)
    height = np.sin(np.radians([-20, 0, 40, 60]))
    area = 40 * (height[3] - height[0]) - 20 * (height[2] - height[1])
    assert west.mean() == pytest.approx(10 * (height[2] - height[1]) / area, abs=0.01)


def test_points_are_uniform_by_area_over_the_date_line(tmp_path):
    lonlat = draw(geojson(tmp_path / "pacific.json", PACIFIC))
    assert chi_squared(lonlat[:, 0] % 360, (170, 210)) < 27.9
    assert chi_squared(sine(lonlat), (-0.5, 0.5)) < 27.9


def test_polygons_far_apart_have_points_by_their_area(tmp_path):
    # As wide as each other; the area is the difference of the sines: 0.5 and 1 - sin(60 degrees).
    path = geojson(tmp_path / "far.geojson", shapely.box(-100, 0, -99, 30), shapely.box(99, 60, 100, 90))
    lonlat = draw(path)
    assert (lonlat[:, 0] < 0).mean() == pytest.approx(0.5 / (1.5 - np.sqrt(3) / 2), abs=0.01)
    assert (np.abs(lonlat[:, 1]) < 90).all()


def test_overlapping_polygons_count_once(tmp_path):
    path = geojson(tmp_path / "twice.geojson", shapely.box(0, -10, 20, 10), shapely.box(10, -10, 30, 10))
    assert chi_squared(draw(path)[:, 0], (0, 30)) < 27.9


def test_edges_are_straight_in_longitude_and_latitude(tmp_path):
    path = wkt(tmp_path / "triangle.wkt", shapely.Polygon([(0, 0), (90, 0), (90, 60)]))
    lon, lat = draw(path).T
    assert (lat <= lon * 2 / 3).all()
    # A great circle from (0, 0) to (90, 60) would reach 50.8 degrees above longitude 45.
    assert (lat[lon < 45]).max() < 30


def test_all_formats_give_the_same_points(tmp_path):
    expected = draw(geojson(tmp_path / "a.geojson", PACIFIC, RING), 500)
    for path in (
        wkt(tmp_path / "a.wkt", PACIFIC, RING),
        geoparquet(tmp_path / "a.parquet", PACIFIC, RING),
        geoparquet(tmp_path / "b.parquet", PACIFIC, RING, crs=CRS("EPSG:4326").to_json_dict()),
        geoparquet(
            tmp_path / "c.GeoParquet", PACIFIC, RING, crs=CRS("OGC:CRS84").to_json_dict(), edges="planar"
        ),
        geojson(
            tmp_path / "d.json", PACIFIC, RING, crs={"properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
        ),
    ):
        np.testing.assert_array_equal(draw(path, 500), expected, err_msg=str(path))


@pytest.mark.parametrize("over", ["globe", "land"])
def test_the_first_of_a_draw_are_the_smaller_draw(tmp_path, over):
    path = wkt(tmp_path / "ring.wkt", RING)
    large = draw(path, 9000, over, is_land=north)
    for size in (1, 700, 8999):
        np.testing.assert_array_equal(draw(path, size, over, is_land=north), large[:size])
    assert (large[:, 1] > 0).all() == (over == "land")


def test_an_island_of_a_kilometre_is_found_next_to_a_continent(tmp_path):
    island = shapely.box(100, 10, 100.01, 10.01)
    lonlat = draw(wkt(tmp_path / "small.wkt", island, shapely.box(-100, 10, -99.98, 10.02)), 1000)
    assert (lonlat[:, 0] > 0).mean() == pytest.approx(0.2, abs=0.05)


def mercator(path):
    return geoparquet(path, shapely.box(0, 0, 9, 9), crs=CRS("EPSG:3857").to_json_dict())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "none.geojson", r"sample\.path: .*none\.geojson does not exist"),
        (lambda folder: folder, "is a folder; GeoJSON, well-known text or binary .* are supported"),
        (
            lambda folder: content(folder / "a.geojson", b"hello"),
            r"a\.geojson cannot be read as polygons .*; GeoJSON, .* are supported",
        ),
        (lambda folder: content(folder / "a.json", b"\xff\xfe\xff"), r"a\.json cannot be read as polygons"),
        (lambda folder: content(folder / "a.json", b"{" * 9), r"a\.json cannot be read as polygons"),
        (lambda folder: content(folder / "a.json", b"[" * 99_999), r"a\.json cannot be read as polygons"),
        (lambda folder: content(folder / "a.json", b"[1, 2]"), "JSON without a type"),
        (
            lambda folder: content(
                folder / "a.json", b'{"type": "Polygon", "coordinates": [[[0, 0], [9, 9]]]}'
            ),
            r"a\.json cannot be read as polygons",
        ),
        (
            lambda folder: content(folder / "a.parquet", b"PAR1" * 9),
            r"a\.parquet cannot be read as GeoParquet",
        ),
        (lambda folder: geojson(folder / "a.geojson"), "holds no polygon"),
        (
            lambda folder: features(folder / "a.geojson", None),
            "holds no polygon .all 1 geometries are null",
        ),
        (
            lambda folder: wkt(folder / "a.wkt", RING, shapely.Point(1, 2)),
            "geometry 1 is a Point, not a polygon",
        ),
        (
            lambda folder: wkt(folder / "a.wkt", shapely.Polygon()),
            "holds no polygon .all 1 geometries are null or",
        ),
        (
            lambda folder: wkt(folder / "a.wkt", shapely.Polygon([(0, 0), (9, 9), (9, 0), (0, 9)])),
            "geometry 0 is not valid .Self-intersection",
        ),
        (lambda folder: wkt(folder / "a.wkt", shapely.box(-190, 0, 9, 9)), "geometry 0 is not in degrees"),
        (lambda folder: wkt(folder / "a.wkt", shapely.box(0, 0, 9, 91)), "geometry 0 is not in degrees"),
        (
            lambda folder: wkt(folder / "a.wkt", shapely.box(-170, 0, 170, 9)),
            "spans 340 degrees of longitude",
        ),
        (
            lambda folder: mercator(folder / "a.parquet"),
            r"a\.parquet: 'border' is in WGS 84 / Pseudo-Mercator; only WGS 84",
        ),
        (
            lambda folder: geojson(folder / "a.json", RING, crs={"properties": {"name": "EPSG:25832"}}),
            "a.json is in ETRS89 / UTM zone 32N; only WGS 84",
        ),
        (lambda folder: geojson(folder / "a.json", RING, crs="?"), "unknown coordinate reference system"),
        (
            lambda folder: geoparquet(folder / "a.parquet", RING, crs=None),
            "'border' has no coordinate reference system",
        ),
        (
            lambda folder: geoparquet(folder / "a.parquet", RING, edges="spherical"),
            "'border' has spherical edges; only planar",
        ),
    ],
)
def test_a_file_without_polygons_in_degrees_is_rejected(tmp_path, make, words):
    with pytest.raises((ValueError, FileNotFoundError), match=words) as caught:
        draw(make(tmp_path), 1)
    assert str(caught.value).startswith("sample.path: ")


def test_a_parquet_file_without_geometry_is_rejected(tmp_path):
    parquet.write_table(Table.from_pydict({"lon": [1.0]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"sample\.path: .*a\.parquet is not GeoParquet"):
        draw(tmp_path / "a.parquet", 1)


def test_empty_samples_and_polygons_at_sea_are_rejected(tmp_path):
    path = wkt(tmp_path / "ring.wkt", RING)
    with pytest.raises(ValueError, match="n must be at least 1"):
        draw(path, 0)
    with pytest.raises(
        ValueError, match=r"is_land: no land among .* of the boxes around the polygons of .*ring\.wkt"
    ):
        draw(path, 1, "land", is_land=nowhere)
    with pytest.raises(ValueError, match="over: 'sea'"):
        draw(path, 1, "sea", is_land=everywhere)
