"""The documentation: sizes, generated parts, pictures, and a strict build that loads nothing from other hosts."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
import yaml
from places import ROOT

from earthdim.figures.declaration import figures
from earthdim.storage.schema import COLUMNS

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("docs_reference", DOCS / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_readme_is_short():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 130
    assert max(map(len, lines)) <= 120


def test_every_column_is_described_once(reference):
    known = reference.descriptions()
    assert set(known["tables"]) == set(COLUMNS)
    assert set(known["columns"]) == {name for names in COLUMNS.values() for name in names}
    for table, columns in known["only"].items():
        assert set(columns) <= set(COLUMNS[table])


def test_the_page_of_columns_has_every_table_and_column(reference):
    page = reference.columns()
    for table, names in COLUMNS.items():
        section = page.split(f"## `{table}.csv`\n")[1].split("\n## ")[0]
        assert re.findall(r"^\| `(\w+)` \|", section, re.M) == list(names)


@pytest.mark.parametrize("group", sorted(path.name for path in (ROOT / "config").iterdir() if path.is_dir()))
def test_the_configuration_page_has_every_leaf_and_key(reference, group):
    section = reference.configuration().split(f"## `config/{group}`\n")[1].split("\n## ")[0]
    schema = yaml.safe_load((ROOT / "workflow" / "schemas" / f"{group}.schema.yaml").read_text())
    for key in schema.get("properties", {}):
        assert f"\n| `{key}` | " in section
    folder = ROOT / "config" / group
    for leaf in folder.rglob("*.yaml"):
        assert f"\n| `{leaf.relative_to(folder).with_suffix('')}` | " in section


def test_conditional_keys_state_their_condition(reference):
    schema = {
        "properties": {"kind": {"enum": ["a", "b"]}},
        "allOf": [{"if": {"properties": {"kind": {"const": "a"}}},
                   "then": {"required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1}}}}],
    }  # fmt: skip
    assert list(reference.keys(schema)) == [
        ("kind", "`a` or `b`", False, ""),
        ("n", "whole number, >= 1", True, "Only with `kind: a`."),
    ]


def test_the_page_of_figures_has_every_figure(reference):
    page = reference.figure_list()
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == list(figures())


def test_placeholders_of_pages_are_known(reference):
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"^<!-- generated: (\w+) -->$", text, re.M):
            assert callable(getattr(reference, name))
        for name in re.findall(r"^<!-- file: (\w+\.md) -->$", text, re.M):
            assert (ROOT / name).is_file()


def test_every_room_has_its_page_of_the_api():
    package = ROOT / "workflow" / "src" / "earthdim"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert {path.stem for path in (DOCS / "api").glob("*.md")} == {*rooms, "index"}
    for room in rooms:
        assert f"::: earthdim.{room}\n" in (DOCS / "api" / f"{room}.md").read_text()


def test_every_picture_is_shown():
    shown = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    pictures = {path.resolve() for kind in ("png", "svg", "jpg") for path in DOCS.rglob(f"*.{kind}")}
    assert shown == pictures


def test_links_of_the_root_pages_exist():
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "DATA.md", "SECURITY.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            assert link.startswith("https://") or (ROOT / link).is_file(), f"{name}: {link}"


def test_the_site_is_built_strictly_and_loads_nothing_from_other_hosts(tmp_path):
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md"))) - 1
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<!-- generated" not in text
        assert "<!-- file" not in text
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"?([^\"\s>]+)", text)
        loaded += re.findall(r"<link[^>]*rel=\"?(?:stylesheet|icon|preconnect)[^>]*href=\"?([^\"\s>]+)", text)
        assert not [link for link in loaded if link.startswith(("http:", "https:", "//"))], page.name
