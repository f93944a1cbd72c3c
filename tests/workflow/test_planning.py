"""Unknown names in paths that Snakemake's patterns accept are rejected by the workflow."""

import pytest
from project import Project

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize(
    "path",
    ["results/variants/{}/checkpoint.safetensors", "results/tiny/variants/{}/land-500-r0/dimension.csv"],
)
def test_an_unknown_variant_is_named(tmp_path, path):
    project = Project.create(tmp_path / "project")
    done = project.run("--dry-run", "--config", "experiment=tiny", "--", path.format("typo"), check=False)
    assert done.returncode != 0
    assert "variant: 'typo'" in done.stdout
    assert "KeyError" not in done.stdout
