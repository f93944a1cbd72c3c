"""Python's path in the commands of jobs, below folders of all names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from earthdim.jobs import interpreter

NAMES = ["My Drive", "it's", 'a "b"', "a(1)", "a&b;c", "$HOME", "a*b?", "`x`", "a\\b", "x" * 200 + " y"]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Folders for a link: of the user's caches, and temporary."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(interpreter.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path


def below(folder: Path) -> str:
    """Python of this environment, through a link in a folder of another name."""
    folder.mkdir()
    (folder / "venv").symlink_to(sys.prefix)
    return str(folder / "venv" / "bin" / "python")


def output_of(command: str) -> str:
    """Output of a shell command, run as Snakemake runs one."""
    return subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True).stdout


WHO = "-c 'import sys, numpy; print(sys.executable); print(numpy.__file__)'"


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_finds_python_below_any_name(places, name):
    executable = below(places / name)
    found = interpreter.plain(executable)
    assert Path(found).samefile(executable)
    # `sys.executable` is the link, so that nested jobs use it too; the packages are those of the environment.
    first, second = output_of(f"{found} {WHO}").splitlines()
    assert first == found
    assert second.startswith(found.removesuffix("bin/python"))


@pytest.mark.parametrize("name", ["plain", "größe", "日本", "a,b=c@d+e%f"])
def test_a_plain_path_stays_as_it_is(places, name):
    executable = below(places / name)
    assert interpreter.plain(executable) == executable
    assert output_of(f"{executable} -c 'print(1)'") == "1\n"
    assert not (places / "cache").exists()


def test_each_environment_has_one_link(places):
    first, second = below(places / "a b"), below(places / "a c")
    links = {interpreter.plain(path) for path in (first, first, second)}
    assert len(links) == 2
    made = {path: path.lstat().st_ino for path in (places / "cache" / "earthdim").iterdir()}
    interpreter.plain(first)
    assert {path: path.lstat().st_ino for path in (places / "cache" / "earthdim").iterdir()} == made
    # A link that leads elsewhere, as another's trick would, is not followed.
    (link,) = (path for path in made if os.readlink(path) == str(places / "a b" / "venv"))
    link.unlink()
    link.symlink_to("/usr")
    assert Path(interpreter.plain(first)).samefile(first)
    assert os.readlink(link) == str(places / "a b" / "venv")


def test_without_a_usable_cache_folder_the_link_is_temporary(places, monkeypatch):
    executable = below(places / "a b")
    for cache in ("/dev/null/cache", str(places / "c d"), "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
        assert interpreter.plain(executable).startswith(str(places / "temporary"))


def test_a_folder_that_others_may_write_to_is_not_trusted(places):
    executable = below(places / "a b")
    (places / "cache" / "earthdim").mkdir(parents=True)
    (places / "cache" / "earthdim").chmod(0o777)
    assert interpreter.plain(executable).startswith(str(places / "temporary"))


def test_without_a_usable_folder_the_error_suggests_one(places, monkeypatch):
    executable = below(places / "a b")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    (places / "temporary").rmdir()
    (places / "temporary").touch()
    with pytest.raises(interpreter.NoPlaceError, match=r"a b/venv/bin/python'.*XDG_CACHE_HOME"):
        interpreter.plain(executable)
