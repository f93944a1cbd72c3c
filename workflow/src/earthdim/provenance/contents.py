"""Digests of files and stores."""

from pathlib import Path

from earthdim.storage.digests import digest, file_digest

RESULTS = Path("results")
# Snakemake's marker in every directory that it tracks.
ENGINE_MARK = ".snakemake_timestamp"
# In a store of this workflow it holds the digest of every array; each read checks it.
STORE_ROOT = "zarr.json"
Contents = dict[str, object]


def files_below(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative path, without Snakemake's marker."""
    found = (path for path in sorted(Path(folder).rglob("*")) if path.is_file() and path.name != ENGINE_MARK)
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in found}


def contents(path: Path) -> Contents:
    """Digest and size of a file, or the digests of a store and of every file in it."""
    path = Path(path)
    if path.is_dir():
        files = files_below(path)
        return {"sha256": digest(files, 64), "files": files}
    return {"sha256": file_digest(path), "bytes": path.stat().st_size}


def identity(path: Path) -> str:
    """Digest that identifies one version of an input at low cost.

    For a file its SHA-256; for a store under results the SHA-256 of its root metadata, which holds the digests of all
    arrays; for any other folder one digest over all files.
    """
    path = Path(path)
    if not path.is_dir():
        return file_digest(path)
    if path.parts[0] == RESULTS.name and (path / STORE_ROOT).is_file():
        return file_digest(path / STORE_ROOT)
    return digest(files_below(path), 64)


def recorded_identity(written: Contents) -> str:
    """As `identity`, from the contents in a record."""
    files = written.get("files", {})
    return files.get(STORE_ROOT, written["sha256"])
