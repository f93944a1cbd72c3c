"""Zarr groups of format 2 and 3, folders or zipped: of xarray, of earthdim, or plain arrays."""

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
    """One error for whatever Zarr and its codecs raise where a store is damaged, or holds what they refuse."""
    try:
        yield
    except TableError:
        raise
    except (RuntimeError, ValueError, TypeError, KeyError, OSError, zlib.error, zipfile.BadZipFile) as error:
        # What codecs say after the first sentence advises to switch pickles on: never repeat that.
        raise TableError(f"{path}: cannot be read ({str(error).partition('. ')[0]})") from error


class Zarr(Arrays):
    """A Zarr group, or the one group below it that has arrays."""

    def __init__(self, path: Path) -> None:
        import zarr

        self._zipped = kinds.kind_of(path) == kinds.ZARR_ZIP
        with _read_whole(path):
            store = zarr.storage.ZipStore(path, mode="r") if self._zipped else path
            root = _root_of_zip(path) if self._zipped else ""
        try:
            group = zarr.open_group(store, mode="r", path=root)
        except (zarr.errors.BaseZarrError, FileNotFoundError) as error:
            raise TableError(f"{path}: is no Zarr group ({error})") from error
        # The axis that the places lie along, and the arrays that hold them, once they are known.
        self._point: str | None = None
        self._places: frozenset[str] = frozenset()
        with _read_whole(path):
            self._group = _with_arrays(path, group)
            super().__init__(path, sorted(self._group.array_keys()))
        # Stores of ours have digests, which are checked.
        self._is_ours = not self._zipped and self._group.attrs.get("artefact") == "embeddings"

    def select_place_axis(self, names: Sequence[str]) -> None:  # noqa: D102
        axes = [self._axis_of_places(name) for name in names]
        if None not in axes:
            if len(set(axes)) > 1:
                told = " and ".join(f"{n!r} lies along {a!r}" for n, a in zip(names, axes, strict=True))
                raise TableError(
                    f"{self.path}: {told}: a grid is no table; give every place a row first "
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
                f"and the places along {self._point!r}"
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
        """The axes of an array in the order in which they are read: the places' first.

        Of more than two axes with names those are left out that are one long, such as a time or a year.
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
        """The name of the axis of an array of coordinates, (n,), (n, 2) or (2, n), that counts the places."""
        dims, shape = self._dimensions(name), self._group[name].shape
        if not dims:
            return None
        return dims[1] if len(shape) == 2 and shape[0] == 2 != shape[1] else dims[0]

    def _row_axis(self, name: str) -> int:
        """Where the places' axis stands among an array's; the first where axes have no names."""
        dims = self._dimensions(name)
        return dims.index(self._point) if dims is not None and self._point in dims else 0

    def _check_stored(self, names: Sequence[str]) -> None:
        """Refuse places of which no chunk is stored, and tell of other chunks that are left out.

        Zarr leaves out a chunk that holds nothing but the fill value; a copy that broke off lacks chunks as well. A
        place whose whole vector, or both of whose coordinates, would be fill value is no data in either case.
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
        told = f"{self.path}: {name!r} lacks {missing} of its {all_} chunks"
        if rows is None or not rows.all() or self._group[name].fill_value is None:
            raise TableError(
                f"{told}, and some places have none at all: either the store was not copied whole, or these places "
                "hold nothing but the fill value and have to be left out"
            )
        more = f" (and {len(lacking) - 1} more arrays lack some)" if len(lacking) > 1 else ""
        warnings.warn(
            f"{told}{more}: read as the fill value {self._group[name].fill_value}, since Zarr leaves out chunks that "
            "hold nothing else; if the store was copied, see that it was copied whole",
            UserWarning,
            stacklevel=2,
        )

    def _stored(self, name: str) -> NDArray[np.bool_]:
        """Which chunks (or shards) of an array are there."""
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
        """The variables as xarray decodes them (fill values, packing), or None where axes have no names."""
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
        """Whether a fill value is what Zarr's format 2 has where nobody says one; xarray would take 0 for missing."""
        array = self._group[name]
        is_default = array.metadata.zarr_format == 2 and array.dtype.kind == "f" and array.fill_value == 0
        told = {"_FillValue", "missing_value", "scale_factor", "add_offset"} & set(array.attrs)
        return is_default and not told

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
        """The names of an array's axes, if all have one."""
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
    """The axes that are not among these."""
    return tuple(axis for axis in range(count) if axis not in axes)


def _root_of_zip(path: Path) -> str:
    """The folder inside an archive that is the group: the archive itself, or what was zipped with its folder."""
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
        raise TableError(f"{path}: holds several Zarr stores ({', '.join(roots)}): unpack it and name one")
    return roots[0] if roots else ""


def _with_arrays(path: Path, group):
    """The group itself if it has arrays, else the only one below it that has."""
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
            f"{path}: has no array of its own, and {len(found)} groups below it have: name one of them, such as "
            f"{path}/{first} (unpack the archive first, if it is one); there are {', '.join(sorted(found))}"
        )
    return next(iter(found.values()), group)
