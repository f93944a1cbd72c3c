"""External encoders: released weights, custom encoders and tables of embeddings."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from earthdim.data.coordinate_tables.quantised import ALPHAEARTH
from earthdim.encoders import custom
from earthdim.encoders.custom.dependencies import TABLE
from earthdim.encoders.released import sources
from earthdim.experiment.model import Plain, Variant
from earthdim.experiment.targets import check_target
from earthdim.experiment.validation import ConfigError, check_schema
from earthdim.storage.schema import EXTERNAL

POINTS = "earthdim.data.samples.files.points"
"""Sampler that reads points from a file, used for the points of a table of embeddings."""


OF_VALUES = ("features", "no_data", "dequantise", "scales")


def check(leaf: Plain, name: str, schema: Path, experiment: str) -> str:
    """Check a leaf of config/weights and whether its files are available; nothing is loaded.

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
        Empty, or one line that names the missing files and how to get them.

    Raises
    ------
    ConfigError
        If the leaf is invalid, or names a user-supplied file that does not exist.
    """
    key = f"weights.{name}"
    check_schema(leaf, schema, key)
    check_target(leaf["build"], f"{key}.build")
    if "n" in leaf and leaf["kind"] != "table":
        raise ConfigError(
            f"{key}.n: only tables have points; an encoder is evaluated at the sample of the experiment"
        )
    try:
        if leaf["kind"] == "released":
            _check_source(leaf)
            return _absent(leaf, name, experiment)
        custom.check(leaf["build"], name)
        if (leaf["kind"] == "table") != (leaf["build"]["_target_"] == TABLE):
            made = "a table" if leaf["kind"] == "own" else "an encoder, kind: own"
            raise ValueError(f"{key}.kind: {leaf['build']['_target_']} makes {made}")
    except ValueError as error:
        raise ConfigError(str(error) if str(error).startswith(key) else f"{key}.build.{error}") from None
    return ""


def _check_source(leaf: Plain) -> None:
    """Check that the path of a packaged file stays inside the package."""
    source = leaf["build"]["source"]
    if "package" in source and ".." in PurePosixPath(source["file"]).parts:
        raise ValueError(f"source.file: {source['file']!r} leads out of the package")


def _absent(leaf: Plain, name: str, experiment: str) -> str:
    """Describe the files of released weights that are missing or whose checksum is not accepted yet."""
    if not sources.are_available(leaf["build"]):
        return sources.missing(leaf["build"], name, experiment, leaf["about"]["address"])
    missing_digest = sources.missing_digest(leaf["build"])
    return f"weights.{name}.{missing_digest}" if missing_digest else ""


def variant_name(name: str) -> str:
    """The name of the variant with the weights `name`: a leaf in a folder is named folder_leaf."""
    return name.replace("/", "_")


def leaves(settings: Plain) -> dict[str, str]:
    """The leaves of weights that the branches of an experiment name, by the names of their variants."""
    named = {name for axes in settings["branches"].values() for name in axes.get("weights", ())}
    return {variant_name(name): name for name in named}


def axes(leaf: Plain) -> Plain:
    """The axes of the variant: as the leaf states them, or empty."""
    return {
        "model": leaf["model"],
        "resolution": leaf.get("resolution", ""),
        "modality": leaf.get("modality", ""),
        "objective": "",
        "schedule": "",
        "weights": leaf["kind"],
        "seed": "",
    }


def points(leaf: Plain, name: str) -> tuple[str, Plain] | None:
    """Name and config of the point set of a table of embeddings; None for an encoder."""
    if leaf["kind"] != "table":
        return None
    kind = f"own-{variant_name(name)}"
    table = leaf["build"]
    built = {
        "_target_": POINTS,
        "path": table["file"],
        "longitude": table.get("longitude"),
        "latitude": table.get("latitude"),
        # Rows without data have no point either.
        **({key: table.get(key) for key in OF_VALUES} if leaves_rows_out(table) else {}),
    }
    draw = {"kind": kind, "n": leaf["n"], "seed": 0, "replicate": 0, "build": built}
    return f"{kind}-{leaf['n']}-r0", draw


def leaves_rows_out(table: Plain) -> bool:
    """Whether rows of a table may be omitted because of the values of their features."""
    return table.get("no_data") not in (None, []) or table.get("dequantise") == ALPHAEARTH


def files(leaf: Plain) -> list[str]:
    """The user-supplied files of a leaf; if one changes, the variant changes."""
    return custom.files(leaf["build"]) if leaf["kind"] in ("own", "table") else []


def check_available(missing: Sequence[str], any_left: bool, key: str) -> None:
    """Reject an experiment whose required files are missing; one error names all of them.

    Parameters
    ----------
    missing : sequence of str
        Messages about missing files of branches that are not optional.
    any_left : bool
        Whether any variant is left.
    key : str
        The experiment's key.

    Raises
    ------
    ConfigError
        With all messages.
    """
    if missing:
        raise ConfigError(" ".join(f"{sentence.rstrip('.')}." for sentence in dict.fromkeys(missing)))
    if not any_left:
        raise ConfigError(f"{key}.branches: none of the weights that they name are available")


def check_cells(variants: Mapping[str, Variant], cell: Sequence[str], key: str) -> None:
    """Reject two external encoders that would be averaged like two seeds of one cell.

    Parameters
    ----------
    variants : mapping
        Name -> variant.
    cell : sequence of str
        Columns that define a cell, from config/statistics: family, and axes.
    key : str
        The experiment's key.

    Raises
    ------
    ConfigError
        Naming both.
    """
    seen: dict[tuple, str] = {}
    for variant in variants.values():
        if variant.kind in EXTERNAL and variant.counted:
            known = {**variant.axes, "family": variant.config["model"]["family"]}
            other = seen.setdefault(tuple(known.get(name, "") for name in cell), variant.name)
            if other != variant.name:
                raise ConfigError(
                    f"{key}.branches: {other} and {variant.name} would be one cell of the correlation; give their "
                    "weights a resolution or a modality, another model, or counted: false"
                )
