"""Zarr groups of format 2 and 3, folders or zipped: written by xarray or earthdim, or plain arrays."""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim.data.coordinate_tables.formats import kinds
from earthdim.data.coordinate_tables.formats.base import Arrays, TableError
from earthdim.storage import stores
from earthdim.storage.schema import ArtefactError


@contextmanager
def _read_whole(path: Path) -> Iterator[None]:
    """Convert errors of Zarr and its codecs about damaged or unsupported stores to TableError."""
    try:
        yield
    except TableError:
        raise
    except (RuntimeError, ValueError, TypeError, KeyError, OSError, zlib.error, zipfile.BadZipFile) as error:
        # Only the first sentence: codecs then advise to enable pickles.
        raise TableError(f"{path}: cannot be read ({str(error).partition('. ')[0]})") from error


class Zarr(Arrays):
    """A Zarr group, or the only group below it that has arrays."""

    def __init__(self, path: Path) -> None:
        import zarr

        self._zipped = kinds.kind_of(path) == kinds.ZARR_ZIP
        with _read_whole(path):
            store = zarr.storage.ZipStore(path, mode="r") if self._zipped else path
            root = _root_of_zip(path) if self._zipped else ""
        try:
            group = zarr.open_group(store, mode="r", path=root)
        except (zarr.errors.BaseZarrError, FileNotFoundError) as error:
            raise TableError(f"{path}: is not a Zarr group ({error})") from error
        # The axis of the places and the arrays of coordinates; set by `select_place_axis`.
        self._point: str | None = None
        self._places: frozenset[str] = frozenset()
        with _read_whole(path):
            self._group = _with_arrays(path, group)
            super().__init__(path, sorted(self._group.array_keys()))
        # Stores written by earthdim have digests, which are verified.
        self._is_ours = not self._zipped and self._group.attrs.get("artefact") == "embeddings"

    def select_place_axis(self, names: Sequence[str]) -> None:  # noqa: D102
        axes = [self._axis_of_places(name) for name in names]
        if None not in axes:
            if len(set(axes)) > 1:
                found = " and ".join(f"{n!r} lies along {a!r}" for n, a in zip(names, axes, strict=True))
                raise TableError(
                    f"{self.path}: {found}: a grid, not a table; convert it to one row per place "
                    f"(in xarray: stack(point={axes}).reset_index('point'))"
                )
            self._point = axes[0]
        self._places = frozenset(names)
        with _read_whole(self.path):
            self._check_stored(names)

    def check_axes(self, name: str) -> None:  # noqa: D102
        dims = self._dimensions(name)
        if self._point is not None and dims is not None and self._point not in dims:
            raise TableError(
                f"{self.path}: {name!r} lies along {' and '.join(map(repr, dims)) or 'no axis'}, "
                f"but the places along {self._point!r}"
            )

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:  # noqa: D102
        array = self._group[name]
        return np.dtype(array.dtype), tuple(array.shape[axis] for axis in self._axes_read(name))

    def read(self, names: Sequence[str]) -> dict[str, NDArray]:  # noqa: D102
        with _read_whole(self.path):
            for name in names:
                self.check_axes(name)
            if not self._places.issuperset(names):
                self._check_stored(names)
            return self._read(names)

    def _read(self, names: Sequence[str]) -> dict[str, NDArray]:
        columns = self._named(names)
        if columns is None:
            columns = {name: self._plain(name) for name in names}
        read = {name: self._axes_read(name) for name in names}
        return {
            name: columns[name]
            .transpose(axes + _others(axes, columns[name].ndim))
            .reshape([columns[name].shape[axis] for axis in axes])
            for name, axes in read.items()
        }

    def _axes_read(self, name: str) -> tuple[int, ...]:
        """Axes of an array in reading order, that of the places first.

        If there are more than two named axes, those of length one, such as a time or a year, are dropped.
        """
        array = self._group[name]
        if not array.ndim:
            return ()
        first = self._row_axis(name)
        others = [axis for axis in range(array.ndim) if axis != first]
        if self._dimensions(name) is not None and array.ndim > 2:
            others = [axis for axis in others if array.shape[axis] != 1] or others[:1]
        return (first, *others)

    def _axis_of_places(self, name: str) -> str | None:
        """Name of the place axis of an array of coordinates, (n,), (n, 2) or (2, n)."""
        dims, shape = self._dimensions(name), self._group[name].shape
        if not dims:
            return None
        return dims[1] if len(shape) == 2 and shape[0] == 2 != shape[1] else dims[0]

    def _row_axis(self, name: str) -> int:
        """Index of the place axis of an array; 0 if axes have no names."""
        dims = self._dimensions(name)
        return dims.index(self._point) if dims is not None and self._point in dims else 0

    def _check_stored(self, names: Sequence[str]) -> None:
        """Raise TableError if a place has no stored chunk, and warn of other missing chunks.

        Zarr omits a chunk that holds only the fill value; an incomplete copy lacks chunks too. A place whose whole
        vector, or both coordinates, would be fill values has no data in either case.
        """
        lacking = {}
        rows = None
        for name in () if self._is_ours else names:
            stored = self._stored(name)
            axis = self._row_axis(name)
            if stored.ndim:
                array = self._group[name]
                size = (array.shards or array.chunks)[axis]
                any_stored = stored.any(axis=tuple(i for i in range(stored.ndim) if i != axis))
                here = np.repeat(any_stored, size)[: array.shape[axis]]
                rows = here if rows is None or len(rows) != len(here) else rows | here
            if not stored.all():
                lacking[name] = (np.count_nonzero(~stored), stored.size)
        if not lacking:
            return
        name, (missing, all_) = next(iter(lacking.items()))
        problem = f"{self.path}: {name!r} lacks {missing} of its {all_} chunks"
        if rows is None or not rows.all() or self._group[name].fill_value is None:
            raise TableError(
                f"{problem}, and some places have no chunk; either the copy is incomplete, or these places hold "
                "only the fill value and must be dropped"
            )
        more = f" (and {len(lacking) - 1} more arrays lack some)" if len(lacking) > 1 else ""
        warnings.warn(
            f"{problem}{more}: they are read as the fill value {self._group[name].fill_value}, because Zarr omits such "
            "chunks; if the store was copied, check that the copy is complete",
            UserWarning,
            stacklevel=2,
        )

    def _stored(self, name: str) -> NDArray[np.bool_]:
        """Whether each chunk (or shard) of an array exists."""
        array = self._group[name]
        steps = array.shards or array.chunks
        grid = tuple(-(-length // step) for length, step in zip(array.shape, steps, strict=True))
        stored = np.ones(grid, dtype=bool)
        base = f"{array.path}/" if array.path else ""
        for index in np.ndindex(*grid):
            stored[index] = self._holds(base + array.metadata.encode_chunk_key(index))
        return stored

    def _holds(self, key: str) -> bool:
        if not self._zipped:
            return (self.path / key).is_file()
        if not hasattr(self, "_members"):
            with zipfile.ZipFile(self.path) as archive:
                self._members = frozenset(archive.namelist())
        return key in self._members

    def _named(self, names: Sequence[str]) -> dict[str, NDArray] | None:
        """Variables decoded by xarray (fill values, packing), or None if axes have no names."""
        if self._is_ours:
            try:
                dataset = stores.open_store(self.path, "embeddings", names)
            except ArtefactError as error:
                raise TableError(str(error)) from error
            return {name: dataset[name].values for name in names}
        if not all(self._dimensions(name) is not None for name in self.names):
            return None
        zeros = [name for name in names if self._has_default_fill(name)]
        others = [name for name in names if name not in zeros]
        return self._decoded(others, True) | self._decoded(zeros, False)

    def _has_default_fill(self, name: str) -> bool:
        """Whether the fill value is the default 0 of Zarr format 2, which xarray would decode as missing."""
        array = self._group[name]
        is_default = array.metadata.zarr_format == 2 and array.dtype.kind == "f" and array.fill_value == 0
        explicit = {"_FillValue", "missing_value", "scale_factor", "add_offset"} & set(array.attrs)
        return is_default and not explicit

    def _decoded(self, names: Sequence[str], decoded: bool) -> dict[str, NDArray]:
        import xarray as xr

        if not names:
            return {}
        with xr.open_zarr(
            self._group.store,
            group=self._group.path or None,
            consolidated=False,
            decode_times=False,
            mask_and_scale=decoded,
        ) as dataset:
            loaded = dataset[list(names)].load()
            return {name: loaded[name].values for name in names}

    def _dimensions(self, name: str) -> tuple[str, ...] | None:
        """Names of an array's axes, if all have one."""
        array = self._group[name]
        named = array.attrs.get("_ARRAY_DIMENSIONS") or getattr(array.metadata, "dimension_names", None)
        if array.ndim == 0:
            return ()
        return None if named is None or None in named or len(named) != array.ndim else tuple(named)

    def _plain(self, name: str) -> NDArray:
        array = self._group[name]
        packed = sorted({"scale_factor", "add_offset"} & set(array.attrs))
        if packed:
            raise TableError(f"{self.path}: {name!r} is packed ({packed[0]}) and its axes have no names")
        return np.asarray(array[...])


def _others(axes: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The remaining axes."""
    return tuple(axis for axis in range(count) if axis not in axes)


def _root_of_zip(path: Path) -> str:
    """Path of the group inside an archive: its root, or a folder that was zipped with the store."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    marks = ("zarr.json", ".zgroup")
    folders = {name.rpartition("/")[0] for name in names if name.rpartition("/")[2] in marks}
    roots = sorted(
        folder
        for folder in folders
        if not any(folder != other and (folder + "/").startswith(other and other + "/") for other in folders)
    )
    if len(roots) > 1:
        raise TableError(f"{path}: holds several Zarr stores ({', '.join(roots)}); unpack it and name one")
    return roots[0] if roots else ""


def _with_arrays(path: Path, group):
    """Return the group if it has arrays, else the only group below it that has."""
    import zarr

    if next(iter(group.array_keys()), None) is not None:
        return group
    found = {
        name: member
        for name, member in group.members(max_depth=None)
        if isinstance(member, zarr.Group) and next(iter(member.array_keys()), None) is not None
    }
    if len(found) > 1:
        first = min(found)
        raise TableError(
            f"{path}: has no arrays at the top level and {len(found)} groups with arrays; name one of them, such as "
            f"{path}/{first} (unpack a zip archive first); there are {', '.join(sorted(found))}"
        )
    return next(iter(found.values()), group)
