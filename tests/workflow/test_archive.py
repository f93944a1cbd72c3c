"""The archive: written only from sound results, up to date when extracted elsewhere, and a valid RO-Crate."""

import importlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import pytest
import requests
from project import Project, rules_of
from requests.adapters import BaseAdapter
from requests_cache import CachedSession
from urllib3 import HTTPResponse

pytestmark = pytest.mark.workflow

TINY = ("--config", "experiment=tiny")
ARCHIVE = "results/archives/tiny.tar"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"


@pytest.fixture(scope="module")
def archived(finished, tmp_path_factory):
    project = finished.copy(tmp_path_factory.mktemp("archive") / "project")
    project.output = project.run("archive", *TINY).stdout
    return project


@pytest.fixture(scope="module")
def opened(archived, tmp_path_factory):
    """The archive extracted by tar over a fresh checkout, whose files are all newer than the results."""
    project = Project.create(tmp_path_factory.mktemp("opened") / "project")
    subprocess.run(["tar", "-xf", archived.folder / ARCHIVE], cwd=project.folder, check=True)
    for part in ("Snakefile", "config", "workflow", "envs"):
        for path in [project.folder / part, *(project.folder / part).rglob("*")]:
            path.touch()
    return project


def test_an_extracted_archive_is_up_to_date(archived, opened):
    assert f"{ARCHIVE}: " in archived.output
    before = opened.files(times=True)
    assert before == {
        name: state for name, state in archived.files(times=True).items() if not name.startswith("archives/")
    }
    assert "Nothing to be done" in opened.run(*TINY).stdout
    assert opened.files(times=True) == before
    assert "sound: " in opened.run("verify", *TINY).stdout


def test_a_lost_file_of_an_extracted_archive_is_recomputed_with_the_same_bytes(opened):
    table = opened.folder / "results/tiny/tables/scale.csv"
    before = table.read_bytes()
    table.unlink()
    opened.run(*TINY)
    assert table.read_bytes() == before


def test_a_change_of_config_reruns_the_same_jobs_as_in_the_original(opened):
    opened.edit("config/estimator/mom.yaml", "k: 20", "k: 15")
    jobs = rules_of(opened.planned(*TINY))
    opened.edit("config/estimator/mom.yaml", "k: 15", "k: 20")
    assert "dimension" in jobs
    assert not jobs & {"pretrain", "embed", "probe", "scale"}


def test_extraction_writes_only_files_inside_the_folder(archived):
    with tarfile.open(archived.folder / ARCHIVE) as tar:
        for member in tar.getmembers():
            assert member.isfile() or member.name == ".snakemake/incomplete"
            path = PurePosixPath(member.name)
            assert not path.is_absolute()
            assert ".." not in path.parts
            assert (member.uid, member.gid, member.uname) == (0, 0, "")
        names = set(tar.getnames())
    assert {"ro-crate-metadata.json", "Snakefile", "envs/requirements.lock", "envs/data.lock"} <= names
    assert {
        "results/tiny/report.html",
        "results/tiny/experiment.json",
        "results/logs/table/tiny/probe.log",
    } <= names
    assert not any("__pycache__" in name for name in names)


class Packaged(BaseAdapter):
    """Serves the RO-Crate 1.1 context from the later version in the package rocrate.

    For the terms in our crates the two versions differ only in four names.
    """

    def send(self, request, **options):
        text = (
            Path(importlib.import_module("rocrate").__file__).parent / "data" / "ro-crate.jsonld"
        ).read_text()
        for term, before in (
            ("ComputationalWorkflow", "ComputationalWorkflow"),
            ("FormalParameter", "FormalParameter"),
            ("input", "ComputationalWorkflow#input"),
            ("output", "ComputationalWorkflow#output"),
        ):
            text = text.replace(
                f'"https://bioschemas.org/terms/{term}"', f'"https://bioschemas.org/{before}"'
            )
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.headers["Content-Type"] = "application/ld+json"
        response.raw = HTTPResponse(io.BytesIO(text.encode()), preload_content=False, request_url=request.url)
        return response

    def close(self):
        pass


def validate(folder, cache):
    """Run rocrate-validator without a network."""
    session = CachedSession(cache_name=str(cache), backend="sqlite", expire_after=-1)
    session.mount("https://w3id.org/", Packaged())
    assert session.get(CONTEXT).ok
    session.close()
    command = [
        Path(sys.executable).with_name("rocrate-validator"),
        "-y",
        "--disable-color",
        "validate",
        "--offline",
    ]
    command += [
        "--cache-path",
        cache,
        "--profile-identifier",
        "provenance-run-crate-0.5",
        "--no-paging",
        "-f",
        "json",
    ]
    done = subprocess.run([*command, folder], capture_output=True, text=True)
    report = json.loads(done.stdout[done.stdout.index("{") :])
    return report["passed"], [issue["message"] for issue in report["issues"]]


def test_the_crate_passes_the_validator_of_its_profile(opened, tmp_path):
    assert validate(opened.folder, tmp_path / "cache") == (True, [])


def test_the_crate_describes_files_jobs_data_and_software(opened):
    graph = json.loads((opened.folder / "ro-crate-metadata.json").read_text())["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    jobs = [entity for entity in graph if entity["@id"].startswith("#job-")]
    records = list((opened.folder / "results/records").rglob("*.json"))
    assert len(jobs) == len([path for path in records if path.parent.name != "environments"])
    for job in jobs:
        assert entities[job["instrument"]["@id"]]["@type"] == ["File", "SoftwareSourceCode"]
        assert job["startTime"] <= job["endTime"]
        assert "Python" in entities[job["additionalProperty"]["@id"]]["value"]
    table = entities["results/tiny/tables/dimension.csv"]
    assert table["sha256"] == opened.files()["tiny/tables/dimension.csv"]
    land = entities["results/data/datasets/land-mask.zarr/"]
    assert land["license"].startswith("MIT (global-land-mask)")
    assert "Hastings and Dunbar" in land["citation"]
    library = next(
        entity for name, entity in entities.items() if name.startswith("pkg:pypi/scikit-dimension@")
    )
    assert library["@id"] == f"pkg:pypi/scikit-dimension@{library['softwareVersion']}"
    assert "pypi.org" not in json.dumps(graph)


def test_unsound_or_outdated_results_are_not_archived(finished, tmp_path):
    project = finished.copy(tmp_path / "project")
    table = project.folder / "results/tiny/tables/costly.csv"
    content = table.read_bytes()
    table.write_bytes(content + b"\n")
    rejected = project.run("archive", *TINY, check=False)
    assert rejected.returncode
    assert "nothing is archived; not sound: 1 files" in rejected.stdout
    assert "results/tiny/tables/costly.csv: has " in rejected.stdout
    table.write_bytes(content)
    project.edit("config/experiment/tiny.yaml", "sizes: [200, 400]", "sizes: [300, 400]")
    rejected = project.run("archive", *TINY, check=False)
    assert rejected.returncode
    assert "nothing is archived: the jobs listed above must run first" in rejected.stdout
    project.edit("config/experiment/tiny.yaml", "sizes: [300, 400]", "sizes: [200, 400]")
    outside = tmp_path / "outside.yaml"
    outside.write_text("secret: 1\n")
    (project.folder / "envs" / "link.yaml").symlink_to(outside)
    rejected = project.run("archive", *TINY, check=False)
    assert rejected.returncode
    assert f"envs/link.yaml: is a link to {outside}" in rejected.stdout
    assert not (project.folder / ARCHIVE).exists()
