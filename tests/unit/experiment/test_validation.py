import pytest
import yaml

from earthdim.build import build, target
from earthdim.experiment.targets import check_target
from earthdim.experiment.validation import ConfigError, check_schema


def test_a_leaf_is_built_with_its_keys_and_additional_arguments():
    siren = {
        "_target_": "earthdim.encoders.networks.siren.Siren",
        "width": 8,
        "hidden_layers": 1,
        "outputs": 3,
        "w0_first": 1.0,
        "w0": 1.0,
    }
    assert build(siren, inputs=5)(__import__("torch").zeros(2, 5)).shape == (2, 3)


@pytest.mark.parametrize(
    "path", ["os.system", "earthdimx.networks.Siren", "earthdim", "", None, 3, "skdim.datasets.x"]
)
def test_nothing_outside_the_known_packages_is_imported(path):
    with pytest.raises(ValueError, match="not inside one of"):
        target(path)
    with pytest.raises(ConfigError, match=r"model\.network\._target_: .* is not inside"):
        check_target({"_target_": path}, "model.network")


@pytest.mark.parametrize(
    "path", ["earthdim.encoders.networks.siren.Sirenn", "earthdim.nowhere.Siren", "skdim.id.MLEE"]
)
def test_a_target_that_does_not_exist_is_named(path):
    with pytest.raises(ValueError, match="does not exist"):
        target(path)
    with pytest.raises(ConfigError, match="does not exist"):
        check_target({"_target_": path}, "x")


def test_arguments_that_do_not_fit_are_named():
    leaf = {"_target_": "earthdim.encoders.networks.siren.Siren", "widht": 8}
    with pytest.raises(ValueError, match="widht"):
        build(leaf, inputs=2)
    with pytest.raises(
        ConfigError,
        match=r"model\.network\.widht: earthdim\.encoders\.networks\.siren\.Siren takes no such argument",
    ):
        check_target(leaf, "model.network")


def test_a_leaf_without_target_is_rejected():
    with pytest.raises(ValueError, match="_target_ is missing"):
        build({"width": 3})


def test_dataclasses_and_scikit_dimension_are_checked_too():
    check_target({"_target_": "skdim.id.MLE", "K": 5}, "estimator.mle")
    with pytest.raises(ConfigError, match=r"estimator\.mle\.KK"):
        check_target({"_target_": "skdim.id.MLE", "KK": 5}, "estimator.mle")
    with pytest.raises(ConfigError, match=r"sources\.rgb\.pixel: "):
        check_target(
            {"_target_": "earthdim.pretraining.modalities.raster.RasterPatches", "pixel": 5}, "sources.rgb"
        )


def test_an_argument_that_the_workflow_supplies_is_neither_required_nor_accepted():
    mada = {"_target_": "earthdim.estimation.estimators.mada.MADA"}
    check_target(mada, "estimator.mada.build", frozenset({"k"}))
    with pytest.raises(ConfigError, match=r"estimator\.mada\.build\.k: is supplied by the workflow"):
        check_target({**mada, "k": 5}, "estimator.mada.build", frozenset({"k"}))
    with pytest.raises(ConfigError, match=r"estimator\.mada\.build\.k: is missing"):
        check_target(mada, "estimator.mada.build")


def test_checking_imports_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys; from earthdim.experiment.targets import check_target;"
        "check_target({'_target_': 'skdim.id.MLE'}, 'x'); "
        "check_target({'_target_': 'earthdim.pretraining.objectives.regression.Regression'}, 'x');"
        "sys.exit(bool({'torch', 'skdim', 'xarray'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_schema_error_names_the_key(tmp_path):
    schema = tmp_path / "s.yaml"
    schema.write_text(
        yaml.safe_dump({"type": "object", "properties": {"a": {"type": "array", "items": {"minimum": 0}}}})
    )
    check_schema({"a": [1, 2]}, schema, "thing")
    with pytest.raises(ConfigError, match=r"^thing\.a\.1: -3 is less than the minimum of 0$"):
        check_schema({"a": [1, -3]}, schema, "thing")
