"""Tables, JSON, YAML, checkpoints and figures: written whole or not at all, and read back."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from earthdim.storage.atomic import publish
from earthdim.storage.schema import COLUMNS, INTEGER_COLUMNS, ArtefactError


def _write(path: Path, write: Callable[[Path], None]) -> None:
    with publish(path) as partial:
        write(partial)


def write_json(value: object, path: Path, sort_keys: bool = True) -> None:
    """Publish a value as JSON, its keys sorted unless their order means something."""
    _write(path, lambda partial: partial.write_text(json.dumps(value, indent=1, sort_keys=sort_keys) + "\n"))


def read_json(path: Path) -> object:
    """Read a value written by `write_json`."""
    return json.loads(Path(path).read_text())


def write_text(text: str, path: Path) -> None:
    """Publish a text file, in UTF-8."""
    _write(path, lambda partial: partial.write_text(text, encoding="utf-8"))


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


def read(source: str | Path | Sequence):
    """Read one file, a table or JSON by its suffix, or a list of files."""
    if not isinstance(source, str | Path):
        return [read(one) for one in source]
    return {".csv": read_table, ".json": read_json}[Path(source).suffix](source)


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
