import re

import numpy as np
import pytest
import torch
import yaml
from released_checkpoints import LAYOUTS, WEIGHTS, arguments, climplicit_forward, points

from earthdim.build import build
from earthdim.encoders.released.sources import CheckpointError
from earthdim.experiment.validation import check_schema

SCHEMA = WEIGHTS.parents[1] / "workflow" / "schemas" / "weights.schema.yaml"
LEAVES = sorted(str(path.relative_to(WEIGHTS).with_suffix("")) for path in WEIGHTS.rglob("*.yaml"))


@pytest.fixture(scope="module", params=LAYOUTS)
def layout(request):
    return LAYOUTS[request.param]


@pytest.fixture(scope="module")
def written(layout, tmp_path_factory):
    return layout.write(tmp_path_factory.mktemp("released"))


@pytest.fixture(scope="module")
def encoder(layout, written):
    return build(arguments(layout.leaf, written[0]))


def test_equals_the_published_formula_in_double_precision(layout, written, encoder):
    expected = layout.forward(written[1], points())
    # Single precision of phases of some hundred radians, through the layers.
    np.testing.assert_allclose(encoder.embed(points()), expected, rtol=0, atol=1e-4)
    assert np.std(expected) > 0.02


def test_is_in_evaluation_mode_with_the_published_dimension(layout, encoder):
    assert not encoder.training
    assert encoder.ambient_dim == layout.dimension == encoder.embed(points(1)).shape[1]


def test_takes_longitude_first(layout, encoder):
    embedded = encoder.embed(np.array([[30.0, 60.0], [60.0, 30.0]]))
    assert np.abs(embedded[0] - embedded[1]).max() > 0.01


def test_the_date_line_and_the_poles(layout, encoder):
    west, east, pole, same_pole, other = encoder.embed(
        np.array([[-180.0, 20.0], [180.0, 20.0], [0.0, 90.0], [120.0, 90.0], [0.0, -90.0]])
    )
    family = layout.leaf.split("/")[0]
    assert np.allclose(west, east, atol=1e-4) == (family in ("satclip", "sinr"))
    assert np.allclose(pole, same_pole, atol=1e-4) == (family == "satclip")
    # As published, SINR has one code for both poles.
    assert np.allclose(pole, other, atol=1e-4) == (family == "sinr")


def test_its_state_fits_a_checkpoint(layout, written, encoder):
    again = build(arguments(layout.leaf, written[0]))
    again.load_state_dict(encoder.state_dict())
    np.testing.assert_array_equal(again.embed(points(5)), encoder.embed(points(5)))


# One layout a family, and the first and the last tensor of its location encoder.
OWN = {
    "satclip/vit16-l10": ("model.location.nnet.layers.0.weight", "model.location.nnet.last_layer.bias"),
    "geoclip/released": ("LocEnc0.capsule.0.b", "LocEnc2.head.0.bias"),
    "csp/fmow": ("loc_enc.spa_enc.ffn.layers.0.linear.weight", "loc_enc.spa_enc.ffn.layers.1.linear.bias"),
    "sinr/released": ("feats.0.weight", "feats.5.w2.bias"),
    "climplicit/released": ("location_encoder.layers.0.weight", "location_encoder.last_layer.bias"),
}
# One more of the encoder's own: another architecture.
MORE = {
    "satclip/vit16-l10": "model.location.nnet.layers.2.weight",
    "geoclip/released": "LocEnc3.capsule.1.weight",
    "csp/fmow": "loc_enc.spa_enc.ffn.layers.2.linear.weight",
    "sinr/released": "feats.6.w1.weight",
    "climplicit/released": "location_encoder.layers.16.weight",
}


@pytest.mark.parametrize("leaf", OWN)
def test_invalid_missing_and_unknown_tensors_are_named(leaf, tmp_path):
    layout, (first, last) = LAYOUTS[leaf], OWN[leaf]

    def spoilt(state):
        value = state[first].copy()
        value.flat[0] = np.nan
        return value

    for change, message in (
        (lambda state: state.update({first: state[first][:-1]}), rf"{re.escape(first)} has the shape"),
        (
            lambda state: state.update({first: spoilt(state)}),
            rf"{re.escape(first)} holds values that are not finite",
        ),
        (lambda state: state.pop(first), rf"{re.escape(first)} is missing"),
        (lambda state: state.pop(last), rf"{re.escape(last)} is missing"),
        (lambda state: state.update({MORE[leaf]: state[last]}), rf"{re.escape(MORE[leaf])} is not a weight"),
    ):
        path, _ = layout.write(tmp_path, change)
        rejected(layout, path, message)


def rejected(layout, path, message):
    with pytest.raises(CheckpointError, match=message) as raised:
        build(arguments(layout.leaf, path))
    assert path.name in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("leaf", "where", "name", "value"),
    [
        ("satclip/vit16-l10", "hyper_parameters", "harmonics_calculation", "closed-form"),
        ("satclip/vit16-l10", "hyper_parameters", "legendre_polys", 20),
        ("csp/fmow", "params", "max_radius", 1.0),
        ("csp/inat", "params", "spa_f_act", "relu"),
        ("sinr/released", "params", "input_enc", "sin_cos_env"),
    ],
)
def test_other_hyperparameters_in_the_checkpoint_are_rejected(leaf, where, name, value, tmp_path):
    layout = LAYOUTS[leaf]
    path, _ = layout.write(tmp_path)
    file = torch.load(path, weights_only=False)
    file[where][name] = value
    torch.save(file, path)
    rejected(layout, path, rf"its hyperparameter {name} is {value!r}, not")


def test_numbers_of_numpy_among_hyperparameters_are_plain_data(tmp_path):
    path, _ = LAYOUTS["csp/fmow"].write(tmp_path)
    assert type(torch.load(path, weights_only=False)["params"]["num_classes"]) is np.int64
    build(arguments("csp/fmow", path))


def test_climplicit_of_other_months(tmp_path):
    path, state = LAYOUTS["climplicit/released"].write(tmp_path)
    encoder = build(arguments("climplicit/released", path, months=[4]))
    assert encoder.ambient_dim == 256
    np.testing.assert_allclose(
        encoder.embed(points(20)), climplicit_forward(state, points(20), (4,)), atol=1e-4
    )
    with pytest.raises(ValueError, match="months"):
        build(arguments("climplicit/released", path, months=[0]))


@pytest.mark.parametrize("leaf", LEAVES)
def test_leaves_fit_their_schema(leaf):
    check_schema(yaml.safe_load((WEIGHTS / f"{leaf}.yaml").read_text()), SCHEMA, f"weights.{leaf}")


def test_every_satclip_is_of_its_layout(tmp_path):
    leaves = [leaf for leaf in LEAVES if leaf.startswith("satclip/")]
    assert len(leaves) == 7
    for leaf in leaves:
        path, _ = LAYOUTS[f"satclip/vit16-{leaf.split('-')[1]}"].write(tmp_path)
        assert build(arguments(leaf, path)).ambient_dim == 256


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"build": {"sha256": "abc"}}, "build.sha256"),
        ({"build": {"source": {"url": "http://example.org/x.pt"}}}, "build.source.url"),
        ({"build": {"source": {"revision": "main"}}}, "build.source"),
        ({"about": {"title": "x"}}, "about"),
        ({"kind": "stolen"}, "kind"),
    ],
)
def test_the_schema_names_the_key(change, key):
    leaf = yaml.safe_load((WEIGHTS / "satclip/vit16-l40.yaml").read_text())
    with pytest.raises(ValueError, match=rf"^weights\.x\.{key}"):
        check_schema(
            {**leaf, **change, "build": {**leaf["build"], **change.get("build", {})}}, SCHEMA, "weights.x"
        )
