"""DATA.md and the leaves it is about say the same."""

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "DATA.md").read_text(encoding="utf-8")
DATASETS = sorted((ROOT / "config" / "dataset").glob("*.yaml"))
TASKS = sorted((ROOT / "config" / "task").glob("*.yaml"))


def content(file):
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", DATASETS, ids=lambda file: file.stem)
def test_a_data_set_has_its_section_with_its_facts(file):
    about = content(file)["about"]
    assert set(about) == {"title", "package", "source", "licence", "citation"}
    heading = f"## {about['title']} (`{file.stem}`)\n"
    assert PAGE.count(heading) == 1
    section = PAGE.split(heading)[1].split("\n## ")[0]
    for fact in ("package", "source", "licence", "citation"):
        assert f"- {fact.capitalize()}: {about[fact]}\n" in section


@pytest.mark.parametrize("file", DATASETS, ids=lambda file: file.stem)
def test_a_data_set_names_what_uses_it(file):
    sources = {
        source: leaf["dataset"]
        for modality in (ROOT / "config" / "modality").glob("*.yaml")
        for source, leaf in content(modality).get("sources", {}).items()
    }
    tasks = {task.stem: content(task)["dataset"] for task in TASKS}
    users = {name for table in (sources, tasks) for name, dataset in table.items() if dataset == file.stem}
    section = PAGE.split(f"(`{file.stem}`)\n")[1].split("\n## ")[0]
    line = re.search(r"^- Used for: .+$", section, flags=re.MULTILINE)[0]
    assert set(re.findall(r"`(.+?)`", line)) == users


def test_every_section_of_a_data_set_has_a_leaf():
    assert set(re.findall(r"^## .*\(`(.+)`\)$", PAGE, flags=re.MULTILINE)) == {file.stem for file in DATASETS}


@pytest.mark.parametrize("file", DATASETS, ids=lambda file: file.stem)
def test_packages_are_installed_under_their_names(file):
    for package in content(file)["about"]["package"].split():
        assert distribution(package).version


@pytest.mark.parametrize("file", TASKS, ids=lambda file: file.stem)
def test_a_task_has_its_row(file):
    task = content(file)
    leaks = [", ".join(task[key]) or "-" for key in ("leaked_by", "leaked_in_part_by")]
    cells = [
        f"`{file.stem}`",
        f"`{task['dataset']}`",
        f"{task['about']['title']}, {task['about']['unit']}",
        *leaks,
    ]
    assert f"| {' | '.join(cells)} |\n" in PAGE
