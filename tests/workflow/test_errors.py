"""Bad input: one clear error that names the key, no traceback, before any job."""

import pytest
from project import Project

pytestmark = pytest.mark.workflow

LEAF = "config/experiment/tiny.yaml"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return Project.create(tmp_path_factory.mktemp("errors") / "project")


@pytest.fixture
def project(fresh, tmp_path):
    return fresh.copy(tmp_path / "project")


CASES = {
    "misspelt resolution": (
        (LEAF, "[l5, l10]", "[l5, l100]"),
        (),
        "resolution: there is no resolution 'l100'",
    ),
    "misspelt model": (
        (LEAF, "model: [satclip]", "model: [satclp]"),
        (),
        "model: there is no model 'satclp'",
    ),
    "misspelt estimator": ((LEAF, "twonn,", "twnn,"), (), "there is no estimator 'twnn'"),
    "unknown key of an experiment": ((LEAF, "title:", "tittle: x\ntitle:"), (), "'tittle' was unexpected"),
    "unknown argument of a target": (
        ("config/model/satclip.yaml", "w0_first:", "omega_first:"),
        (),
        "model.network.omega_first: earthdim.networks.Siren takes no such argument",
    ),
    "target outside the package": (
        ("config/model/satclip.yaml", "earthdim.networks.Siren", "os.system"),
        (),
        "model.network._target_: 'os.system' is not inside",
    ),
    "contradictory axes": (
        (LEAF, "[l5, l10]", "[l5, sigma16]"),
        (),
        "'sigma16' sets earthdim.encodings.fourier",
    ),
    "modality without data": (
        ("config/modality/rgb.yaml", "dataset: ", "dataset: no-such-"),
        (),
        "modality.sources.rgb.dataset: there is no dataset 'no-such-",
    ),
    "negative steps": (
        None,
        ("overrides=[schedule.steps=-5]",),
        "schedule.steps: -5 is less than the minimum",
    ),
    "override of nothing": (None, ("overrides=[schedule.epoch=5]",), "has the key schedule.epoch"),
    "override that is no key=value": (None, ("overrides=[schedule]",), "is not key=value"),
    "override of an unknown group": (None, ("overrides=[pretrain.steps=5]",), "the first key is none of"),
    "unknown experiment": (None, ("experiment=tinny",), "experiment: there is no experiment 'tinny'"),
    "unknown branch": (
        None,
        ("branch=csp-resolutions",),
        "branch: 'csp-resolutions' is not a branch of tiny",
    ),
    "unknown key of --config": (None, ("experimnt=tiny",), "--config experimnt: there is no such key"),
    "support that does not exist": (
        (LEAF, "region-africa-400,", "region-atlantis,"),
        (),
        "experiment.tiny.scale.supports: there is no sample 'region-atlantis'",
    ),
    "size above n": (
        (LEAF, "sizes: [200, 400]", "sizes: [200, 4000]"),
        (),
        "experiment.tiny.scale.sizes: 4000 is above the n = 500 of the sample",
    ),
    "costly n above n": (
        (LEAF, "n: 400\n  estimators", "n: 4000\n  estimators"),
        (),
        "experiment.tiny.costly.n: 4000 is above the n = 500 of the sample",
    ),
    "unknown branch of scale": (
        (LEAF, "scale:\n  branches: [csp]", "scale:\n  branches: [cps]"),
        (),
        "experiment.tiny.scale.branches: 'cps' is not a branch; there are csp, satclip",
    ),
    "sizes without neighbours enough": (
        (LEAF, "sizes: [200, 400]", "sizes: [30, 400]"),
        (),
        "experiment.tiny.scale.sizes: half of 30 points are too few for estimator.mle, whose k is 20",
    ),
    "unknown region": (
        ("config/sample/region-africa-400.yaml", "dataset: countries", "dataset: cuntries"),
        (),
        "sample.dataset: there is no dataset 'cuntries'",
    ),
    "unknown figure": (
        (LEAF, "figures: [resolution,", "figures: [resolutions,"),
        (),
        "experiment.tiny.figures: there is no figure 'resolutions'; there are resolution, modality,",
    ),
    "figure without its inputs": (
        (LEAF, "loss, local_maps", "loss, table1, local_maps"),
        (),
        "experiment.tiny.figures: 'table1' needs compare: [table1], which this experiment does not have",
    ),
    "half of what tasks need": (
        (LEAF, "tasks: [elevation, climate-zone]\n", ""),
        (),
        "experiment.tiny.tasks: is missing; task_sample, activation_estimator, tasks, splits, heads,",
    ),
    "no block at all": (
        ("config/config.yaml", "blocks: 4", "blocks: 0"),
        (),
        "config.neighbours.blocks: 0 is less than the minimum",
    ),
    "estimator beyond the graph": (None, ("overrides=[estimator.mle.k=5000]",), "estimator.mle.k: 5000"),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_clear_error_before_any_work(project, case):
    edit, config, message = CASES[case]
    if edit is not None:
        project.edit(*edit)
    settings = (
        config if any(item.startswith("experiment=") for item in config) else ("experiment=tiny", *config)
    )
    done = project.run("--config", *settings, check=False)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout
    assert done.stdout.count("Error") <= 1
    assert not (project.folder / "results").exists()


def test_branch_without_a_name_says_which_there_are(project):
    done = project.run("branch", "--config", "experiment=tiny", check=False)
    assert done.returncode != 0
    assert "branch: say which one: --config branch=NAME; tiny has satclip, csp" in done.stdout
    assert "Traceback" not in done.stdout
