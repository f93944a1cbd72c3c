"""What files and stores hold, as digests."""

from pathlib import Path

from earthdim.storage.digests import digest, file_digest

RESULTS = Path("results")
# The engine's own mark inside each directory that it tracks.
ENGINE_MARK = ".snakemake_timestamp"
# Of a store of ours it holds the digest of every array, which is checked whenever the array is read.
STORE_ROOT = "zarr.json"
Contents = dict[str, object]


def files_below(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path inside; the engine's mark is left out."""
    found = (path for path in sorted(Path(folder).rglob("*")) if path.is_file() and path.name != ENGINE_MARK)
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in found}


def contents(path: Path) -> Contents:
    """What a job wrote: the digest and size of a file, or those of a store and of every file in it."""
    path = Path(path)
    if path.is_dir():
        files = files_below(path)
        return {"sha256": digest(files, 64), "files": files}
    return {"sha256": file_digest(path), "bytes": path.stat().st_size}


def identity(path: Path) -> str:
    """What tells one version of an input from another, cheaply.

    Of a file its SHA-256; of a store under results that of its root metadata, against which readers check all arrays;
    of any other folder one digest of all of its files.
    """
    path = Path(path)
    if not path.is_dir():
        return file_digest(path)
    if path.parts[0] == RESULTS.name and (path / STORE_ROOT).is_file():
        return file_digest(path / STORE_ROOT)
    return digest(files_below(path), 64)


def recorded_identity(written: Contents) -> str:
    """The same, of what a record says was written."""
    files = written.get("files", {})
    return files.get(STORE_ROOT, written["sha256"])
