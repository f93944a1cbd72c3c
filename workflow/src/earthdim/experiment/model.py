"""The resolved experiment: all values that the rules need."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from earthdim.experiment.validation import ConfigError
from earthdim.storage.schema import CONTROLS, TRAINED

Plain = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """One encoder of the grid.

    Attributes
    ----------
    name : str
        The tokens of its axes.
    axes : dict
        Axis -> leaf or seed; "" for an axis that does not apply.
    config : dict
        The resolved config: model, weights, seed and, when it is trained or shuffled, modality and schedule.
    features : dict
        Source of the modality -> name of the feature store; trained and shuffled variants only.
    branches : tuple of str
        The experiment's branches that name it.
    twin : str
        Name of its untrained twin in the same experiment, or "".
    shuffled : str
        Name of the variant with the same axes that was trained on shuffled pairs, or "".
    raw : str
        Name of the variant that is its positional encoding alone, or "".
    """

    name: str
    axes: Plain
    config: Plain
    features: dict[str, str] = field(default_factory=dict)
    branches: tuple[str, ...] = ()
    twin: str = ""
    shuffled: str = ""
    raw: str = ""

    @property
    def kind(self) -> str:
        """trained, shuffled, untrained, raw, released, own or table."""
        return self.config["weights"]["kind"]

    @property
    def counted(self) -> bool:
        """Whether the variant enters the correlation.

        By default trained variants, custom encoders and tables do; controls and released ones do not. The key
        `counted` of a leaf of config/weights overrides this.
        """
        default = self.kind not in (*CONTROLS, "released")
        return bool(self.config["weights"].get("counted", default))


@dataclass(frozen=True)
class Missing:
    """Released weights that an experiment names and that are not available locally.

    Attributes
    ----------
    leaf : dict
        The leaf of config/weights.
    message : str
        Instructions: the file to fetch and its destination.
    """

    leaf: Plain
    message: str


@dataclass(frozen=True)
class Experiment:
    """A resolved experiment.

    Attributes
    ----------
    name : str
        Name of the leaf; overrides that change a value append `@` and eight digits.
    settings : dict
        The leaf of config/experiment itself.
    variants : dict
        Name -> Variant.
    missing : dict
        Name of an omitted variant -> Missing.
    points, features, datasets : dict
        Name of a point set, feature store, data set -> its config.
    sample_points : tuple of str
        Point sets at which the dimension is measured, one per replicate.
    own_points : dict
        Name of a table of embeddings -> its point set, at which it is measured and probed.
    task_points : str
        Point set of the tasks; "" without tasks.
    estimators, tasks, splits, heads : dict
        Name -> leaf; the last three are empty if only the dimension is measured.
    scale : dict
        Empty, or variants, sizes (point set -> numbers of points) and estimators, by name.
    costly : dict
        Empty, or variants, n and estimators.
    jacobian : dict
        Empty, or variants and n.
    shown : dict
        Selection shown by figures of one measure: estimator, head, split, optimistic_split, and kinds of heads.
    cell : tuple of str
        Columns of variants.csv that define a cell; correlations and figures average over the variants of a cell.
    statistics, neighbours, subsampling, intervals : dict
        Settings of the correlation, of graphs and of intervals; statistics is empty without tasks.
    math_threads : int
        Math threads per job.
    pretraining : dict
        `device` on which variants are trained.
    """

    name: str
    settings: Plain
    variants: dict[str, Variant]
    missing: dict[str, Missing]
    points: dict[str, Plain]
    sample_points: tuple[str, ...]
    own_points: dict[str, str]
    task_points: str
    features: dict[str, Plain]
    datasets: dict[str, Plain]
    estimators: dict[str, Plain]
    tasks: dict[str, Plain]
    splits: dict[str, Plain]
    heads: dict[str, Plain]
    scale: Plain
    costly: Plain
    jacobian: Plain
    shown: Plain
    statistics: Plain
    neighbours: Plain
    subsampling: Plain
    intervals: Plain
    math_threads: int
    pretraining: Plain
    cell: tuple[str, ...]

    def branch(self, name: str | None) -> list[Variant]:
        """Return the variants of one branch.

        Raises
        ------
        ConfigError
            If the name is None or unknown, or no variant of the branch is available.
        """
        known = list(self.settings["branches"])
        if name is None:
            raise ConfigError(
                f"branch: is missing; select one by --config branch=NAME; {self.name} has {', '.join(known)}"
            )
        if name not in known:
            raise ConfigError(f"branch: {name!r} is not a branch of {self.name}; it has {', '.join(known)}")
        found = list(in_branches(self.variants, [name]))
        if not found:
            messages = " ".join(absent.message for absent in self.missing.values())
            raise ConfigError(f"branch: no variant of {name} is available. {messages}")
        return found


def in_branches(variants: dict[str, Variant], branches: list[str]) -> Iterator[Variant]:
    """Yield the variants that belong to any of the branches, in the order of the grid."""
    return (variant for variant in variants.values() if set(branches) & set(variant.branches))


def twins(variants: Iterable[Variant]) -> dict[str, str]:
    """Name of a trained or shuffled variant -> its twin, the first untrained one with the same encoder and seed.

    Objective and optimiser are no part of the encoder, so variants that differ only in them can share one twin; one of
    the same model is preferred.
    """
    untrained: dict[tuple, list[Variant]] = {}
    trained = []
    for variant in variants:
        if variant.kind in TRAINED:
            trained.append(variant)
        elif variant.kind == "untrained":
            untrained.setdefault(_initialisation(variant), []).append(variant)
    found: dict[str, str] = {}
    for variant in trained:
        same = [
            twin
            for twin in untrained.get(_initialisation(variant), [])
            if _encoder(twin) == _encoder(variant)
        ]
        own = [twin for twin in same if twin.axes["model"] == variant.axes["model"]]
        for twin in (own or same)[:1]:
            found[variant.name] = twin.name
    return found


def counterparts(variants: Iterable[Variant]) -> dict[str, dict[str, str]]:
    """Name of a variant -> its counterparts among the controls, by the attributes of `Variant` that name them.

    A trained variant has the shuffled one whose configuration differs in its weights alone. A variant with a network
    of its own has the first raw one with the same positional encoding.
    """
    known = list(variants)
    shuffled = {_axes(variant): variant for variant in known if variant.kind == "shuffled"}
    raw = [variant for variant in known if variant.kind == "raw"]
    found = {variant: {"twin": twin} for variant, twin in twins(known).items()}
    for variant in known:
        other = shuffled.get(_axes(variant)) if variant.kind == "trained" else None
        if other is not None and _apart_from_weights(other) == _apart_from_weights(variant):
            found.setdefault(variant.name, {})["shuffled"] = other.name
        if variant.kind in (*TRAINED, "untrained"):
            same = (one.name for one in raw if _encoding(one) == _encoding(variant))
            found.setdefault(variant.name, {})["raw"] = next(same, "")
    return found


def _axes(variant: Variant) -> tuple:
    """The axes of a variant without its weights."""
    return tuple(value for axis, value in variant.axes.items() if axis != "weights")


def _apart_from_weights(variant: Variant) -> Plain:
    return {key: value for key, value in variant.config.items() if key != "weights"}


def _encoding(variant: Variant) -> Plain:
    return variant.config["model"]["encoding"]


def _encoder(variant: Variant) -> Plain:
    """What the initial weights follow from, and the family."""
    return {key: variant.config["model"][key] for key in ("family", "encoding", "network")}


def _initialisation(variant: Variant) -> tuple:
    """Key of the initial weights apart from the model; few variants share it."""
    return tuple(variant.config[part] for part in ("seed", "math_threads"))
