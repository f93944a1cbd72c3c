"""Experiment -> branches -> variants -> resolved config, point sets and leaves, all with names of their own.

The leaves of a variant are merged as plain dicts (a test shows that merging equals composing). Overrides are applied to
what was merged; whatever they change gets a name of its own, so that they never overwrite.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earthdim.artefacts import AXES
from earthdim.composition import ALONG, LeafStore, Override, Plain, merge, parse_overrides
from earthdim.leaves import ConfigError, check_schema, check_target
from earthdim.provenance import digest, is_installed

SCHEMAS = Path(__file__).parents[2] / "schemas"
# The axes that decide what a variant is, by the kind of its weights: an untrained network has seen no data.
AXES_OF_KIND = {
    "trained": ("model", "resolution", "modality", "schedule", "weights", "seed"),
    "untrained": ("model", "resolution", "weights", "seed"),
    "released": ("model", "weights"),
}
# An axis at its default leaves no token in names.
AXIS_DEFAULTS = {"weights": "trained"}
# What every draw of points needs.
LAND_DATASET = "land-mask"
# What a task's leaf says beside the arguments of its target.
ESTIMATOR_KEYS = frozenset({"name", "reads", "k", "aggregation"})
TASK_KEYS = frozenset({"about", "kind", "dataset", "leaked_by", "leaked_in_part_by"})


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
        """trained, untrained or released."""
        return self.config["weights"]["kind"]


@dataclass(frozen=True)
class Experiment:
    """A resolved experiment: everything that the rules need, as plain values."""

    name: str
    settings: Plain
    variants: dict[str, Variant]
    points: dict[str, Plain]
    sample_points: tuple[str, ...]
    task_points: str
    features: dict[str, Plain]
    datasets: dict[str, Plain]
    estimators: dict[str, Plain]
    tasks: dict[str, Plain]
    splits: dict[str, Plain]
    heads: dict[str, Plain]
    statistics: Plain
    neighbours: Plain
    intervals: Plain
    math_threads: int

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
        return [variant for variant in self.variants.values() if name in variant.branches]


def resolve(
    folder: Path, experiment: str, overrides: Iterable[str] = (), cache: Path | None = None
) -> Experiment:
    """Resolve an experiment of the config folder into variants, point sets and leaves.

    Parameters
    ----------
    folder : path
        The config folder.
    experiment : str
        A leaf of `config/experiment`.
    overrides : iterable of str
        `key=value` in Hydra's grammar; see the module's docstring.
    cache : path, optional
        Folder for composed leaves.

    Raises
    ------
    ConfigError
        For any mistake in the config or the overrides, naming the key.
    """
    store = LeafStore(folder, cache)
    parsed = parse_overrides(overrides)
    plain = _Resolver(store, experiment, []).experiment()
    result = plain
    if parsed:
        result = _Resolver(store, experiment, parsed, plain).experiment()
        for override in parsed:
            if not override.used:
                raise ConfigError(
                    f"overrides: {override.text!r}: nothing in {experiment} has the key {'.'.join(override.path)}"
                )
    store.save()
    return result


class _Resolver:
    """Resolves one experiment; with overrides, against the plain one that says which names are taken."""

    def __init__(
        self, store: LeafStore, name: str, overrides: list[Override], plain: Experiment | None = None
    ):
        self.store, self.name, self.overrides, self.plain = store, name, overrides, plain
        key = f"experiment.{name}"
        self.settings = self._over(store.get("experiment", name, "experiment")["experiment"], ("experiment",))
        check_schema(self.settings, SCHEMAS / "experiment.schema.yaml", key)
        self.key = key

    def experiment(self) -> Experiment:
        settings = self.settings
        root = self.store.root()
        threads = root["math_threads"]
        if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
            raise ConfigError(f"math_threads: {threads!r} is not a positive number of threads")
        points: dict[str, Plain] = {}
        sample_points = self._points("sample", settings["sample"], points)
        (task_points, *_) = self._points("task_sample", settings["task_sample"], points)
        tasks = self._many("task", settings["tasks"], beside=TASK_KEYS)
        features: dict[str, Plain] = {}
        datasets: dict[str, Plain] = {}
        variants = self._variants(threads, features, points)
        for source in features.values():
            self._dataset(
                source["config"]["dataset"], f"modality.sources.{source['source']}.dataset", datasets
            )
        for name, task in tasks.items():
            self._dataset(task["dataset"], f"task.{name}.dataset", datasets)
        for name in (LAND_DATASET, *settings["datasets"]):
            self._dataset(name, f"{self.key}.datasets", datasets)
        statistics = self._over(
            self.store.get("statistics", settings["statistics"], f"{self.key}.statistics"), ()
        )
        resolved = {
            "settings": settings,
            "variants": variants,
            "points": points,
            "sample_points": sample_points,
            "task_points": task_points,
            "features": features,
            "datasets": datasets,
            "estimators": self._estimators(root["neighbours"]["k"]),
            "tasks": tasks,
            "splits": self._many("split", settings["splits"]),
            "heads": self._many(
                "head", sorted({head for heads in settings["heads"].values() for head in heads})
            ),
            "statistics": statistics["statistics"],
            "neighbours": root["neighbours"],
            "intervals": root["intervals"],
            "math_threads": threads,
        }
        return Experiment(name=self._experiment_name(resolved), **resolved)

    def _experiment_name(self, resolved: Plain) -> str:
        if self.plain is None or all(getattr(self.plain, key) == value for key, value in resolved.items()):
            return self.name
        parts = {key: value for key, value in resolved.items() if key != "variants"}
        parts["variants"] = {name: variant.config for name, variant in resolved["variants"].items()}
        return f"{self.name}@{digest(parts, 8)}"

    def _over(self, value: Plain, at: tuple[str, ...]) -> Plain:
        """`value`, which stands at the path `at`, with the overrides that reach into it."""
        for override in self.overrides:
            if override.path[: len(at)] == at:
                value = override.apply(value, override.path[len(at) :])
        return value

    def _suffix(self, config: object, plain: object) -> str:
        """`@` and eight digits when overrides made `config` differ from its leaves."""
        return "" if config == plain else f"@{digest(config, 8)}"

    def _leaf(self, group: str, name: str, key: str) -> tuple[Plain, Plain]:
        """A leaf of a group of many: as overridden, and as it stands in config."""
        plain = self.store.get(group, name, key)[group]
        return self._over(plain, (group, name)), plain

    def _many(
        self, group: str, names: Sequence[str], beside: frozenset[str] = frozenset()
    ) -> dict[str, Plain]:
        result = {}
        for name in names:
            leaf, _ = self._leaf(group, name, f"{self.key}.{group}s")
            check_schema(leaf, SCHEMAS / f"{group}.schema.yaml", f"{group}.{name}")
            check_target(leaf, f"{group}.{name}", beside)
            result[name] = leaf
        return result

    def _estimators(self, depth: int) -> dict[str, Plain]:
        """The estimators that the experiment names, none of which looks further than the graphs go."""
        named = [*self.settings["estimators"], self.settings["local_estimator"]]
        leaves = self._many("estimator", [*named, self.settings["activation_estimator"]], ESTIMATOR_KEYS)
        local, activation = (leaves[self.settings[f"{role}_estimator"]] for role in ("local", "activation"))
        if (
            self.settings["local_estimator"] not in self.settings["estimators"]
            or local["reads"] != "neighbours"
        ):
            raise ConfigError(f"{self.key}.local_estimator: must be one of estimators that reads neighbours")
        if activation["reads"] == "points":
            raise ConfigError(f"{self.key}.activation_estimator: must read neighbours or distances")
        for name, leaf in leaves.items():
            if leaf["reads"] != "points" and leaf["k"] > depth:
                raise ConfigError(
                    f"estimator.{name}.k: {leaf['k']} is above neighbours.k = {depth} of config.yaml"
                )
        return leaves

    def _points(self, role: str, name: str, points: dict[str, Plain]) -> tuple[str, ...]:
        plain = self.store.get("sample", name, f"{self.key}.{role}")["sample"]
        leaf = self._over(plain, (role,))
        check_schema(leaf, SCHEMAS / "sample.schema.yaml", role)
        check_target(leaf, role, frozenset({"kind", "n", "replicates", "seed"}))
        if leaf["n"] < self.store.root()["neighbours"]["k"] + 2:
            raise ConfigError(f"{role}.n: {leaf['n']} points are too few for neighbours.k of config.yaml")
        names = []
        for replicate in range(leaf["replicates"]):
            base = {key: value for key, value in leaf.items() if key != "replicates"}
            untouched = {key: value for key, value in plain.items() if key != "replicates"}
            point_set = f"{leaf['kind']}-{leaf['n']}-r{replicate}{self._suffix(base, untouched)}"
            self._claim(points, point_set, {**base, "replicate": replicate}, role)
            names.append(point_set)
        return tuple(names)

    def _claim(self, names: dict[str, Plain], name: str, config: Plain, key: str) -> None:
        """Take a name for a config; two configs never share one."""
        if names.setdefault(name, config) != config:
            raise ConfigError(f"{key}: the name {name!r} would stand for two different configs")

    def _dataset(self, name: str, key: str, datasets: dict[str, Plain]) -> str:
        leaf = self.store.get("dataset", name, key)["dataset"]
        check_schema(leaf, SCHEMAS / "dataset.schema.yaml", f"dataset.{name}")
        check_target(leaf, f"dataset.{name}", frozenset({"about"}))
        if "path" in leaf and not Path(leaf["path"]).exists():
            raise ConfigError(f"dataset.{name}.path: {leaf['path']} does not exist")
        for package in leaf["about"]["package"].split():
            if not is_installed(package):
                raise ConfigError(f"dataset.{name}.about.package: {package} is not installed")
        datasets.setdefault(name, leaf)
        return name

    def _variants(
        self, threads: int, features: dict[str, Plain], points: dict[str, Plain]
    ) -> dict[str, Variant]:
        made: dict[str, Variant] = {}
        for branch, axes in self.settings["branches"].items():
            for cell in self._cells(branch, axes):
                variant = self._variant(cell, branch, threads, features, points)
                known = made.get(variant.name, variant)
                if known.config != variant.config:
                    raise ConfigError(
                        f"{self.key}.branches.{branch}: the name {variant.name!r} would stand for two different configs"
                    )
                branches = known.branches if branch in known.branches else (*known.branches, branch)
                made[variant.name] = _with(known, branches=branches)
        return {name: _with(variant, twin=_twin_of(variant, made)) for name, variant in made.items()}

    def _cells(self, branch: str, axes: Mapping[str, list]) -> Iterator[Plain]:
        key = f"{self.key}.branches.{branch}"
        values = {
            axis: list(axes.get(axis, [AXIS_DEFAULTS[axis]] if axis in AXIS_DEFAULTS else [""]))
            for axis in AXES
        }
        for combination in itertools.product(*values.values()):
            cell = dict(zip(AXES, combination, strict=True))
            kind = self.store.get("weights", cell["weights"], f"{key}.weights")["weights"]["kind"]
            if kind not in AXES_OF_KIND:
                raise ConfigError(
                    f"weights.{cell['weights']}.kind: {kind!r} is none of {', '.join(AXES_OF_KIND)}"
                )
            for axis in AXES_OF_KIND[kind]:
                if cell[axis] == "":
                    raise ConfigError(f"{key}.{axis}: is missing, and {cell['weights']} weights need it")
            yield {axis: cell[axis] if axis in AXES_OF_KIND[kind] else "" for axis in AXES}

    def _variant(
        self, cell: Plain, branch: str, threads: int, features: dict[str, Plain], points: dict[str, Plain]
    ) -> Variant:
        key = f"{self.key}.branches.{branch}"
        plain = self._merged(cell, key)
        config = plain
        for override in self.overrides:
            if override.path[0] in ALONG:
                config = override.apply(config, override.path)
        config = {**config, "math_threads": threads, "seed": cell["seed"]}
        plain = {**plain, "math_threads": self.store.root()["math_threads"], "seed": cell["seed"]}
        self._check_variant(config, cell, key)
        if config["weights"]["kind"] == "released":
            # The weights bring their own encoder; of the model's recipe only the family is theirs.
            config = {**config, "model": {"family": config["model"]["family"]}}
            plain = {**plain, "model": {"family": plain["model"]["family"]}}
        used = {}
        if config["weights"]["kind"] == "trained":
            used = self._features(config, plain, features, points)
        tokens = [
            f"s{value}" if axis == "seed" else str(value).rpartition("/")[2]
            for axis, value in cell.items()
            if value not in ("", AXIS_DEFAULTS.get(axis))
        ]
        name = "_".join(tokens) + self._suffix(config, plain)
        axes = {**cell, "weights": config["weights"]["kind"]}
        return Variant(name=name, axes=axes, config=config, features=used, branches=(branch,))

    def _merged(self, cell: Plain, key: str) -> Plain:
        """The leaves of a cell's axes, merged in the order of config.yaml's defaults list."""
        merged: Plain = {}
        for axis in ("model", "resolution", "modality", "schedule", "weights"):
            if cell[axis] != "":
                merged = merge(merged, self.store.get(axis, cell[axis], f"{key}.{axis}"))
        return merged

    def _check_variant(self, config: Plain, cell: Plain, key: str) -> None:
        model = config["model"]
        fits = config.get("resolution", {}).get("encoding", model["encoding"]["_target_"])
        if fits != model["encoding"]["_target_"]:
            raise ConfigError(
                f"{key}.resolution: {cell['resolution']!r} sets {fits}, which the model {cell['model']!r} does not have"
            )
        if config["weights"]["kind"] == "released":
            if config["weights"]["model"] != cell["model"]:
                raise ConfigError(
                    f"{key}.weights: {cell['weights']!r} belong to {config['weights']['model']}, not to {cell['model']}"
                )
            return
        check_schema(model, SCHEMAS / "model.schema.yaml", "model")
        for part, beside in (("encoding", ()), ("network", ()), ("objective", ())):
            check_target(model[part], f"model.{part}", frozenset(beside))
        if "schedule" in config:
            check_schema(config["schedule"], SCHEMAS / "schedule.schema.yaml", "schedule")
            _check_schedule(config["schedule"])
            check_schema(config["modality"], SCHEMAS / "modality.schema.yaml", "modality")

    def _features(
        self, config: Plain, plain: Plain, features: dict[str, Plain], points: dict[str, Plain]
    ) -> dict[str, str]:
        """Name the feature store of each source at the schedule's locations."""
        schedule = config["schedule"]
        total = schedule["locations"] + schedule["validation"]
        drawn, untouched = (
            {key: leaf["schedule"][key] for key in ("locations", "validation", "seed")}
            for leaf in (config, plain)
        )
        point_set = f"train-land-{total}-r0{self._suffix(drawn, untouched)}"
        draw = {
            "_target_": "earthdim.samples.land",
            "kind": "train-land",
            "n": total,
            "seed": schedule["seed"],
            "replicate": 0,
        }
        self._claim(points, point_set, draw, "schedule.locations")
        names = {}
        for source, leaf in config["modality"]["sources"].items():
            check_target(leaf, f"modality.sources.{source}", frozenset({"about"}))
            changed = self._suffix([leaf, drawn], [plain["modality"]["sources"].get(source), untouched])
            name = f"{source}-{total}{changed}"
            self._claim(
                features,
                name,
                {"source": source, "points": point_set, "config": leaf},
                f"modality.sources.{source}",
            )
            names[source] = name
        return names


def _check_schedule(schedule: Plain) -> None:
    for name in ("batch", "candidates"):
        if schedule["validation"] % schedule[name]:
            raise ConfigError(
                f"schedule.validation: {schedule['validation']} is no multiple of {name} {schedule[name]}"
            )
    if schedule["warmup_steps"] >= schedule["steps"]:
        raise ConfigError(
            f"schedule.warmup_steps: {schedule['warmup_steps']} is not below steps {schedule['steps']}"
        )
    if schedule["locations"] < schedule["batch"]:
        raise ConfigError(
            f"schedule.batch: {schedule['batch']} is more than the {schedule['locations']} locations"
        )


def _with(variant: Variant, **changes: Any) -> Variant:
    return Variant(**{**vars(variant), **changes})


def _twin_of(variant: Variant, variants: Mapping[str, Variant]) -> str:
    """The untrained variant with the same encoder and seed."""
    if variant.kind != "trained":
        return ""
    for other in variants.values():
        same = all(
            other.config.get(part) == variant.config[part] for part in ("model", "seed", "math_threads")
        )
        if other.kind == "untrained" and same:
            return other.name
    return ""
