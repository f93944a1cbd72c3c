"""Functions that numba compiles, with a cache that is optional.

Machine code is cached on disk, next to the source or in the user's cache folder, so that one process compiles it and
the others load it. It is compiled again if neither folder is writable (a system-wide package and no home folder, as in
a container with an unknown user), if the disk is full, or if the cache is damaged. This is slower, with equal results.
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

# Errors of a cache file that was truncated by a full disk or a power failure.
_UNUSABLE = (OSError, EOFError, pickle.UnpicklingError)


class _Kept(FunctionCache):
    """A cache of machine code whose failures are ignored."""

    def load_overload(self, *asked: object) -> object:
        try:
            return super().load_overload(*asked)
        except _UNUSABLE:
            # Start a new cache for the next process.
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, *made: object) -> None:
        with suppress(*_UNUSABLE):
            super().save_overload(*made)


def njit(**options: object) -> Callable:
    """Compile a function as `numba.njit` does, and cache the machine code if a folder is writable.

    Parameters
    ----------
    **options
        Those of `numba.njit`, except `cache`.

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
    """Import an object of a library that caches compiled functions, and that fails without a writable folder.

    Parameters
    ----------
    module, name : str
        As in ``from module import name``.

    Returns
    -------
    object
        The object. Without a writable folder, the library's cache is a temporary folder of this process.
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
    """Raise the error again unless it means that numba found no writable cache folder."""
    if "cannot cache function" not in str(error):
        raise error
