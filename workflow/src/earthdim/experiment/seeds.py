"""Full seeds: the seed of a variant sets all that is random in it, not only initialisation and training."""

from earthdim.experiment.model import Plain


def full(config: Plain, seed: int | str) -> Plain:
    """Add the seed of a variant to those of its schedule, of its sources and of its encoding, where they have one.

    Parameters
    ----------
    config : dict
        Merged leaves of a variant.
    seed : int or str
        "" leaves them as they are.
    """
    if seed == "":
        return config
    changed = {**config, "model": {**config["model"], "encoding": _added(config["model"]["encoding"], seed)}}
    if "schedule" in config:
        changed["schedule"] = _added(config["schedule"], seed)
    if "modality" in config:
        sources = {name: _added(leaf, seed) for name, leaf in config["modality"]["sources"].items()}
        changed["modality"] = {**config["modality"], "sources": sources}
    return changed


def _added(leaf: Plain, seed: int) -> Plain:
    return {**leaf, "seed": leaf["seed"] + seed} if "seed" in leaf else leaf


def of_encoding(cell: Plain, encoding: Plain) -> int | str:
    """The full seed of a cell without a schedule, untrained or raw, if its encoding is random; else "".

    Such a variant depends on the full seed through the frequencies of its encoding.
    """
    return cell["full"] if cell["schedule"] == "" and "seed" in encoding else ""


def tag(seed: int | str) -> str:
    """What a full seed appends to the names of the point set and of the features that it draws."""
    return "" if seed == "" else f"-s{seed}"
