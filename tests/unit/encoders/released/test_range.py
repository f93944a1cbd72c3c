import numpy as np
import pytest
from released_checkpoints import LAYOUTS, arguments, digest, points, satclip_forward, write_database

from earthdim.build import build
from earthdim.encoders.released.sources import CheckpointError, are_available
from earthdim.estimation.jacobian import local_jacobian


@pytest.fixture(scope="module")
def satclip(tmp_path_factory):
    return LAYOUTS["satclip/vit16-l40"].write(tmp_path_factory.mktemp("satclip"))


def range_arguments(leaf, weights, database, **changes):
    return arguments(
        leaf, weights, database={"source": {"file": str(database)}, "sha256": digest(database)}, **changes
    )


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def directions(lonlat):
    lon, lat = np.radians(lonlat).T
    return np.column_stack((np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))


def expected(state, arrays, lonlat, temperature, beta, nearness):
    embedding = satclip_forward(state, lonlat, 40)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    keys = arrays["satclip_embeddings"] / np.linalg.norm(arrays["satclip_embeddings"], axis=1, keepdims=True)
    alike = softmax(temperature * embedding @ keys.T) @ arrays["image_embeddings"]
    near = softmax(nearness * directions(lonlat) @ directions(arrays["locs"]).T) @ arrays["image_embeddings"]
    return np.hstack((beta * alike + (1 - beta) * near, embedding))


@pytest.mark.parametrize(
    ("leaf", "numbers"), [("range/semantic", (15, 1, 40)), ("range/plus", (12, 0.5, 40))]
)
def test_equals_the_published_formula(leaf, numbers, satclip, tmp_path):
    arrays = write_database(tmp_path / "places.npz")
    encoder = build(range_arguments(leaf, satclip[0], tmp_path / "places.npz"))
    lonlat = points(300)  # more than are compared at once
    np.testing.assert_allclose(
        encoder.embed(lonlat), expected(satclip[1], arrays, lonlat, *numbers), atol=1e-4
    )
    assert encoder.ambient_dim == 1280
    assert not encoder.training


def test_near_places_are_those_on_the_other_side_of_the_date_line(satclip, tmp_path):
    def two_places(arrays):
        arrays |= {name: value[:2] for name, value in arrays.items()}
        arrays["locs"][:] = [[-179.0, 0.0], [0.0, 0.0]]

    arrays = write_database(tmp_path / "places.npz", change=two_places)
    encoder = build(range_arguments("range/plus", satclip[0], tmp_path / "places.npz", beta=0.0))
    found = encoder.embed(np.array([[179.0, 0.0]]))[0, :1024]
    np.testing.assert_allclose(found, arrays["image_embeddings"][0], atol=1e-5)


def test_the_database_is_not_in_the_state(satclip, tmp_path):
    write_database(tmp_path / "places.npz")
    encoder = build(range_arguments("range/plus", satclip[0], tmp_path / "places.npz"))
    assert (
        sum(value.numel() for value in encoder.state_dict().values()) == encoder.parameters_count == 1_213_696
    )


def test_both_files_must_exist(satclip, tmp_path):
    leaf = range_arguments("range/plus", satclip[0], satclip[0])
    assert are_available(leaf)
    assert not are_available(
        {**leaf, "database": {"source": {"file": str(tmp_path / "none.npz")}, "sha256": None}}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("locs"), "locs is missing"),
        (
            lambda a: a.update(locs=a["locs"][:-1]),
            r"satclip_embeddings has the shape \(50, 256\), not \(49, 256\)",
        ),
        (lambda a: a.update(satclip_embeddings=a["satclip_embeddings"][:, :-1]), "has the shape"),
        (lambda a: a["image_embeddings"].__setitem__((0, 0), np.inf), "not finite"),
        (lambda a: a.update(locs=a["locs"][:, ::-1]), "not longitudes and latitudes"),
        (lambda a: a.update(locs=np.full((50, 2), None)), "does not hold plain arrays"),
    ],
)
def test_a_database_of_another_kind_is_rejected(change, message, satclip, tmp_path):
    path = tmp_path / "places.npz"
    write_database(path, change=change)
    with pytest.raises(CheckpointError, match=message) as raised:
        build(range_arguments("range/plus", satclip[0], path))
    assert str(path) in str(raised.value)


def test_a_truncated_or_another_database_is_rejected(satclip, tmp_path):
    path = tmp_path / "places.npz"
    write_database(path)
    leaf = range_arguments("range/plus", satclip[0], path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"build\.database\.sha256"):
        build(leaf)
    with pytest.raises(CheckpointError, match=r"places\.npz"):
        build(range_arguments("range/plus", satclip[0], path))
    with pytest.raises(CheckpointError, match=r"build\.database\.sha256: is null"):
        build({**leaf, "database": {**leaf["database"], "sha256": None}})


@pytest.mark.parametrize(
    ("name", "value"), [("beta", 1.5), ("temperature", 0.0), ("geographic_temperature", -1)]
)
def test_arguments_are_checked(name, value, satclip, tmp_path):
    write_database(tmp_path / "places.npz")
    with pytest.raises(ValueError, match=name):
        build(range_arguments("range/plus", satclip[0], tmp_path / "places.npz", **{name: value}))


def test_its_derivative_can_be_taken(satclip, tmp_path):
    write_database(tmp_path / "places.npz")
    encoder = build(range_arguments("range/plus", satclip[0], tmp_path / "places.npz"))
    assert np.isfinite(local_jacobian(encoder, points(20)[:5])).all()
