"""Encoders that come as they are (released, a user's own, a table): what the grid asks of their leaves."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from earthdim.data.coordinate_tables.quantised import ALPHAEARTH
from earthdim.encoders import custom
from earthdim.encoders.released import sources
from earthdim.experiment.model import Plain, Variant
from earthdim.experiment.validation import ConfigError, check_schema, check_target
from earthdim.storage.schema import FROZEN, WEIGHTS_KEYS

POINTS = "earthdim.data.samples.files.points"
"""The sampler of points out of a file: a table of embeddings brings its own points along."""


OF_VALUES = ("features", "no_data", "dequantise", "scales")


def check(leaf: Plain, name: str, schema: Path, experiment: str) -> str:
    """Hold a weights leaf against what it must say, and look whether what it names is at hand; nothing is loaded.

    Parameters
    ----------
    leaf : dict
        A leaf of config/weights whose kind is released, own or table.
    name : str
        Its name.
    schema : path
        The schema of weights.
    experiment : str
        The experiment that names it.

    Returns
    -------
    str
        Empty, or in one sentence what is missing and how to get it.

    Raises
    ------
    ConfigError
        If the leaf is wrong, or a file of the user's own that it names does not exist.
    """
    key = f"weights.{name}"
    check_schema(leaf, schema, key)
    check_target(leaf, key, WEIGHTS_KEYS, whole=True)
    if "n" in leaf and leaf["kind"] != "table":
        raise ConfigError(f"{key}.n: an encoder has no points of its own; experiments choose their sample")
    try:
        if leaf["kind"] == "released":
            _check_source(leaf)
            return _absent(leaf, name, experiment)
        custom.check(leaf, name)
    except ValueError as error:
        raise ConfigError(str(error) if str(error).startswith(key) else f"{key}: {error}") from None
    return ""


def _check_source(leaf: Plain) -> None:
    """What a package carries lies where packages are installed."""
    source = leaf["source"]
    if "package" in source and ".." in PurePosixPath(source["file"]).parts:
        raise ValueError(f"source.file: {source['file']!r} leads out of the package")


def _absent(leaf: Plain, name: str, experiment: str) -> str:
    """What of released weights is missing, or has a sum that nobody accepted."""
    if not sources.are_available(leaf):
        return sources.missing(leaf, name, experiment)
    missing_digest = sources.missing_digest(leaf)
    return f"weights.{name}: {missing_digest}" if missing_digest else ""


def variant_name(name: str) -> str:
    """The name of the variant with the weights `name`: a leaf in a folder is named folder_leaf."""
    return name.replace("/", "_")


def leaves(settings: Plain) -> dict[str, str]:
    """The leaves of weights that the branches of an experiment name, by the names of their variants."""
    named = {name for axes in settings["branches"].values() for name in axes.get("weights", ())}
    return {variant_name(name): name for name in named}


def axes(leaf: Plain) -> Plain:
    """The variant's axes: those that a grid would have set are what the leaf says of them, or empty."""
    return {
        "model": leaf["model"],
        "resolution": leaf.get("resolution", ""),
        "modality": leaf.get("modality", ""),
        "schedule": "",
        "weights": leaf["kind"],
        "seed": "",
    }


def points(leaf: Plain, name: str) -> tuple[str, Plain] | None:
    """Name and config of the point set that a table of embeddings brings along; None for an encoder."""
    if leaf["kind"] != "table":
        return None
    kind = f"own-{variant_name(name)}"
    draw = {
        "_target_": POINTS,
        "kind": kind,
        "n": leaf["n"],
        "seed": 0,
        "replicate": 0,
        "path": leaf["file"],
        "longitude": leaf.get("longitude"),
        "latitude": leaf.get("latitude"),
        # Rows that hold no data have no point either.
        **({key: leaf.get(key) for key in OF_VALUES} if leaves_rows_out(leaf) else {}),
    }
    return f"{kind}-{leaf['n']}-r0", draw


def leaves_rows_out(leaf: Plain) -> bool:
    """Whether rows of a table may be left out for what is in their features."""
    return leaf.get("no_data") not in (None, []) or leaf.get("dequantise") == ALPHAEARTH


def files(leaf: Plain) -> list[str]:
    """The user's own files behind a leaf, whose change is a change of the variant."""
    return custom.files(leaf) if leaf["kind"] in ("own", "table") else []


def check_at_hand(missing: Sequence[str], any_left: bool, key: str) -> None:
    """Refuse an experiment that cannot do without what is missing; all of it is told at once.

    Parameters
    ----------
    missing : sequence of str
        What branches that are not optional lack, each in a sentence.
    any_left : bool
        Whether there is anything to measure.
    key : str
        The experiment's key.

    Raises
    ------
    ConfigError
        With all the sentences.
    """
    if missing:
        raise ConfigError(" ".join(f"{sentence.rstrip('.')}." for sentence in dict.fromkeys(missing)))
    if not any_left:
        raise ConfigError(f"{key}.branches: nothing is at hand of what they name")


def check_cells(variants: Mapping[str, Variant], cell: Sequence[str], key: str) -> None:
    """Refuse two encoders that come as they are and would be averaged like two seeds of one cell.

    Parameters
    ----------
    variants : mapping
        Name -> variant.
    cell : sequence of str
        What makes a cell, as config/statistics says it: family, and axes.
    key : str
        The experiment's key.

    Raises
    ------
    ConfigError
        Naming both.
    """
    seen: dict[tuple, str] = {}
    for variant in variants.values():
        if variant.kind in FROZEN and variant.counted:
            known = {**variant.axes, "family": variant.config["model"]["family"]}
            other = seen.setdefault(tuple(known.get(name, "") for name in cell), variant.name)
            if other != variant.name:
                raise ConfigError(
                    f"{key}.branches: {other} and {variant.name} would be one cell of the correlation; give their "
                    "weights a resolution or a modality, another model, or counted: false"
                )
