"""Import of scikit-dimension without Matplotlib, which takes a third of the import.

scikit-dimension imports `matplotlib.pyplot` for two functions that draw. While its package is imported, a stand-in
takes the place of Matplotlib; if a drawing function is called later, the stand-in imports the real one.
"""

import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

_DRAWS, _PLOTS = "matplotlib", "matplotlib.pyplot"


class _Later(ModuleType):
    """A module that is imported when an attribute is read."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _remove()
        return getattr(import_module(self.__name__), name)


class _Loader(SourceFileLoader):
    """Loads a package while stand-ins take the place of Matplotlib."""

    def exec_module(self, module: ModuleType) -> None:
        if _DRAWS not in sys.modules:
            drawing, plots = _Later(_DRAWS), _Later(_PLOTS)
            drawing.pyplot = plots
            sys.modules |= {_DRAWS: drawing, _PLOTS: plots}
        try:
            super().exec_module(module)
        finally:
            _remove()


def _remove() -> None:
    for name in (_DRAWS, _PLOTS):
        if isinstance(sys.modules.get(name), _Later):
            del sys.modules[name]


class _Finder(MetaPathFinder):
    """Finds scikit-dimension only."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name) if name == "skdim" else None
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def register() -> None:
    """Let the next import of scikit-dimension in this process do without Matplotlib."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
