"""Leaves of config/estimator for use as a library: plain YAML, read without the planner of experiments."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[5]

Leaf = Mapping[str, Any]


def read_leaf(name: str) -> dict[str, Any]:
    """Read an estimator's leaf and, before it, the leaves that its defaults list names.

    The workflow composes the same files with Hydra; a test holds the two together over all leaves.

    Parameters
    ----------
    name : str
        A file of config/estimator, without suffix.

    Raises
    ------
    ValueError
        If there is no such leaf; the message lists those that there are.
    FileNotFoundError
        If the leaves are not at hand.
    """
    return dict(_read(name))


@cache
def _read(name: str) -> Leaf:
    import yaml

    folder = _folder()
    if not (folder / f"{name}.yaml").is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise ValueError(f"estimators: there is no config/estimator/{name}.yaml; there are {known}")
    leaf = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    merged: dict[str, Any] = {}
    for other in [*leaf.pop("defaults", []), "_self_"]:
        merged.update(leaf if other == "_self_" else _read(other))
    return merged


def _folder() -> Path:
    """The leaves of the checkout that this file belongs to, else the copy that the package installed."""
    if (CHECKOUT / "config" / "estimator").is_dir():
        return CHECKOUT / "config" / "estimator"
    try:
        installed = distribution("earthdim").files or []
    except PackageNotFoundError:
        installed = []
    folders = {Path(file.locate()).resolve().parent for file in installed if file.suffix == ".yaml"}
    for folder in sorted(folders):
        if folder.name == "estimator" and folder.is_dir():
            return folder
    raise FileNotFoundError(
        "estimators: their leaves (config/estimator) are neither in a checkout nor installed; give leaves as a mapping"
    )
