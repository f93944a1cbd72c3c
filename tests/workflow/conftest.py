import pytest
from project import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """The experiment `tiny`, run to its end once; tests copy it."""
    project = Project.create(tmp_path_factory.mktemp("finished") / "project")
    project.run("--config", "experiment=tiny")
    return project


@pytest.fixture
def project(finished, tmp_path) -> Project:
    return finished.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def smoke(tmp_path_factory) -> Project:
    """The experiment `smoke`, run from nothing to its end on this machine, with what the run said."""
    project = Project.create(tmp_path_factory.mktemp("smoke") / "project")
    project.output = project.run("--config", "experiment=smoke").stdout
    return project
