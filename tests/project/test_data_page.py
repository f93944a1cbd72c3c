"""DATA.md is generated from the leaves."""

import importlib.util
import re
from importlib.metadata import distribution

import pytest
import yaml
from places import ROOT

DATASETS = sorted((ROOT / "config" / "dataset").glob("*.yaml"), key=lambda file: file.stem)


@pytest.fixture(scope="module")
def data():
    spec = importlib.util.spec_from_file_location("docs_data", ROOT / "docs" / "data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def content(file):
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def test_the_page_equals_the_one_generated_from_the_leaves(data):
    assert data.main(["--check"]) == 0


def test_an_edited_page_fails_the_check(data, tmp_path, monkeypatch):
    page = tmp_path / "DATA.md"
    page.write_text(data.page().replace("MIT", "BSD"))
    monkeypatch.setattr(data, "PAGE", page)
    assert data.main(["--check"]) == 1
    assert data.main(["--write"]) == 0
    assert page.read_text() == (ROOT / "DATA.md").read_text()


def test_every_data_set_has_one_section_and_its_facts():
    page = (ROOT / "DATA.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## .*\(`(.+)`\)$", page, flags=re.MULTILINE)) == [
        file.stem for file in DATASETS
    ]
    for file in DATASETS:
        about = content(file)["about"]
        assert set(about) == {"title", "package", "source", "licence", "citation"}
        section = page.split(f"(`{file.stem}`)\n")[1].split("\n## ")[0]
        for fact in ("package", "source", "licence", "citation"):
            assert f"- {fact.capitalize()}: {about[fact]}\n" in section


def test_users_of_a_data_set_are_its_sources_and_tasks(data):
    assert list(data.users("elevation")) == ["modality source `elevation`", "task `elevation`"]
    assert list(data.users("coastline")) == []


def test_every_task_and_released_leaf_has_a_row():
    page = (ROOT / "DATA.md").read_text(encoding="utf-8")
    for file in (ROOT / "config" / "task").glob("*.yaml"):
        task = content(file)
        assert page.count(f"\n| `{file.stem}` | {task['set']} | `{task['dataset']}` | ") == 1
    folder = ROOT / "config" / "weights"
    for file in folder.rglob("*.yaml"):
        released = content(file)["kind"] == "released"
        assert page.count(f"\n| `{file.relative_to(folder).with_suffix('')}` | ") == int(released)


@pytest.mark.parametrize("file", DATASETS, ids=lambda file: file.stem)
def test_packages_are_installed_under_their_names(file):
    for package in content(file)["about"]["package"].split():
        assert distribution(package).version
