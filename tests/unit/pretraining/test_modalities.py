"""Patches on the ground, random convolutional features, and the leaves of config/modality."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from earthdim.build import build
from earthdim.pretraining.modalities.classes import RasterClasses
from earthdim.pretraining.modalities.convolutional import RandomConvolutionalFeatures
from earthdim.pretraining.modalities.raster import RasterPatches

CONFIG = Path(__file__).parents[3] / "config"
LEAF = {
    "_target_": "earthdim.pretraining.modalities.raster.RasterPatches",
    "title": "Test",
    "dataset": "test",
    "variable": "height",
    "pixels": 5,
    "spacing_km": 100.0,
    "method": "bilinear",
    "filters": 8,
    "filter_size": 3,
    "whitening": 0.01,
    "fit_locations": 50,
    "seed": 0,
}


def globe(field, name="height", degrees=0.5):
    """A raster of field(lon, lat) on cell centres, degrees apart."""
    lat = np.arange(-90 + degrees / 2, 90, degrees)
    lon = np.arange(-180 + degrees / 2, 180, degrees)
    return xr.Dataset({name: (("lat", "lon"), field(*np.meshgrid(lon, lat)))}, {"lat": lat, "lon": lon})


def noise(bands=3, seed=0):
    rng = np.random.default_rng(seed)
    lat, lon = np.arange(-88, 90, 4.0), np.arange(-178, 180, 4.0)
    values = rng.normal(size=(bands, lat.size, lon.size))
    return xr.Dataset({"height": (("band", "lat", "lon"), values)}, {"lat": lat, "lon": lon})


def places(n, seed=0):
    return np.random.default_rng(seed).uniform([-180, -80], [180, 80], (n, 2))


@pytest.mark.parametrize("latitude", [0.0, 60.0, -75.0])
def test_patch_covers_the_same_ground_at_every_latitude(latitude):
    """Latitude decreases by 100 km per row; longitude increases by 100 km per column along the parallel."""
    lonlat = np.array([[20.0, latitude]])
    rows = build(LEAF).observe(globe(lambda lon, lat: lat), lonlat)[0, 0]
    columns = build(LEAF).observe(globe(lambda lon, lat: lon), lonlat)[0, 0]
    km_a_degree = np.pi * 6371.0088 / 180
    np.testing.assert_allclose(rows[:, 2], latitude + np.arange(2, -3, -1) * 100 / km_a_degree, atol=1e-4)
    step = 100 / (km_a_degree * np.cos(np.radians(latitude)))
    np.testing.assert_allclose(np.diff(columns[2]), step, rtol=0.01)
    assert columns[2, 2] == pytest.approx(20.0, abs=1e-4)


def test_patch_crosses_the_date_line_and_the_pole():
    eastness = globe(lambda lon, lat: np.cos(np.radians(lon)) * np.cos(np.radians(lat)))
    across, plain = build(LEAF).observe(eastness, np.array([[179.9, 10.0], [-180.0, 10.0]]))[:, 0]
    np.testing.assert_allclose(across, plain, atol=1e-3)
    polar = build(LEAF).observe(globe(lambda lon, lat: lat), np.array([[0.0, 89.9]]))[0, 0]
    assert polar.max() <= 90
    assert polar[0, 2] < polar[2, 2] > polar[4, 2]


def test_bands_keep_their_order_and_units():
    raster = globe(lambda lon, lat: lon)
    stacked = xr.concat([raster, raster + 1000], "band").transpose("band", "lat", "lon")
    patches = build(LEAF).observe(stacked, np.array([[5.0, 5.0]]))
    assert patches.shape == (1, 2, 5, 5)
    assert patches.dtype == np.float32
    np.testing.assert_allclose(patches[0, 1] - patches[0, 0], 1000, rtol=1e-5)


def test_features_do_not_depend_on_other_locations():
    source, raster, lonlat = build(LEAF), noise(), places(60)
    whole = source.features(raster, lonlat)
    assert whole.shape == (60, 16)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(source.features(raster, lonlat[:55]), whole[:55])
    assert not np.array_equal(build(LEAF | {"seed": 1}).features(raster, lonlat), whole)


def test_features_match_the_definition():
    """Standardise, whiten, filter and rectify step by step in float64; one crop covers the whole patch."""
    patches = np.random.default_rng(3).normal([[[[5.0]], [[-2.0]]]], [[[[3.0]], [[0.1]]]], (200, 2, 3, 3))
    model = RandomConvolutionalFeatures(4, 3, 0.05, np.random.default_rng(0)).fit(patches)
    standard = (patches - patches.mean((0, 2, 3), keepdims=True)) / patches.std((0, 2, 3), keepdims=True)
    crops = standard.reshape(200, 18) - standard.reshape(200, 18).mean(0)
    covariance = crops.T @ crops / 199
    ridge = 0.05 * np.trace(covariance) / 18
    u, s, _ = np.linalg.svd(covariance + ridge * np.eye(18))
    white = crops @ u @ np.diag(s**-0.5) @ u.T
    filters = white[np.random.default_rng(0).choice(200, 4, replace=False)]
    response = white @ (filters / np.linalg.norm(filters, axis=1, keepdims=True)).T
    expected = np.hstack([response.clip(0), (-response).clip(0)])
    np.testing.assert_allclose(model.transform(patches), expected, atol=1e-4)


def test_features_are_means_over_positions():
    rng = np.random.default_rng(1)
    model = RandomConvolutionalFeatures(6, 2, 0.01, rng).fit(rng.normal(size=(100, 1, 4, 4)))
    patch = rng.normal(size=(1, 1, 4, 4))
    crops = np.concatenate([patch[:, :, i : i + 2, j : j + 2] for i in range(3) for j in range(3)])
    np.testing.assert_allclose(
        model.transform(patch)[0], model.transform(crops).mean(0, dtype=np.float64), atol=1e-5
    )


def test_units_do_not_matter():
    patches = np.random.default_rng(2).normal(size=(100, 2, 4, 4))
    scaled = patches * np.array([1e3, 1e-2])[:, None, None] + np.array([300.0, 0.0])[:, None, None]
    first, second = (
        RandomConvolutionalFeatures(5, 3, 0.01, np.random.default_rng(0)).fit(x).transform(x)
        for x in (patches, scaled)
    )
    np.testing.assert_allclose(first, second, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": 2}, "pixels"),
        ({"spacing_km": 0.0}, "spacing_km"),
        ({"fit_locations": 0}, "fit_locations"),
        ({"filters": 0}, "filters"),
        ({"whitening": 0.0}, "whitening"),
        ({"variable": "depth"}, "depth"),
        ({"fit_locations": 70}, "fit_locations"),
    ],
)
def test_invalid_arguments_raise(change, message):
    with pytest.raises(ValueError, match=message):
        build(LEAF | change).features(noise(), places(60))


def test_invalid_pixels_raise():
    raster = noise()
    raster["height"][0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        build(LEAF).features(raster, places(60))
    raster["height"][0] = 7.0
    with pytest.raises(ValueError, match="band 0 is constant"):
        build(LEAF).features(raster, places(60))
    model = RandomConvolutionalFeatures(5, 3, 0.01, np.random.default_rng(0)).fit(np.random.rand(50, 2, 4, 4))
    with pytest.raises(ValueError, match="bands"):
        model.transform(np.zeros((1, 3, 4, 4)))


@pytest.mark.parametrize("path", sorted((CONFIG / "modality").glob("*.yaml")), ids=lambda path: path.stem)
def test_leaf_builds_its_sources(path):
    leaf = yaml.safe_load(path.read_text())
    if "defaults" in leaf:
        parts = [part for part in leaf["defaults"] if part != "_self_"]
        assert path.stem == "-".join(parts)
        assert all((path.parent / f"{part}.yaml").exists() for part in parts)
    for name, source in leaf.get("sources", {}).items():
        assert name == path.stem
        assert isinstance(build(source), RasterPatches | RasterClasses)
        assert (CONFIG / "dataset" / f"{source['dataset']}.yaml").exists()


ZONES = {
    "_target_": "earthdim.pretraining.modalities.classes.RasterClasses",
    "title": "Test",
    "dataset": "test",
    "variable": "zone",
    "without": ["sea"],
}


def zones():
    """Four flags by quadrant: 7 in the west and 3 in the east of the south, sea and 9 in the north."""
    raster = globe(
        lambda lon, lat: np.where(lat > 0, np.where(lon > 0, 9, 5), np.where(lon > 0, 3, 7)), "zone", 1.0
    )
    raster["zone"].attrs = {"flag_values": [3, 5, 7, 9], "flag_meanings": "wet sea dry cold"}
    return raster


def test_classes_are_one_hot_in_the_order_of_their_names():
    lonlat = np.array([[-90.0, -45.0], [90.0, -45.0], [90.0, 45.0], [-90.0, 45.0], [-180.0, -89.9]])
    source = build(ZONES)
    assert source.class_names(zones()) == ["wet", "dry", "cold"]
    features = source.features(zones(), lonlat)
    assert features.dtype == np.float32
    # The fourth location is in the sea, which is not a class.
    np.testing.assert_array_equal(features, [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert build(ZONES | {"without": []}).features(zones(), lonlat).sum() == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variable": "depth"}, "variable: 'depth'"),
        ({"without": ["lake"]}, "without: 'lake'"),
    ],
)
def test_invalid_classes_raise(change, message):
    with pytest.raises(ValueError, match=message):
        build(ZONES | change).features(zones(), places(3))


def test_a_raster_without_flags_has_no_classes():
    raster = zones()
    raster["zone"].attrs = {}
    with pytest.raises(ValueError, match="flag_meanings"):
        build(ZONES).features(raster, places(3))


def test_climate_zones_of_known_places(packaged):
    """The Sahara, central Amazonia, Greenland's ice, and the Pacific."""
    source = build(
        yaml.safe_load((CONFIG / "modality" / "climate-zones.yaml").read_text())["sources"]["climate-zones"]
    )
    dataset = packaged("climate-zones")
    lonlat = np.array([[10.0, 25.0], [-65.0, -3.0], [-40.0, 72.0], [-150.0, 20.0]])
    features, names = source.features(dataset, lonlat), source.class_names(dataset)
    assert features.shape == (4, len(names)) == (4, 31)
    assert [names[i] for i in features[:3].argmax(axis=1)] == ["BWh", "Af", "EF"]
    assert features.sum(axis=1).tolist() == [1, 1, 1, 0]
