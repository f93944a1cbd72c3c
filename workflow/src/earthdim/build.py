"""Build objects from config leaves. The key `_target_` is the only link from config to code."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

PACKAGES = ("earthdim", "skdim.id")


def target(path: str) -> Any:
    """Import the object at a dotted path inside the known packages.

    Parameters
    ----------
    path : str
        For instance ``earthdim.encoders.networks.siren.Siren``.

    Raises
    ------
    ValueError
        If the path is outside the known packages or does not exist.
    """
    if not isinstance(path, str) or not path.startswith(tuple(f"{package}." for package in PACKAGES)):
        raise ValueError(f"_target_: {path!r} is not inside one of {', '.join(PACKAGES)}")
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise ValueError(f"_target_: {path!r} does not exist ({error})") from error


def build(leaf: Mapping[str, Any], **extra: Any) -> Any:
    """Call the `_target_` of a leaf with its other keys and `extra` as keyword arguments.

    Parameters
    ----------
    leaf : mapping
        A config leaf with the key `_target_`.
    **extra
        Further arguments, such as the number of inputs of a network.

    Raises
    ------
    ValueError
        If `_target_` is missing or unknown, or its arguments do not fit.
    """
    if "_target_" not in leaf:
        raise ValueError(f"_target_ is missing from {dict(leaf)!r}")
    arguments = {key: value for key, value in leaf.items() if key != "_target_"}
    try:
        return target(leaf["_target_"])(**arguments, **extra)
    except TypeError as error:
        raise ValueError(f"{leaf['_target_']} cannot be built from its leaf: {error}") from error
