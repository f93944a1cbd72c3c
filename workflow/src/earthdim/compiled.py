"""Functions that numba compiles, in surroundings of all kinds.

Machine code is kept on disk, beside the source or in the user's folder of caches, so that one process compiles it and
the others load it. Where neither can be written (a package of the system's and no home, as in a container with a
foreign user), where the disk is full, and where what was kept is damaged, it is compiled anew: slower, otherwise the
same.
"""

import atexit
import importlib
import pickle
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba as nb
from numba.core.caching import FunctionCache

# A file that was cut off by a full disk or a power cut ends too early, or is no pickle any more.
_UNUSABLE = (OSError, EOFError, pickle.UnpicklingError)


class _Kept(FunctionCache):
    """Machine code on disk, which is of use but never needed."""

    def load_overload(self, *asked: object) -> object:
        try:
            return super().load_overload(*asked)
        except _UNUSABLE:
            # Begun anew, so that the next process finds it whole.
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, *made: object) -> None:
        with suppress(*_UNUSABLE):
            super().save_overload(*made)


def njit(**options: object) -> Callable:
    """Compile a function as `numba.njit` does, and keep the machine code where there is a place for it.

    Parameters
    ----------
    **options
        Of `numba.njit`, but for `cache`.

    Returns
    -------
    callable
        Decorator of a function.
    """

    def decorate(function: Callable) -> Callable:
        dispatcher = nb.njit(**options)(function)
        try:
            dispatcher._cache = _Kept(function)
        except RuntimeError as error:
            _check_placeless(error)
        return dispatcher

    return decorate


def load(module: str, name: str) -> Any:
    """Import something of a library that keeps compiled functions of its own, and fails where they have no place.

    Parameters
    ----------
    module, name : str
        What is meant by ``from module import name``.

    Returns
    -------
    object
        Where nothing else can be written, the library's functions are kept in a temporary folder of this process.
    """
    try:
        return getattr(importlib.import_module(module), name)
    except RuntimeError as error:
        _check_placeless(error)
    folder = tempfile.mkdtemp(prefix="earthdim-numba-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    nb.config.CACHE_DIR = folder
    return getattr(importlib.import_module(module), name)


def _check_placeless(error: RuntimeError) -> None:
    """Raise an error again unless it says that numba can write in none of the folders that it knows."""
    if "cannot cache function" not in str(error):
        raise error
