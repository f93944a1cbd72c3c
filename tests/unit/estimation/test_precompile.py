"""Compilation before the first use covers every compiled function of the engine."""

import importlib
import pkgutil

from numba.core.dispatcher import Dispatcher

import earthdim.estimation
from earthdim.estimation.precompile import precompile


def compiled_functions() -> list[Dispatcher]:
    found = pkgutil.walk_packages(earthdim.estimation.__path__, "earthdim.estimation.")
    modules = [importlib.import_module(module.name) for module in found]
    values = [value for module in modules for value in vars(module).values()]
    return [value for value in values if isinstance(value, Dispatcher)]


def names_in(code) -> set[str]:
    nested = [part for part in code.co_consts if isinstance(part, type(code))]
    return set(code.co_names).union(*map(names_in, nested))


def test_every_function_that_python_calls_is_compiled():
    precompile()
    functions = compiled_functions()
    # One that only other compiled functions call is compiled with these.
    inner = set().union(*(names_in(function.py_func.__code__) for function in functions))
    entries = {function.py_func.__name__: function for function in functions}.items()
    entries = {name: function for name, function in entries if name not in inner}
    assert {"offer", "refine", "restrict", "count_tile", "edge_lengths"} <= set(entries)
    assert [name for name, function in entries.items() if not function.signatures] == []
