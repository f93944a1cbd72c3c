from pathlib import Path

import pytest

from earthdim.experiment import code
from earthdim.storage.digests import digest


@pytest.fixture
def package(tmp_path):
    """A small package and a script: script -> stage -> helper; built by name only: built -> helper."""
    files = {
        "__init__.py": "",
        "stage.py": '"""Doc."""\nfrom earthdim.helper import add\n\n\n'
        'def run():\n    """Say."""\n    return add(1, 2)\n',
        "helper.py": "def add(a, b):\n    return a + b\n",
        "parts/__init__.py": "",
        "parts/built.py": "import earthdim.helper\n\n\nclass Built:\n    pass\n",
        "other.py": "x = 1\n",
        "storage.py": "y = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / "earthdim" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    script = tmp_path / "script.py"
    script.write_text("from earthdim import stage, storage\n\nstage.run()\n")
    return tmp_path


def digest_of(package, built=("earthdim.parts.built.Built",)):
    return code.code_digest(package / "script.py", built, package / "earthdim")


def edit(path: Path, old: str, new: str):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    code._parse.cache_clear()


def test_code_files_are_those_of_imports_and_targets_only(package):
    found = code.code_files(package / "script.py", ["earthdim.parts.built.Built"], package / "earthdim")
    assert set(found) == {
        "script.py",
        "earthdim.stage",
        "earthdim.helper",
        "earthdim.parts",
        "earthdim.parts.built",
    }


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("earthdim/helper.py", "a + b", "b + a"),
        ("earthdim/stage.py", "add(1, 2)", "add(1, 3)"),
        ("earthdim/parts/built.py", "pass", "size = 2"),
        ("earthdim/parts/__init__.py", "", "z = 1"),
        ("script.py", "stage.run()", "stage.run(); print()"),
    ],
)
def test_digest_changes_with_code(package, file, old, new):
    before = digest_of(package)
    edit(package / file, old, new)
    assert digest_of(package) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("earthdim/stage.py", '"""Say."""', '"""Say more."""'),
        ("earthdim/stage.py", '"""Doc."""', '"""Another."""'),
        ("earthdim/helper.py", "def add", "# why\ndef add"),
        ("earthdim/other.py", "x = 1", "x = 2"),
        ("earthdim/storage.py", "y = 1", "y = 2"),
    ],
)
def test_digest_ignores_docstrings_comments_and_unused_code(package, file, old, new):
    before = digest_of(package)
    edit(package / file, old, new)
    assert digest_of(package) == before


def test_targets_are_found_at_any_depth():
    config = {"a": {"_target_": "x.Y", "b": [{"_target_": "x.Z"}]}, "_target_": "w.V"}
    assert sorted(code.targets(config)) == ["w.V", "x.Y", "x.Z"]


def test_digest_does_not_depend_on_the_order_of_keys_but_on_every_value():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1, "b": 2}) != digest({"a": 2, "b": 1})


def test_sources_are_parsed_once_for_all_processes(tmp_path, monkeypatch):
    module, cache = tmp_path / "module.py", tmp_path / "code.json"
    module.write_text("import os.path\n\nx = 1\n")
    first = code.Sources(cache)
    found = first.of(module)
    first.save()
    monkeypatch.setattr(code.python_source, "parse", lambda path: pytest.fail("parsed again"))
    assert code.Sources(cache).of(module) == found == (found[0], ("os.path",))


def test_a_changed_source_is_parsed_again(tmp_path):
    module, cache = tmp_path / "module.py", tmp_path / "code.json"
    module.write_text("x = 1\n")
    first = code.Sources(cache)
    before = first.of(module)
    first.save()
    module.write_text("x = 2\n")
    assert code.Sources(cache).of(module) == code.Sources().of(module) != before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"by": "x", "files": {}}', "[" * 100_000])
def test_a_damaged_cache_of_sources_is_replaced(tmp_path, content):
    module, cache = tmp_path / "module.py", tmp_path / "code.json"
    module.write_text("x = 1\n")
    cache.write_text(content)
    sources = code.Sources(cache)
    assert sources.of(module) == code.Sources().of(module)
    sources.save()
    assert code.Sources(cache)._known
