import fcntl
from pathlib import Path

import pytest
from project import Project


def shared(tmp_path_factory, worker_id: str, experiment: str) -> Project:
    """A complete run of an experiment, shared by all pytest workers, with its output."""
    base = tmp_path_factory.getbasetemp()
    # Each worker has a folder inside that of the test run.
    folder = (base if worker_id == "master" else base.parent) / f"finished-{experiment}"
    said = folder / "said.txt"
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists() and not said.is_file():
            pytest.fail(f"{experiment} failed for another worker")
        if not folder.exists():
            project = Project.create(folder / "project")
            said.write_text(project.run("--config", f"experiment={experiment}").stdout)
    project = Project(folder / "project")
    project.output = said.read_text()
    return project


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id) -> Project:
    """A complete run of the experiment `tiny`; tests copy it."""
    return shared(tmp_path_factory, worker_id, "tiny")


@pytest.fixture
def project(finished, tmp_path) -> Project:
    return finished.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def smoke(tmp_path_factory, worker_id) -> Project:
    """The experiment `smoke`, likewise."""
    return shared(tmp_path_factory, worker_id, "smoke")
