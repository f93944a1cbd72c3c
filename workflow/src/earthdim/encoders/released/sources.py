"""Locate, fetch and verify the files of released weights.

This module is imported while an experiment is planned, so slow imports are delayed until they are needed.
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

from earthdim.storage.atomic import publish, temporary_name
from earthdim.storage.digests import file_digest

FOLDER = Path("weights")
"""Folder of fetched files, below the working directory."""

ORIGINS = ("package", "hub", "url", "file")
_BEGINNINGS = {
    b"version https://git-lfs": "; it is a Git LFS pointer: fetch the file itself with `git lfs pull`",
    b"<": "; it is a web page: the address does not point to the file itself",
}
_TIMEOUT_S = 60
_BLOCK = 1 << 20
_COMMAND = "snakemake --cores 1 fetch --config experiment={}"


class CheckpointError(ValueError):
    """Invalid file of released weights; the message is one line that names the file or key."""


def locate(source: Mapping[str, str]) -> Path:
    """Path of the file that a source names, whether or not it exists.

    Parameters
    ----------
    source : mapping
        One of ``package`` (with ``file``, relative to the folder of installed packages), ``hub`` (a repository of the
        Hugging Face hub, with ``file``, ``revision``, and ``repo_type`` for a data set), ``url`` (https; for a zip
        archive with ``member``, the name of the file inside) or ``file`` alone.

    Returns
    -------
    Path
        For fetched files: ``weights/<repository, or host of the address>/<file>`` below the working directory.

    Raises
    ------
    ValueError
        If the source does not name exactly one origin, or its file would lie outside that folder.
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
    """Whether all files that a leaf of released weights names exist; none is read."""
    return all(_is_available(part["source"]) for _, part in _parts(leaf))


def missing(built: Mapping[str, Any], name: str, experiment: str = "NAME", address: str = "") -> str:
    """Message about missing files: their origin, their path, and the digest that they must have.

    Parameters
    ----------
    built : mapping
        The key `build` of a leaf of config/weights of the kind released.
    name : str
        Its name, for instance ``satclip/vit16-l40``.
    experiment : str
        The experiment that uses it.
    address : str
        Web page of the weights.

    Returns
    -------
    str
        One line that covers all missing files.
    """
    command = _COMMAND.format(experiment)
    wanted = [(key, part) for key, part in _parts(built) if not _is_available(part["source"])]
    instructions = [_instructions(f"weights.{name}.{key}", part, address, command) for key, part in wanted]
    return f"weights.{name}: {'; '.join(instructions)}"


def missing_digest(leaf: Mapping[str, Any]) -> str:
    """Message about the first existing file whose digest is null in the leaf; empty if there is none.

    Parameters
    ----------
    leaf : mapping
        The key `build` of a leaf of config/weights of the kind released, whose files exist.
    """
    for key, part in _parts(leaf):
        if part.get("sha256") is None:
            try:
                verify(locate(part["source"]), None, f"{key}.sha256")
            except CheckpointError as error:
                return str(error)
    return ""


def fetch(leaf: Mapping[str, Any], schemes: frozenset[str] = frozenset({"https"})) -> Path:
    """Fetch all files that a leaf names, and return the path of its weights.

    A file is published only when it is complete and has the right digest. A file whose digest is null is kept, but
    `checkpoint.read` rejects it until the digest is set. Existing files are verified and never overwritten.

    Parameters
    ----------
    leaf : mapping
        The key `build` of a leaf of config/weights of the kind released.
    schemes : frozenset of str
        Protocols allowed for an address and its redirects.

    Raises
    ------
    CheckpointError
        If a file cannot be fetched or has another digest.
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
                    f"{key}.source: {path} does not exist and cannot be fetched; provide it"
                )
            _fetch(source, path, sha256, schemes, key)
        elif sha256 is not None:
            _check_digest(path, sha256, path, f"{key}.sha256")
    return locate(leaf["source"])


def verify(path: Path, sha256: str | None, key: str = "weights.build.sha256") -> None:
    """Raise unless the file exists and has the digest in the config.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    CheckpointError
        If it has another digest, or the digest is null.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; if its source is a hub or an address, run: {_COMMAND.format('NAME')}"
        )
    if sha256 is None:
        found = file_digest(path)
        raise CheckpointError(
            f"{key}: is null, so {path} is not read. The existing file has the sha256 {found}; if it is the right "
            "file, set the key in config/weights"
        )
    _check_digest(path, sha256, path, key)


def kind_of(path: Path) -> str:
    """Determine the format of a file of weights from its first bytes.

    Parameters
    ----------
    path : Path
        An existing file; its suffix is ignored.

    Returns
    -------
    str
        ``safetensors``, ``torch`` (a zip archive), or ``legacy`` (the format of torch before version 1.6).

    Raises
    ------
    CheckpointError
        If it is none of these.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise CheckpointError(f"{path}: is empty, not a file of weights")
    if head.startswith(b"PK\x03\x04"):
        return "torch"
    # Eight bytes with the length of a JSON header, then the header.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "safetensors"
    if path.suffix == ".safetensors":
        raise CheckpointError(f"{path}: is not a safetensors file, by its first bytes")
    if head[:1] == b"\x80" or head[257:262] == b"ustar":
        return "legacy"
    hint = next((text for begin, text in _BEGINNINGS.items() if head.lstrip().startswith(begin)), "")
    raise CheckpointError(f"{path}: is not a file of safetensors or torch, by its first bytes{hint}")


def _origin(source: Mapping[str, str]) -> str:
    """Origin that a source names: package, hub, url, or file if it is alone."""
    named = [origin for origin in ORIGINS[:-1] if origin in source]
    if len(named) > 1 or not (named or "file" in source):
        raise ValueError(f"source: needs exactly one of {', '.join(ORIGINS)}, got {dict(source)!r}")
    return named[0] if named else "file"


def _safe_relative(name: str, key: str) -> PurePosixPath:
    """Return a relative path without ``..``, so that fetched files stay in their folder."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"source.{key}: {name!r} must be a relative path below {FOLDER}/")
    return path


def _parts(leaf: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The leaf itself and all mappings in it with a separate source, such as a database."""
    yield "build", leaf
    for name, value in leaf.items():
        if isinstance(value, Mapping) and "source" in value:
            yield f"build.{name}", value


def _is_available(source: Mapping[str, str]) -> bool:
    try:
        return locate(source).is_file()
    except FileNotFoundError:
        return False


def _instructions(key: str, part: Mapping[str, Any], address: str, command: str) -> str:
    """Instructions for one missing file."""
    source, sha256 = part["source"], part.get("sha256")
    origin = _origin(source)
    if origin == "package":
        what = f"install the Python package {source['package']} with its file {source['file']}"
    elif origin == "file":
        what = f"{locate(source)} does not exist; copy it there" + (f" from {address}" if address else "")
    else:
        what = f"{locate(source)} does not exist; run `{command}`, or copy {_remote_name(source)} there"
    return f"{what}. " + (
        f"Its sha256 must be {sha256}" if sha256 else f"{key}.sha256 is null: its digest is not known"
    )


def _remote_name(source: Mapping[str, str]) -> str:
    """Describe a file on a hub or at an address."""
    if "hub" in source:
        repository = f"{'datasets/' if source.get('repo_type') == 'dataset' else ''}{source['hub']}"
        revision = source.get("revision", "main")
        return f"the file {source['file']} of https://huggingface.co/{repository} (revision {revision})"
    return (f"the file {source['member']} of the archive " if "member" in source else "") + source["url"]


def _fetch(
    source: Mapping[str, str], path: Path, sha256: str | None, schemes: frozenset[str], key: str
) -> None:
    """Fetch one file by way of a temporary folder next to it, which is always removed."""
    with temporary_name(path) as folder:
        folder.mkdir()
        try:
            fetched = _from_hub(source, folder) if "hub" in source else _from_url(source, folder, schemes)
        except (OSError, zipfile.BadZipFile, ValueError, HTTPException, *_hub_errors(source)) as error:
            raise CheckpointError(f"{key}.source: {path.name} cannot be fetched: {error}") from error
        if sha256 is not None:
            _check_digest(fetched, sha256, path, f"{key}.sha256")
        with publish(path) as partial:
            os.replace(fetched, partial)


def _hub_errors(source: Mapping[str, str]) -> tuple[type[Exception], ...]:
    """Errors of the hub's client on a failed transfer, in addition to OSError."""
    if "hub" not in source:
        return ()
    from httpx2 import HTTPError

    return (HTTPError,)


def _from_hub(source: Mapping[str, str], folder: Path) -> Path:
    from huggingface_hub import hf_hub_download

    fetched = hf_hub_download(
        source["hub"],
        source["file"],
        revision=source.get("revision", "main"),
        repo_type=source.get("repo_type", "model"),
        local_dir=folder,
    )
    return Path(fetched)


def _from_url(source: Mapping[str, str], folder: Path, schemes: frozenset[str]) -> Path:
    fetched = folder / "fetched"
    _transfer(source["url"], fetched, schemes)
    if "member" not in source:
        return fetched
    with zipfile.ZipFile(fetched) as archive:
        named = [item for item in archive.infolist() if PurePosixPath(item.filename).name == source["member"]]
        if len(named) != 1:
            raise ValueError(f"the archive {source['url']} has {len(named)} files named {source['member']}")
        with archive.open(named[0]) as inside, (folder / "member").open("wb") as out:
            shutil.copyfileobj(inside, out, _BLOCK)
    return folder / "member"


def _transfer(url: str, path: Path, schemes: frozenset[str]) -> None:
    """Download an address to a file; an incomplete response is an error."""
    opener = urllib.request.OpenerDirector()
    # The opener has handlers only for the allowed protocols, so redirects cannot use others.
    handlers = [urllib.request.ProxyHandler, urllib.request.UnknownHandler, urllib.request.HTTPErrorProcessor]
    handlers += [urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPRedirectHandler]
    known = {"https": urllib.request.HTTPSHandler, "http": urllib.request.HTTPHandler}
    for handler in (*handlers, *(known[scheme] for scheme in sorted(schemes))):
        opener.add_handler(handler())
    with opener.open(url, timeout=_TIMEOUT_S) as answer, path.open("wb") as out:
        shutil.copyfileobj(answer, out, _BLOCK)
        expected = answer.headers.get("Content-Length")
    if expected is not None and path.stat().st_size != int(expected):
        raise OSError(f"{url} ended after {path.stat().st_size} of {expected} bytes")


def _check_digest(path: Path, sha256: str, named: Path, key: str) -> None:
    found = file_digest(path)
    if found != sha256.lower():
        raise CheckpointError(f"{key}: {named} has the sha256 {found}, not {sha256}")
