"""NPZ, NumPy's archives of named arrays."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from earthdim.data.coordinate_tables.formats.base import Arrays, TableError


class Npz(Arrays):
    """An NPZ file."""

    def __init__(self, path: Path) -> None:
        try:
            file = np.load(path, allow_pickle=False)
        except (ValueError, EOFError, BadZipFile) as error:
            raise TableError(f"{path}: cannot be read as NPZ ({error})") from error
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise TableError(f"{path}: is a single array, not an NPZ file")
        self._file = file
        super().__init__(path, file.files)

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:
        """Type and shape from the array's header, without reading the array."""
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        try:
            with self._file.zip.open(f"{name}.npy") as stream:
                version = np.lib.format.read_magic(stream)
                shape, _, dtype = read[version](stream)
        except KeyError as error:
            raise TableError(f"{self.path}: {name!r} has an unsupported header ({error})") from error
        except (ValueError, EOFError, BadZipFile, zlib.error) as error:
            raise TableError(f"{self.path}: {name!r} is damaged ({error})") from error
        if dtype.hasobject:
            raise TableError(
                f"{self.path}: {name!r} holds objects, which cannot be read without running a pickle"
            )
        return dtype, shape

    def read(self, names: Sequence[str]) -> dict[str, NDArray]:  # noqa: D102
        return {name: self._array(name) for name in names}

    def _array(self, name: str) -> NDArray:
        try:
            return self._file[name]
        except ValueError as error:
            raise TableError(
                f"{self.path}: {name!r} holds objects, which cannot be read without running a pickle ({error})"
            ) from error
        except (EOFError, BadZipFile, zlib.error) as error:
            raise TableError(f"{self.path}: {name!r} is damaged ({error})") from error
