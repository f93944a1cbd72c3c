"""Where released weights come from, whether they are at hand, and how to fetch them.

Read while an experiment is planned, so nothing heavy is imported before it is needed.
"""

import os
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from earthdim.storage.atomic import beside, publish
from earthdim.storage.digests import file_digest

FOLDER = Path("weights")
"""Where fetched files are kept, below the working directory."""

ORIGINS = ("package", "hub", "url", "file")
_BEGINNINGS = {
    b"version https://git-lfs": "; it is a pointer of Git LFS, so fetch the file itself with `git lfs pull`",
    b"<": "; it is a web page, so the address did not lead to the file itself",
}
_TIMEOUT_S = 60
_BLOCK = 1 << 20
_COMMAND = "snakemake --cores 1 fetch --config experiment={}"


class CheckpointError(ValueError):
    """A file of released weights that is not what it should be, told in one sentence that names file and key."""


def locate(source: Mapping[str, str]) -> Path:
    """Path of the file that a source names, whether it is there or not.

    Parameters
    ----------
    source : mapping
        One of ``package`` (with ``file``, relative to where packages are installed), ``hub`` (a repository of the
        Hugging Face hub, with ``file``, ``revision``, and ``repo_type`` where it is a data set), ``url`` (https, with
        ``member`` where it leads to a zip archive: the file's name inside) or ``file`` alone.

    Returns
    -------
    Path
        Of what is fetched: ``weights/<repository, or host of the address>/<file>`` below the working directory.

    Raises
    ------
    ValueError
        If the source does not name one origin, or its file would lie elsewhere.
    FileNotFoundError
        If the package is not installed.
    """
    origin = _origin(source)
    if origin == "package":
        try:
            return Path(str(distribution(source["package"]).locate_file(source["file"])))
        except PackageNotFoundError:
            raise FileNotFoundError(f"the package {source['package']} is not installed") from None
    if origin == "file":
        return Path(source["file"])
    if origin == "hub":
        return FOLDER / _safe_relative(source["hub"], "hub") / _safe_relative(source["file"], "file")
    address = urlsplit(source["url"])
    name = source.get("member", PurePosixPath(unquote(address.path)).name)
    return FOLDER / _safe_relative(address.netloc.rpartition("@")[2], "url") / _safe_relative(name, "member")


def are_available(leaf: Mapping[str, Any]) -> bool:
    """Whether every file that a leaf of released weights names is there; none is read."""
    return all(_is_available(part["source"]) for _, part in _parts(leaf))


def missing(leaf: Mapping[str, Any], name: str, experiment: str = "NAME") -> str:
    """Say what is missing, where it comes from, where it belongs, and which sum it must have.

    Parameters
    ----------
    leaf : mapping
        A leaf of config/weights of the kind released.
    name : str
        Its name, for instance ``satclip/vit16-l40``.
    experiment : str
        The experiment that names it.

    Returns
    -------
    str
        A sentence for each file that is missing, in one line.
    """
    address = leaf.get("about", {}).get("address", "")
    command = _COMMAND.format(experiment)
    wanted = [(key, part) for key, part in _parts(leaf) if not _is_available(part["source"])]
    said = [_instructions(key, part, address, command) for key, part in wanted]
    return f"weights.{name}: {'; '.join(said)}"


def missing_digest(leaf: Mapping[str, Any]) -> str:
    """Say which files that are there have a sum that nobody has accepted yet; empty when there is none.

    Parameters
    ----------
    leaf : mapping
        A leaf of config/weights of the kind released, whose files are at hand.
    """
    for key, part in _parts(leaf):
        if part.get("sha256") is None:
            try:
                verify(locate(part["source"]), None, f"{key}.sha256")
            except CheckpointError as error:
                return str(error)
    return ""


def fetch(leaf: Mapping[str, Any], schemes: frozenset[str] = frozenset({"https"})) -> Path:
    """Bring every file that a leaf names, and return the path of its weights.

    A file comes to its place whole and with the right sum, or not at all. One whose sum is null is kept, but
    `checkpoint.read` refuses it until its sum is accepted. What is there already is checked, never overwritten.

    Parameters
    ----------
    leaf : mapping
        A leaf of config/weights of the kind released.
    schemes : frozenset of str
        Protocols that an address, and whatever it redirects to, may have.

    Raises
    ------
    CheckpointError
        If a file cannot be had, or has another sum.
    """
    for key, part in _parts(leaf):
        source, sha256 = part["source"], part.get("sha256")
        try:
            path = locate(source)
        except FileNotFoundError as error:
            raise CheckpointError(f"{key}.source: {error}") from None
        if not path.is_file():
            if _origin(source) in ("package", "file"):
                raise CheckpointError(
                    f"{key}.source: {path} is not there, and nothing says where to fetch it"
                )
            _fetch(source, path, sha256, schemes, key)
        elif sha256 is not None:
            _check_digest(path, sha256, path, f"{key}.sha256")
    return locate(leaf["source"])


def verify(path: Path, sha256: str | None, key: str = "weights.sha256") -> None:
    """Raise unless the file is there and has the sum that config names.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    CheckpointError
        If it has another sum, or none is named.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there; if its source is a hub or an address, run: {_COMMAND.format('NAME')}"
        )
    if sha256 is None:
        found = file_digest(path)
        raise CheckpointError(
            f"{key} is null, so {path} is not read: no sum of it is known to us. The file that is there has the "
            f"sha256 {found}; if it is the right one, write it into the leaf in config/weights"
        )
    _check_digest(path, sha256, path, key)


def kind_of(path: Path) -> str:
    """Tell by its first bytes how a file of weights was saved.

    Parameters
    ----------
    path : Path
        A file that is there, whatever its name ends in.

    Returns
    -------
    str
        ``safetensors``, ``torch`` (a zip archive), or ``legacy`` (what torch saved before version 1.6).

    Raises
    ------
    CheckpointError
        If it is neither.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise CheckpointError(f"{path} is no whole file of weights: it is empty")
    if head.startswith(b"PK\x03\x04"):
        return "torch"
    # The length of a header of JSON, in eight bytes, and the header.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "safetensors"
    if path.suffix == ".safetensors":
        raise CheckpointError(f"{path} is no whole safetensors file: it does not begin as one")
    if head[:1] == b"\x80" or head[257:262] == b"ustar":
        return "legacy"
    what = next((words for begin, words in _BEGINNINGS.items() if head.lstrip().startswith(begin)), "")
    raise CheckpointError(
        f"{path} is no file of weights: its first bytes are neither those of safetensors nor of what torch saves{what}"
    )


def _origin(source: Mapping[str, str]) -> str:
    """Which of the origins a source names: package, hub, url, or file where it stands alone."""
    named = [origin for origin in ORIGINS[:-1] if origin in source]
    if len(named) > 1 or not (named or "file" in source):
        raise ValueError(f"source: needs exactly one of {', '.join(ORIGINS)}, got {dict(source)!r}")
    return named[0] if named else "file"


def _safe_relative(name: str, key: str) -> PurePosixPath:
    """A relative path without steps upwards: what config names stays in the folder of fetched files."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"source.{key}: {name!r} is no relative path below {FOLDER}/")
    return path


def _parts(leaf: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The leaf itself and whatever inside it has a source and a sum of its own, such as a database."""
    yield "weights", leaf
    for name, value in leaf.items():
        if isinstance(value, Mapping) and "source" in value:
            yield f"weights.{name}", value


def _is_available(source: Mapping[str, str]) -> bool:
    try:
        return locate(source).is_file()
    except FileNotFoundError:
        return False


def _instructions(key: str, part: Mapping[str, Any], address: str, command: str) -> str:
    """What to do about one missing file."""
    source, sha256 = part["source"], part.get("sha256")
    origin = _origin(source)
    if origin == "package":
        what = f"install the Python package {source['package']} with its file {source['file']}"
    elif origin == "file":
        what = f"{locate(source)} is not there; put it there" + (f", from {address}" if address else "")
    else:
        what = f"{locate(source)} is not there; `{command}` brings it, or put {_remote_name(source)} there"
    return f"{what}. " + (
        f"Its sha256 must be {sha256}" if sha256 else f"{key}.sha256 is null: no sum of it is known to us"
    )


def _remote_name(source: Mapping[str, str]) -> str:
    """What a hub or an address offers, for a reader."""
    if "hub" in source:
        repository = f"{'datasets/' if source.get('repo_type') == 'dataset' else ''}{source['hub']}"
        revision = source.get("revision", "main")
        return f"the file {source['file']} of https://huggingface.co/{repository} (revision {revision})"
    return (f"the file {source['member']} of the archive " if "member" in source else "") + source["url"]


def _fetch(
    source: Mapping[str, str], path: Path, sha256: str | None, schemes: frozenset[str], key: str
) -> None:
    """Bring one file to its place by way of a folder beside it, which goes away whatever happens."""
    with beside(path) as folder:
        folder.mkdir()
        try:
            come = _from_hub(source, folder) if "hub" in source else _from_url(source, folder, schemes)
        except (OSError, zipfile.BadZipFile, ValueError, HTTPException, *_hub_errors(source)) as error:
            raise CheckpointError(f"{key}.source: {path.name} cannot be fetched: {error}") from error
        if sha256 is not None:
            _check_digest(come, sha256, path, f"{key}.sha256")
        with publish(path) as partial:
            os.replace(come, partial)


def _hub_errors(source: Mapping[str, str]) -> tuple[type[Exception], ...]:
    """What the hub's client raises beside errors of the system when a transfer fails."""
    if "hub" not in source:
        return ()
    from httpx2 import HTTPError

    return (HTTPError,)


def _from_hub(source: Mapping[str, str], folder: Path) -> Path:
    from huggingface_hub import hf_hub_download

    come = hf_hub_download(
        source["hub"],
        source["file"],
        revision=source.get("revision", "main"),
        repo_type=source.get("repo_type", "model"),
        local_dir=folder,
    )
    return Path(come)


def _from_url(source: Mapping[str, str], folder: Path, schemes: frozenset[str]) -> Path:
    come = folder / "come"
    _transfer(source["url"], come, schemes)
    if "member" not in source:
        return come
    with zipfile.ZipFile(come) as archive:
        named = [item for item in archive.infolist() if PurePosixPath(item.filename).name == source["member"]]
        if len(named) != 1:
            raise ValueError(f"the archive {source['url']} has {len(named)} files named {source['member']}")
        with archive.open(named[0]) as inside, (folder / "member").open("wb") as out:
            shutil.copyfileobj(inside, out, _BLOCK)
    return folder / "member"


def _transfer(url: str, path: Path, schemes: frozenset[str]) -> None:
    """Copy what an address gives to a file; an answer that ends early is an error."""
    opener = urllib.request.OpenerDirector()
    # An opener that knows no other protocol cannot be redirected to one.
    handlers = [urllib.request.ProxyHandler, urllib.request.UnknownHandler, urllib.request.HTTPErrorProcessor]
    handlers += [urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPRedirectHandler]
    known = {"https": urllib.request.HTTPSHandler, "http": urllib.request.HTTPHandler}
    for handler in (*handlers, *(known[scheme] for scheme in sorted(schemes))):
        opener.add_handler(handler())
    with opener.open(url, timeout=_TIMEOUT_S) as answer, path.open("wb") as out:
        shutil.copyfileobj(answer, out, _BLOCK)
        expected = answer.headers.get("Content-Length")
    if expected is not None and path.stat().st_size != int(expected):
        raise OSError(f"{url} broke off after {path.stat().st_size} of {expected} bytes")


def _check_digest(path: Path, sha256: str, named: Path, key: str) -> None:
    found = file_digest(path)
    if found != sha256.lower():
        raise CheckpointError(f"{key}: {named} has the sha256 {found}, not {sha256}")
