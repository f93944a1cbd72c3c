"""Zarr stores: published atomically, each with a manifest, and verified on every read.

A store is written under a temporary name next to its final path, read back, compared, and renamed. Readers reject an
incomplete store. The manifest (sizes and a digest of every array) exposes the content to the workflow engine,
which does not inspect directories.
"""

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from earthdim.storage.atomic import publish
from earthdim.storage.files import write_json
from earthdim.storage.schema import SCHEMA_VERSIONS, ArtefactError


def array_digest(array: np.ndarray) -> str:
    """SHA-256 of an array's dtype, shape and bytes; of truth values, eight to a byte."""
    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    # A global mask at 1 km has a billion values, and every job that draws points verifies it.
    if array.dtype == bool:
        array = np.packbits(array)
    # A memoryview of zero bytes cannot be cast.
    copied = array.dtype.hasobject or not array.size
    digest.update(array.tobytes() if copied else memoryview(array).cast("B"))
    return digest.hexdigest()


def _digests(dataset) -> dict[str, str]:
    return {
        name: array_digest(np.asarray(dataset[name].values)) for name in sorted(map(str, dataset.variables))
    }


def _check_finite(dataset, path: Path) -> None:
    for name in dataset.variables:
        values = dataset[name].values
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ArtefactError(f"{path}: {name} holds values that are not finite")


def manifest_path(path: Path) -> Path:
    """The path of a store's manifest: `embeddings.zarr` -> `embeddings.json`."""
    return Path(path).with_suffix(".json")


def save_store(dataset, path: Path, kind: str, provenance: Mapping) -> None:
    """Publish an xarray Dataset as a Zarr store, with its manifest in the same folder.

    Parameters
    ----------
    dataset : xarray.Dataset
        Finite in every floating-point variable.
    path : path
        The path of the store, ending in ``.zarr``.
    kind : str
        A key of `SCHEMA_VERSIONS`.
    provenance : mapping
        Code, config and versions that the store was computed with; stored in the attributes as JSON.

    Raises
    ------
    ArtefactError
        If a value is not finite, or the store read back differs from the dataset.
    """
    import xarray as xr

    path = Path(path)
    _check_finite(dataset, path)
    digests = _digests(dataset)
    encoding = {}
    for name in dataset.variables:
        fill = np.nan if dataset[name].dtype.kind == "f" else None
        encoding[name] = {
            "_FillValue": fill,
            "chunks": _chunks(dataset[name].shape, dataset[name].dtype.itemsize),
        }
    attributes = {
        "artefact": kind,
        "schema_version": SCHEMA_VERSIONS[kind],
        "provenance": json.dumps(provenance, sort_keys=True),
    }
    with publish(path, stale=manifest_path(path)) as partial:
        dataset.assign_attrs(attributes).to_zarr(
            partial, mode="w", consolidated=False, zarr_format=3, encoding=encoding
        )
        with xr.open_zarr(partial, consolidated=False) as back:
            if _digests(back.load()) != digests:
                raise ArtefactError(f"{path}: the store read back differs from the data that was written")
        _complete(partial, digests)
    manifest = {
        "artefact": kind,
        "schema_version": SCHEMA_VERSIONS[kind],
        "sizes": {str(k): v for k, v in dataset.sizes.items()},
        "sha256": digests,
    }
    write_json(manifest, manifest_path(path))


@contextmanager
def _quiet():
    """Suppress the warning about the engine's time stamp inside every tracked directory."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Object at .snakemake_timestamp")
        yield


def _complete(store: Path, digests: Mapping[str, str]) -> None:
    """Mark the store as complete; this is the last step of writing."""
    import zarr

    group = zarr.open_group(store, mode="r+", zarr_format=3)
    group.attrs.update({"sha256": dict(digests), "complete": True})


def _chunks(shape: tuple[int, ...], itemsize: int, target: int = 16 * 2**20) -> tuple[int, ...]:
    """Chunks of whole rows, about 16 MiB each: few files, and bounded memory to read one."""
    if not shape:
        return ()
    row = max(1, int(np.prod(shape[1:])) * itemsize)
    if row > target and len(shape) > 1:
        return (1, *_chunks(shape[1:], itemsize, target))
    return (max(1, min(shape[0], target // row)), *shape[1:])


def open_store(path: Path, kind: str, names: Iterable[str] | None = None):
    """Read a published store into memory and verify it.

    Parameters
    ----------
    path : path
        A store written by `save_store`.
    kind : str
        The expected kind of artefact.
    names : iterable of str, optional
        Read these variables only.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    ArtefactError
        If the store is missing, incomplete, of another kind or schema, or an array's digest differs from the recorded
        one.
    """
    import xarray as xr

    path = Path(path)
    if not path.is_dir():
        raise ArtefactError(f"{path}: the store does not exist")
    with _quiet(), xr.open_zarr(path, consolidated=False) as lazy:
        attributes = dict(lazy.attrs)
        if attributes.get("complete") is not True:
            raise ArtefactError(f"{path}: the store is not complete; delete it and run again")
        if (attributes.get("artefact"), attributes.get("schema_version")) != (kind, SCHEMA_VERSIONS[kind]):
            found = f"{attributes.get('artefact')} of schema {attributes.get('schema_version')}"
            raise ArtefactError(f"{path}: holds {found}, not {kind} of schema {SCHEMA_VERSIONS[kind]}")
        lacking = set(attributes["sha256"] if names is None else names) - set(map(str, lazy.variables))
        if lacking:
            raise ArtefactError(
                f"{path}: {', '.join(sorted(lacking))} is missing; delete the store and run again"
            )
        dataset = (lazy if names is None else lazy[list(names)]).load()
    for name, digest in _digests(dataset).items():
        if attributes["sha256"].get(name) != digest:
            raise ArtefactError(
                f"{path}: {name} is damaged (its digest is not the recorded one); delete the store and run again"
            )
    return dataset


def lonlat(dataset) -> np.ndarray:
    """The coordinates of a store of points: (n, 2), longitude and latitude in degrees."""
    return np.column_stack([dataset["lon"].values, dataset["lat"].values])
