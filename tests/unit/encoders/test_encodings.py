"""The contract of positional encodings, for each of them."""

import numpy as np
import pytest
import torch

from earthdim.encoders.encodings import (
    coordinates,
    fourier,
    nerf,
    slepian,
    space2vec,
    sphere2vec,
    spherical_harmonics,
    wavelets,
)

ROOM = (coordinates, fourier, nerf, slepian, space2vec, sphere2vec, spherical_harmonics, wavelets)
# By name: the encoding, its width, and whether it is one function of the sphere: periodic in longitude, one value at
# each pole. Wrap is periodic alone; the others have a seam at the date line.
CASES = {
    "direct": (coordinates.Direct(), 2, "seam"),
    "cartesian3d": (coordinates.Cartesian3D(), 3, "sphere"),
    "wrap": (coordinates.Wrap(), 4, "periodic"),
    "grid": (space2vec.Grid(6, 1.0, 90.0), 24, "seam"),
    "theory": (space2vec.Theory(6, 1.0, 90.0), 36, "seam"),
    "sphere-c": (sphere2vec.SphereC(5, 1.0, 57.0), 15, "seam"),
    "sphere-m": (sphere2vec.SphereM(5, 1.0, 57.0), 25, "seam"),
    "sphere-c-plus": (sphere2vec.SphereCPlus(5, 1.0, 57.0), 30, "seam"),
    "sphere-m-plus": (sphere2vec.SphereMPlus(5, 1.0, 57.0), 40, "seam"),
    "dfs": (sphere2vec.DoubleFourierSphere(4, 1.0, 57.0), 80, "seam"),
    "harmonics": (spherical_harmonics.SphericalHarmonics(12), 144, "sphere"),
    "slepian-cap": (slepian.SlepianCap(12, 20.0, -35.0, 40.0), 23, "sphere"),
    "slepian-hybrid": (slepian.SlepianHybrid(12, 20.0, -35.0, 40.0, harmonics=4), 39, "sphere"),
    "morlet": (wavelets.Wavelets([1.0, 0.3, 0.1], 75), 225, "sphere"),
    "mexican-hat": (wavelets.Wavelets([1.0, 0.2], 30, mother="mexican-hat"), 60, "sphere"),
    "fourier": (fourier.EqualEarthFourier([1, 16], 8, seed=0), 32, "seam"),
    "nerf": (nerf.NeRF(6), 36, "sphere"),
}
ENCODINGS = {name: case[0] for name, case in CASES.items()}
EDGES = np.array(
    [
        [0, 90],
        [77, 90],
        [-180, 90],
        [0, -90],
        [180, -90],
        [180, 0],
        [-180, 0],
        [180, 51],
        [-180, -51],
        [0, 0],
    ],
    dtype=np.float64,
)


def points(n=50):
    rng = np.random.default_rng(0)
    random = np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))
    return torch.from_numpy(np.vstack((random, EDGES)))


def test_every_encoding_is_tested():
    public = {
        value
        for module in ROOM
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    assert {type(encoding) for encoding in ENCODINGS.values()} == public


@pytest.mark.parametrize("name", CASES)
def test_width_dtype_and_finiteness(name):
    encoding, width, _ = CASES[name]
    encoded = encoding(points())
    assert encoding.width == width
    assert encoded.shape == (60, width)
    assert encoded.dtype == torch.float32
    assert torch.isfinite(encoded).all()
    assert not list(encoding.parameters())


@pytest.mark.parametrize("name", ENCODINGS)
def test_features_are_not_constant_and_distinct(name):
    encoded = ENCODINGS[name](points(400)).double().numpy()
    varying = np.ptp(encoded, axis=0) > 1e-3
    # The harmonic of degree 0 is constant by nature.
    assert np.count_nonzero(~varying) == (name in ("harmonics", "slepian-hybrid"))
    # Features at the coarsest scale are similar, but no two are identical.
    assert len(np.unique(encoded.round(5), axis=1).T) == encoded.shape[1]


@pytest.mark.parametrize("name", ENCODINGS)
def test_gradients_are_finite_everywhere(name):
    lonlat = points(10).requires_grad_()
    encoded = ENCODINGS[name](lonlat).double()
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(encoded.shape[1], 4, dtype=torch.float64, generator=generator)
    for column in weights.T:
        (gradient,) = torch.autograd.grad((encoded @ column).sum(), lonlat, retain_graph=True)
        assert torch.isfinite(gradient).all()
        assert (gradient[:10].abs() > 0).all()


@pytest.mark.parametrize("name", ENCODINGS)
def test_gradients_equal_finite_differences(name):
    encoding, step = ENCODINGS[name], 0.02
    lonlat = points(6)[:6]
    jacobian = torch.func.vmap(torch.func.jacrev(lambda point: encoding(point[None])[0].double()))(lonlat)
    for axis in range(2):
        shift = step * torch.eye(2, dtype=torch.float64)[axis]
        difference = (encoding(lonlat + shift).double() - encoding(lonlat - shift).double()) / (2 * step)
        largest = jacobian[:, :, axis].abs().max().item()
        np.testing.assert_allclose(jacobian[:, :, axis], difference, atol=0.01 * largest + 2e-5)


@pytest.mark.parametrize("name", CASES)
def test_encodings_are_continuous_at_the_date_line_unless_documented(name):
    encoding, _, kind = CASES[name]
    latitude = np.array([-60.0, 0.0, 12.0, 71.0])
    west, east = (
        encoding(torch.from_numpy(np.column_stack((np.full(4, side), latitude)))).double().numpy()
        for side in (-180.0, 180.0)
    )
    gap = np.abs(west - east).max()
    assert gap > 0.1 if kind == "seam" else gap < 1e-5


@pytest.mark.parametrize("name", CASES)
def test_one_value_at_a_pole_where_the_encoding_is_of_the_sphere(name):
    encoding, _, kind = CASES[name]
    for pole in (90.0, -90.0):
        longitude = np.linspace(-180, 180, 7)
        encoded = encoding(torch.from_numpy(np.column_stack((longitude, np.full(7, pole))))).double().numpy()
        gap = np.ptp(encoded, axis=0).max()
        assert gap < 1e-5 if kind == "sphere" else gap > 0.1


@pytest.mark.parametrize("name", ENCODINGS)
def test_rows_do_not_depend_on_each_other_nor_on_precision_of_the_input(name):
    encoding, lonlat = ENCODINGS[name], points()
    alone = torch.cat([encoding(lonlat[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, encoding(lonlat)[:5], rtol=1e-5, atol=1e-6)
    whole = lonlat.round()
    assert torch.equal(encoding(whole.float()), encoding(whole))


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_checkpoint_restores_it(name):
    encoding = ENCODINGS[name]
    encoding.load_state_dict({key: value.clone() for key, value in encoding.state_dict().items()})
    assert torch.isfinite(encoding(points())).all()
