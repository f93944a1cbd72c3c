"""Everything under results/: names, schema versions, and the only code that writes or reads a store or a table.

A store or table is published whole or not at all: it is written beside its place under a name of its own, read back,
checked, and renamed. Readers refuse what is not complete. A manifest (rows and a digest of every array) stands
beside each Zarr store, because a workflow engine does not see into a directory.
"""

import hashlib
import json
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from earthdim.atomic import publish

# One integer a kind of artefact: raise it when its layout changes, and every job that writes the kind reruns.
SCHEMA_VERSIONS = {
    "dataset": 1,
    "points": 1,
    "features": 1,
    "labels": 2,
    "checkpoint": 1,
    "embeddings": 1,
    "candidates": 1,
    "neighbours": 1,
    "local_dimension": 1,
    "dimension": 3,
    "scale": 2,
    "costly": 3,
    "jacobian": 2,
    "probe": 2,
    "tables": 3,
}

AXES = ("model", "resolution", "modality", "schedule", "weights", "seed")
# What the axis weights says of encoders that come as they are: by others, a user's own, embeddings alone.
FROZEN = ("released", "own", "table")
# What a leaf of weights says of itself, beside the arguments of its target.
WEIGHTS_KEYS = frozenset({"kind", "model", "about", "counted", "resolution", "modality", "sources", "n"})

_DIMENSION = (
    "variant", *AXES, "points", "n", "replicate", "space", "task", "split", "head", "estimator", "k", "aggregation",
    "value", "low", "high", "interval", "neighbour_radius_km", "twin_value", "above_ambient", "duplicates_dropped",
    "library", "library_version", "note",
)  # fmt: skip

COLUMNS = {
    "variants": (
        "variant", *AXES, "branches", "twin", "family", "counted", "ambient_dim", "parameters",
        "shortest_wavelength_km", "nominal_wavelength_km", "val_loss", "val_top1",
    ),
    "dimension": _DIMENSION,
    "costly": _DIMENSION,
    "draws": (
        "variant", *AXES, "n", "estimator", "k", "aggregation", "draws", "value", "low", "high", "interval",
        "above_ambient", "note",
    ),
    "scale": (
        "variant", *AXES, "points", "support", "n", "estimator", "k", "aggregation", "value", "low", "high",
        "interval", "neighbour_radius_km", "above_ambient", "duplicates_dropped", "library", "library_version", "note",
    ),
    "jacobian": (
        "variant", *AXES, "points", "n", "estimator", "k", "aggregation", "value", "low", "high", "interval",
        "above_ambient", "duplicates_dropped", "library", "library_version", "note",
    ),
    "table1": (
        "name", "kind", "ambient_dim", "estimator", "k", "aggregation", "published", "variant", "value", "low", "high",
        "interval", "n", "draws", "note",
    ),
    "missing": ("variant", "message"),
    "left_out": (
        "variant", "points", "table", "what", "name", "k", "task", "split", "head", "n", "without_label", "reason",
    ),
    "probe": (
        "variant", *AXES, "points", "task", "split", "head", "metric", "primary", "value", "low", "high", "n",
        "folds", "leaked", "note",
    ),
    "correlation": (
        "estimator", "k", "aggregation", "points", "n", "space", "task", "split", "head", "metric", "level",
        "coefficient", "value", "low", "high", "interval", "p", "p_adjusted", "n_cells", "n_families",
        "n_left_out",
    ),
}  # fmt: skip


# Written as integers although an empty cell makes them floating point in memory.
INTEGER_COLUMNS = (
    "seed", "k", "n", "replicate", "folds", "duplicates_dropped", "best_step", "draws", "ambient_dim",
    "without_label",
)  # fmt: skip


class ArtefactError(RuntimeError):
    """An artefact is missing, incomplete, damaged or of another schema."""


def array_digest(array: np.ndarray) -> str:
    """SHA-256 of an array's dtype, shape and bytes."""
    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    # A view of no bytes cannot be cast.
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
    """Where the manifest of a store stands: `embeddings.zarr` -> `embeddings.json`."""
    return Path(path).with_suffix(".json")


def save_store(dataset, path: Path, kind: str, provenance: Mapping) -> None:
    """Publish an xarray Dataset as a Zarr store with a manifest beside it.

    Parameters
    ----------
    dataset : xarray.Dataset
        Finite in every floating-point variable.
    path : path
        The store's place, ending in ``.zarr``.
    kind : str
        A key of `SCHEMA_VERSIONS`.
    provenance : mapping
        What made it: recorded in the attributes as JSON.

    Raises
    ------
    ArtefactError
        If a value is not finite, or the store read back differs from what was written.
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
                raise ArtefactError(f"{path}: what was read back is not what was written")
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
    """Silence the warning about the engine's time stamp, which lies inside every directory that it tracks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Object at .snakemake_timestamp")
        yield


def _complete(store: Path, digests: Mapping[str, str]) -> None:
    """Set the marks that readers ask for, last of all."""
    import zarr

    group = zarr.open_group(store, mode="r+", zarr_format=3)
    group.attrs.update({"sha256": dict(digests), "complete": True})


def _chunks(shape: tuple[int, ...], itemsize: int, target: int = 16 * 2**20) -> tuple[int, ...]:
    """Whole rows, about 16 MiB a chunk: few files, and bounded memory to read one."""
    if not shape:
        return ()
    row = max(1, int(np.prod(shape[1:])) * itemsize)
    if row > target and len(shape) > 1:
        return (1, *_chunks(shape[1:], itemsize, target))
    return (max(1, min(shape[0], target // row)), *shape[1:])


def open_store(path: Path, kind: str, names: Iterable[str] | None = None):
    """Read a published store into memory and check it whole.

    Parameters
    ----------
    path : path
        A store written by `save_store`.
    kind : str
        The kind of artefact that is expected.
    names : iterable of str, optional
        Read these variables only.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    ArtefactError
        If the store is missing, incomplete, of another kind or schema, or an array's digest is not the recorded one.
    """
    import xarray as xr

    path = Path(path)
    if not path.is_dir():
        raise ArtefactError(f"{path}: there is no such store")
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
                f"{path}: {', '.join(sorted(lacking))} is not there; delete the store and run again"
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


def _write(path: Path, write: Callable[[Path], None]) -> None:
    with publish(path) as partial:
        write(partial)


def write_json(value: object, path: Path, sort_keys: bool = True) -> None:
    """Publish a value as JSON, its keys sorted unless their order means something."""
    _write(path, lambda partial: partial.write_text(json.dumps(value, indent=1, sort_keys=sort_keys) + "\n"))


def read_json(path: Path) -> object:
    """Read a value written by `write_json`."""
    return json.loads(Path(path).read_text())


def write_yaml(value: Mapping, path: Path) -> None:
    """Publish a mapping as YAML with sorted keys."""
    import yaml

    _write(path, lambda partial: partial.write_text(yaml.safe_dump(value, sort_keys=True, width=100)))


def write_table(table, path: Path, kind: str | None = None) -> None:
    """Publish a DataFrame as CSV with full precision, one row a line, no index.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns of its kind first, in their order; further columns follow.
    path : path
        Ends in ``.csv``.
    kind : str, optional
        A key of `COLUMNS`.

    Raises
    ------
    ArtefactError
        If a contracted column is missing.
    """
    if kind is not None:
        missing = [column for column in COLUMNS[kind] if column not in table.columns]
        if missing:
            raise ArtefactError(f"{path}: the table {kind} lacks {', '.join(missing)}")
        table = table[[*COLUMNS[kind], *(column for column in table.columns if column not in COLUMNS[kind])]]
    whole = {column: "Int64" for column in INTEGER_COLUMNS if column in table.columns}
    table = table.replace({column: {"": None} for column in whole}).astype(whole)
    _write(path, lambda partial: table.to_csv(partial, index=False, lineterminator="\n"))


def read_table(path: Path):
    """Read a CSV written by `write_table`; an empty cell stays empty (NaN in numbers, "" in text)."""
    import pandas as pd

    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    text = table.select_dtypes(include=["object", "string"]).columns
    return table.assign(**{column: table[column].fillna("") for column in text})


def save_checkpoint(state: Mapping, path: Path, metadata: Mapping[str, str]) -> None:
    """Publish a state dict (name -> tensor) as safetensors."""
    from safetensors.torch import save_file

    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    # One entry: the library writes several in an order that changes from save to save.
    entry = {"provenance": json.dumps(metadata, sort_keys=True)}
    _write(path, lambda partial: save_file(tensors, partial, metadata=entry))


def open_checkpoint(path: Path) -> dict:
    """Read a state dict (name -> tensor) from safetensors; nothing in the file is executed."""
    from safetensors.torch import load_file

    return load_file(path)


def save_figure(figure, path: Path, **options) -> None:
    """Publish a matplotlib figure; the suffix of `path` decides the format."""
    suffix = Path(path).suffix.lstrip(".")
    with tempfile.SpooledTemporaryFile() as buffer:
        figure.savefig(buffer, format=suffix, **options)
        buffer.seek(0)
        content = buffer.read()
    _write(path, lambda partial: partial.write_bytes(content))
