import numpy as np
import pytest
import xarray as xr

from earthdim.data.datasets.landmask import is_land, land_mask
from earthdim.data.samples.area import land

LAND = [(-78.5, -0.2), (-0.13, 51.5), (5, 25), (103.82, 1.35), (0, -80), (0, -90), (-179, 67), (30, 46)]
SEA = [(-30, 0), (0, 90), (-180, 0), (180, 0), (2, 56), (-150, -40)]


@pytest.fixture(scope="module")
def mask():
    return land_mask()


def test_the_mask_distinguishes_land_from_sea(mask):
    assert mask.land.shape == (21600, 43200)
    assert mask.land.dtype == bool
    assert mask.land.attrs["units"]
    assert mask.land.attrs["standard_name"] == "land_binary_mask"
    on_land = is_land(mask)
    assert on_land(np.array(LAND, float)).all()
    assert not on_land(np.array(SEA, float)).any()
    share = mask.land.values[::20, ::20].mean(1) @ np.cos(np.radians(mask.lat.values[::20]))
    assert share / np.cos(np.radians(mask.lat.values[::20])).sum() == pytest.approx(0.29, abs=0.01)


def test_land_is_drawn_by_area(mask):
    lonlat = land(4000, np.random.default_rng(0), is_land(mask))
    assert is_land(mask)(lonlat).all()
    rows = mask.land.values[10::20, 10::20].mean(1) * np.cos(np.radians(mask.lat.values[10::20]))
    bands = np.add.reduceat(rows / rows.sum(), np.arange(0, 1080, 90))  # of 15 degrees
    count = np.histogram(lonlat[:, 1], bins=12, range=(-90, 90))[0]
    held = bands > 0.001
    expected = 4000 * bands[held]
    assert ((count[held] - expected) ** 2 / expected).sum() < 31.3  # 11 degrees of freedom, p = 0.001
    assert count[~held].sum() < 8


def best_shift(field, other):
    """The shift of `field`, cells, within two up and down and to the sides, that agrees best with `other`."""
    shifts = [(up, right) for up in range(-2, 3) for right in range(-2, 3)]
    return max(shifts, key=lambda shift: np.mean(np.roll(field, shift, axis=(0, 1)) * other))


def centred(field):
    # Without the polar caps, where ice and sea look alike and columns crowd.
    rows = len(field)
    field = field[rows // 6 : -rows // 7].astype(np.float32)
    return field - field.mean()


@pytest.mark.parametrize(
    ("name", "variable", "looks_like_land"),
    [
        ("elevation", "elevation", lambda height: height != 0),
        ("climate-zones", "zone", lambda zone: zone != 32),
        ("blue-marble", "rgb", lambda rgb: rgb[2].astype(int) <= rgb[0].astype(int) + 8),
    ],
)
def test_the_data_sets_are_aligned(packaged, mask, name, variable, looks_like_land):
    field = looks_like_land(packaged(name)[variable].values)
    step = mask.sizes["lat"] // len(field)
    assert best_shift(centred(field), centred(mask.land.values[step // 2 :: step, step // 2 :: step])) == (
        0,
        0,
    )


def test_the_coastline_agrees_with_the_mask(packaged, mask):
    cells = mask.land.values[5::10, 5::10]
    shore = (cells != np.roll(cells, 1, axis=0)) | (cells != np.roll(cells, 1, axis=1))
    # A boundary between two cells belongs to both.
    shore |= np.roll(shore, -1, axis=0) | np.roll(shore, -1, axis=1)
    coast = packaged("coastline")
    inside = np.abs(coast.lat.values) < 60
    row = ((coast.lat.values[inside] + 90) * 12).astype(int)
    column = ((coast.lon.values[inside] + 180) * 12).astype(int)
    near = {
        (up, right): shore[row + up, (column + right) % 4320].mean()
        for up in (-2, 0, 2)
        for right in (-2, 0, 2)
    }
    assert max(near, key=near.get) == (0, 0)
    assert near[0, 0] > 0.8


def test_the_mask_is_evaluated_at_the_cell_of_the_point():
    mask = xr.Dataset(
        {"land": (("lat", "lon"), np.array([[True, False], [False, True]]))},
        coords={"lat": [-45.0, 45.0], "lon": [-90.0, 90.0]},
    )
    found = is_land(mask)(np.array([[-1, -1], [1, -1], [-1, 1], [1, 1], [180, 1]]))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, [True, False, False, True, False])
