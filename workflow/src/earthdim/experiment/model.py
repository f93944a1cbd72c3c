"""A resolved experiment: everything that the rules need, as plain values."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from earthdim.experiment.validation import ConfigError

Plain = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """One encoder of the grid.

    Attributes
    ----------
    name : str
        The tokens of its axes.
    axes : dict
        Axis -> leaf or seed; an axis that does not apply is "".
    config : dict
        The resolved config: model, weights, seed and, when it is trained, modality and schedule.
    features : dict
        Source of the modality -> name of the feature store (trained variants only).
    branches : tuple of str
        The experiment's branches that name it.
    twin : str
        Name of its untrained twin in the same experiment, or "".
    """

    name: str
    axes: Plain
    config: Plain
    features: dict[str, str] = field(default_factory=dict)
    branches: tuple[str, ...] = ()
    twin: str = ""

    @property
    def kind(self) -> str:
        """trained, untrained, released, own or table."""
        return self.config["weights"]["kind"]

    @property
    def counted(self) -> bool:
        """Whether it is part of a cell of the correlation.

        What was trained here is, and a user's own unless its leaf says no; released weights are if theirs says yes.
        """
        default = self.kind not in ("untrained", "released")
        return bool(self.config["weights"].get("counted", default))


@dataclass(frozen=True)
class Missing:
    """Released weights that an experiment names and that are not at hand.

    Attributes
    ----------
    leaf : dict
        The leaf of config/weights.
    message : str
        What to fetch, and where to put it.
    """

    leaf: Plain
    message: str


@dataclass(frozen=True)
class Experiment:
    """A resolved experiment.

    Attributes
    ----------
    name : str
        The leaf's name; overrides that change anything add `@` and eight digits.
    settings : dict
        The leaf of config/experiment itself.
    variants : dict
        Name -> Variant.
    missing : dict
        Name of a variant that is left out -> Missing.
    points, features, datasets : dict
        Name of a point set, feature store, data set -> its config.
    sample_points : tuple of str
        The point sets where the dimension is read, one a replicate.
    own_points : dict
        Name of a variant that brings its own points -> their point set: its dimension and its probes are read there.
    task_points : str
        The point set of the tasks; "" where the experiment has none.
    estimators, tasks, splits, heads : dict
        Name -> leaf; the last three are empty where dimension alone is measured.
    scale : dict
        Empty, or variants, sizes (point set -> numbers of points) and estimators, all by name.
    costly : dict
        Empty, or variants, n and estimators.
    jacobian : dict
        Empty, or variants and n.
    shown : dict
        What figures of one measure show: estimator, head, split, optimistic_split, and kinds of heads.
    cell : tuple of str
        Columns of variants.csv that make a cell, what is averaged in correlations and figures: those of the statistics.
    statistics, neighbours, subsampling, intervals : dict
        Settings of the correlation, of graphs, and of intervals; statistics is empty without tasks.
    math_threads : int
        Threads of every job.
    pretraining : dict
        Where variants are trained: device.
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
        """The variants of one branch.

        Raises
        ------
        ConfigError
            If no branch is named, or the experiment has none of that name.
        """
        known = list(self.settings["branches"])
        if name is None:
            raise ConfigError(
                f"branch: say which one: --config branch=NAME; {self.name} has {', '.join(known)}"
            )
        if name not in known:
            raise ConfigError(f"branch: {name!r} is not a branch of {self.name}; it has {', '.join(known)}")
        found = list(in_branches(self.variants, [name]))
        if not found:
            messages = " ".join(absent.message for absent in self.missing.values())
            raise ConfigError(f"branch: nothing is at hand of {name}. {messages}")
        return found


def in_branches(variants: dict[str, Variant], branches: list[str]) -> Iterator[Variant]:
    """The variants that any of the branches names, in the order of the grid."""
    return (variant for variant in variants.values() if set(branches) & set(variant.branches))


def twins(variants: Iterable[Variant]) -> dict[str, str]:
    """Name of a trained variant -> its twin, the first untrained one with the same encoder and seed."""
    untrained: dict[tuple, list[Variant]] = {}
    trained = []
    for variant in variants:
        if variant.kind == "trained":
            trained.append(variant)
        elif variant.kind == "untrained":
            untrained.setdefault(_draw(variant), []).append(variant)
    found: dict[str, str] = {}
    for variant in trained:
        for twin in untrained.get(_draw(variant), []):
            if twin.config["model"] == variant.config["model"]:
                found.setdefault(variant.name, twin.name)
    return found


def _draw(variant: Variant) -> tuple:
    """What besides the model decides an untrained encoder; few variants have it in common."""
    return tuple(variant.config[part] for part in ("seed", "math_threads"))
