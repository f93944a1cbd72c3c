"""Leaves of config/estimator for library use: plain YAML, read without Hydra or the planner of experiments."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[5]

Leaf = Mapping[str, Any]


def read_leaf(name: str) -> dict[str, Any]:
    """Read the leaf of an estimator, merged over the leaves that its defaults list names.

    The workflow composes the same files with Hydra; a test compares both over all leaves.

    Parameters
    ----------
    name : str
        Name of a file of config/estimator, without suffix.

    Raises
    ------
    ValueError
        If there is no such leaf; the message lists the known ones.
    FileNotFoundError
        If the folder of the leaves is not found.
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
        part = leaf if other == "_self_" else _read(other)
        built = {**merged.get("build", {}), **part.get("build", {})}
        merged = {**merged, **part, "build": built}
    return merged


def _folder() -> Path:
    """Folder of the leaves: in the checkout that this file belongs to, otherwise the installed copy."""
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
        "estimators: config/estimator is neither in a checkout nor installed; pass leaves as a mapping"
    )
