"""Zarr groups of format 2 and 3: of xarray, of earthdim, or plain arrays."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim import artefacts
from earthdim.coordinate_tables.formats.base import Arrays, TableError


@contextmanager
def _read_whole(path: Path) -> Iterator[None]:
    """One error for whatever Zarr and its codecs raise where a store is damaged, or holds what they refuse."""
    try:
        yield
    except TableError:
        raise
    except (RuntimeError, ValueError, TypeError, KeyError, OSError, zlib.error) as error:
        # What codecs say after the first sentence advises to switch pickles on: never repeat that.
        raise TableError(f"{path}: cannot be read ({str(error).partition('. ')[0]})") from error


class Zarr(Arrays):
    """A Zarr group."""

    def __init__(self, path: Path) -> None:
        import zarr

        try:
            self._group = zarr.open_group(path, mode="r")
        except (zarr.errors.BaseZarrError, FileNotFoundError) as error:
            raise TableError(f"{path}: is no Zarr group ({error})") from error
        with _read_whole(path):
            super().__init__(path, sorted(self._group.array_keys()))

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:  # noqa: D102
        array = self._group[name]
        return np.dtype(array.dtype), array.shape

    def read(self, names: Sequence[str]) -> dict[str, NDArray]:  # noqa: D102
        with _read_whole(self.path):
            return self._read(names)

    def _read(self, names: Sequence[str]) -> dict[str, NDArray]:
        whole = self._group.attrs.get("artefact") == "embeddings"  # whose digests are checked
        for name in () if whole else names:
            # What an interrupted copy left out would be read as zeros.
            array = self._group[name]
            if array.nchunks_initialized < array.nchunks:
                raise TableError(
                    f"{self.path}: {name!r} lacks {array.nchunks - array.nchunks_initialized} of its "
                    f"{array.nchunks} chunks (Zarr leaves out those that hold nothing but the fill value, unless "
                    "told to write empty chunks)"
                )
        dataset = self._dataset(names)
        return {name: dataset[name].values if dataset is not None else self._plain(name) for name in names}

    def _dataset(self, names: Sequence[str]):
        """The variables as xarray decodes them (fill values, packing), or None where axes have no names."""
        import xarray as xr

        if self._group.attrs.get("artefact") == "embeddings":
            try:
                return artefacts.open_store(self.path, "embeddings", names)
            except artefacts.ArtefactError as error:
                raise TableError(str(error)) from error
        if not all(self._has_dimensions(name) for name in self.names):
            return None
        with xr.open_zarr(self.path, consolidated=False, decode_times=False) as dataset:
            return dataset[list(names)].load()

    def _has_dimensions(self, name: str) -> bool:
        array = self._group[name]
        named = array.attrs.get("_ARRAY_DIMENSIONS") or getattr(array.metadata, "dimension_names", None)
        return array.ndim == 0 or (named is not None and None not in named)

    def _plain(self, name: str) -> NDArray:
        array = self._group[name]
        packed = sorted({"scale_factor", "add_offset"} & set(array.attrs))
        if packed:
            raise TableError(f"{self.path}: {name!r} is packed ({packed[0]}) and its axes have no names")
        return np.asarray(array[...])
