"""The training device: jobs rerun when it changes, and resources requested."""

import json
import re

import pytest
from project import rules_of, variants_of

pytestmark = pytest.mark.workflow

TINY = ("--config", "experiment=tiny")
# Outputs of a pretrain job: checkpoint, config, training.csv, summary.json.
OUTPUTS = 4
TRAINED = {"csp_amin10_rgb_tiny_s0", "satclip_l5_rgb_tiny_s0", "satclip_l10_rgb_tiny_s0"}


def test_selecting_a_gpu_reruns_only_training(project):
    project.edit("config/config.yaml", "device: cpu", "device: cuda")
    jobs = project.planned(*TINY)
    assert variants_of(jobs, "pretrain") == TRAINED
    assert not rules_of(jobs) & {"dataset", "points", "features", "labels"}
    output = project.run("--dry-run", *TINY).stdout
    blocks = re.split(r"^rule (?=\w+:)", output, flags=re.MULTILINE)
    requesting = [block.partition(":")[0] for block in blocks if re.search(r"\bgpu=1\b", block)]
    assert requesting == ["pretrain"] * 3


def test_on_the_cpu_the_device_is_not_recorded(project):
    config = project.folder / "results" / "variants" / "csp_amin10_rgb_tiny_s0" / "config.yaml"
    assert "device" not in config.read_text()
    recorded = [
        json.loads(path.read_text()) for path in (project.folder / ".snakemake" / "metadata").iterdir()
    ]
    of_pretrain = [entry for entry in recorded if entry["rule"] == "pretrain"]
    assert len(of_pretrain) == 4 * OUTPUTS
    assert not any("device" in str(entry["params"]) for entry in of_pretrain)
