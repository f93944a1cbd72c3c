"""Experiment -> branches -> variants -> resolved config, point sets and leaves, all with names of their own.

The leaves of a variant are merged as plain dicts (a test shows that merging equals composing). Overrides are applied to
what was merged; whatever they change gets a name of its own, so that they never overwrite.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from earthdim import checking, choices, frozen
from earthdim.artefacts import AXES, FROZEN
from earthdim.composition import ALONG, LeafStore, Override, merge, parse_overrides
from earthdim.experiment import Experiment, Missing, Plain, Variant, twin_of
from earthdim.leaves import ConfigError, check_schema, check_target
from earthdim.provenance import digest

SCHEMAS = Path(__file__).parents[2] / "schemas"
# The axes that decide what a variant is, by the kind of its weights: an untrained network has seen no data.
AXES_OF_KIND = {
    "trained": ("model", "resolution", "modality", "schedule", "weights", "seed"),
    "untrained": ("model", "resolution", "weights", "seed"),
    **dict.fromkeys(FROZEN, ("weights",)),
}
# An axis at its default leaves no token in names.
AXIS_DEFAULTS = {"weights": "trained"}
# What every draw of points needs.
LAND_DATASET = "land-mask"
# What leaves say beside the arguments of their target.
ESTIMATOR_KEYS = frozenset({"name", "reads", "k", "aggregation"})
SAMPLE_KEYS = frozenset({"kind", "n", "replicates", "seed", "dataset"})
TASK_KEYS = frozenset({"about", "kind", "dataset", "leaked_by", "leaked_in_part_by"})


def resolve(
    folder: Path,
    experiment: str,
    overrides: Iterable[str] = (),
    cache: Path | None = None,
    without: bool = False,
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
    without : bool
        Go on without released weights that are not at hand, in whichever branch: they are to be fetched.

    Raises
    ------
    ConfigError
        For any mistake in the config or the overrides, naming the key.
    """
    store = LeafStore(folder, cache)
    parsed = parse_overrides(overrides)
    plain = _Resolver(store, experiment, [], without=without).experiment()
    result = plain
    if parsed:
        result = _Resolver(store, experiment, parsed, plain, without).experiment()
        for override in parsed:
            if not override.used:
                raise ConfigError(
                    f"overrides: {override.text!r}: nothing in {experiment} has the key {'.'.join(override.path)}"
                )
    store.save()
    checking.check(result, store)
    return result


class _Resolver:
    """Resolves one experiment; with overrides, against the plain one that says which names are taken."""

    def __init__(
        self,
        store: LeafStore,
        name: str,
        overrides: list[Override],
        plain: Experiment | None = None,
        without: bool = False,
    ):
        self.store, self.name, self.overrides, self.plain = store, name, overrides, plain
        self.without = without
        self.missing: dict[str, Missing] = {}
        self.needed: list[str] = []
        self.own_points: dict[str, str] = {}
        key = f"experiment.{name}"
        self.settings = self._over(store.get("experiment", name, "experiment")["experiment"], ("experiment",))
        check_schema(self.settings, SCHEMAS / "experiment.schema.yaml", key)
        self.key = key

    def experiment(self) -> Experiment:
        settings = self.settings
        choices.check_branches(settings.get("optional", []), settings, f"{self.key}.optional")
        root = self.store.root()
        check_schema(root, SCHEMAS / "config.schema.yaml", "config")
        depth, threads = root["neighbours"]["k"], root["math_threads"]
        points: dict[str, Plain] = {}
        sample_points = self._points("sample", settings["sample"], points)
        estimators = self._estimators(depth)
        n, halves = points[sample_points[0]]["n"], root["subsampling"]
        choices.check_reach(settings["estimators"], estimators, n, "sample.n", halves)
        probing = self._probing(points)
        features: dict[str, Plain] = {}
        variants = self._variants(threads, features, points)
        for name in self.own_points.values():
            choices.check_reach(settings["estimators"], estimators, points[name]["n"], f"{name}: n", halves)
        known = (points, sample_points[0], estimators, variants)
        optional = {
            "scale": self._scale(*known, halves),
            "costly": self._costly(*known),
            "jacobian": self._jacobian(*known),
        }
        datasets = self._datasets(features, probing["tasks"], points)
        shown = {**root["shown"], **settings.get("shown", {})}
        choices.check_figures(settings, variants, datasets, shown, self.key)
        resolved = {
            "settings": settings,
            "variants": variants,
            "missing": self.missing,
            "points": points,
            "sample_points": sample_points,
            "own_points": self.own_points,
            "features": features,
            "datasets": datasets,
            "estimators": estimators,
            **probing,
            **optional,
            "shown": shown,
            "neighbours": root["neighbours"],
            "subsampling": halves,
            "intervals": root["intervals"],
            "math_threads": threads,
        }
        return Experiment(name=self._experiment_name(resolved), **resolved)

    def _probing(self, points: dict[str, Plain]) -> Plain:
        """Tasks, splits, heads, the points of the tasks and the correlation; all empty where there are no tasks."""
        settings = self.settings
        if not choices.probing(settings, self.key):
            return {"task_points": "", "tasks": {}, "splits": {}, "heads": {}, "statistics": {}}
        (task_points, *_) = self._points("task_sample", settings["task_sample"], points)
        heads = sorted({head for heads in settings["heads"].values() for head in heads})
        statistics = self.store.get("statistics", settings["statistics"], f"{self.key}.statistics")
        return {
            "task_points": task_points,
            "tasks": self._many("task", settings["tasks"], "tasks", TASK_KEYS),
            "splits": self._many("split", settings["splits"], "splits"),
            "heads": self._many("head", heads, "heads"),
            "statistics": self._over(statistics, ())["statistics"],
        }

    def _datasets(
        self, features: Mapping[str, Plain], tasks: Mapping[str, Plain], points: Mapping[str, Plain]
    ) -> dict[str, Plain]:
        """The data sets behind features, labels and points, and those that the experiment names for their own sake."""
        wanted = [
            (source["config"]["dataset"], f"modality.sources.{source['source']}.dataset")
            for source in features.values()
        ]
        wanted += [(task["dataset"], f"task.{name}.dataset") for name, task in tasks.items()]
        wanted += [(leaf["dataset"], "sample.dataset") for leaf in points.values() if "dataset" in leaf]
        wanted += [(name, f"{self.key}.datasets") for name in (LAND_DATASET, *self.settings["datasets"])]
        return {name: self._dataset(name, key) for name, key in wanted}

    def _scale(
        self,
        points: dict[str, Plain],
        sample: str,
        estimators: Plain,
        variants: Mapping[str, Variant],
        halves: Plain,
    ) -> Plain:
        chosen, key = self.settings.get("scale"), f"{self.key}.scale"
        if chosen is None:
            return {}
        sizes = {sample: self._sizes(chosen["sizes"], points[sample]["n"], f"{key}.sizes")}
        for name in chosen["supports"]:
            (support, *_) = self._points("scale.supports", name, points)
            if support in sizes:
                raise ConfigError(f"{key}.supports: {name!r} is named already, or is the sample itself")
            sizes[support] = [points[support]["n"]]
        for numbers in sizes.values():
            choices.check_reach(chosen["estimators"], estimators, numbers[0], f"{key}.sizes", halves)
        names = choices.chosen_variants(chosen["branches"], self.settings, variants, key)
        return {"variants": names, "sizes": sizes, "estimators": chosen["estimators"]}

    def _costly(
        self, points: dict[str, Plain], sample: str, estimators: Plain, variants: Mapping[str, Variant]
    ) -> Plain:
        chosen, key = self.settings.get("costly"), f"{self.key}.costly"
        if chosen is None:
            return {}
        (n,) = self._sizes([chosen["n"]], points[sample]["n"], f"{key}.n")
        choices.check_reach(chosen["estimators"], estimators, n, f"{key}.n")
        names = choices.chosen_variants(chosen["branches"], self.settings, variants, key)
        return {"variants": names, "n": n, "estimators": chosen["estimators"]}

    def _jacobian(
        self, points: dict[str, Plain], sample: str, estimators: Plain, variants: Mapping[str, Variant]
    ) -> Plain:
        chosen, key = self.settings.get("jacobian"), f"{self.key}.jacobian"
        if chosen is None:
            return {}
        (n,) = self._sizes([chosen["n"]], points[sample]["n"], f"{key}.n")
        return {"variants": choices.chosen_variants(chosen["branches"], self.settings, variants, key), "n": n}

    def _sizes(self, sizes: Sequence[int], n: int, key: str) -> list[int]:
        """Numbers of points, of which overrides may have left the sample fewer."""
        plain = self.plain and self.plain.points[self.plain.sample_points[0]]["n"]
        return choices.sizes_within(sizes, n, max(n, plain or 0), key)

    def _experiment_name(self, resolved: Plain) -> str:
        if self.plain is None or all(getattr(self.plain, key) == value for key, value in resolved.items()):
            return self.name
        parts = {key: value for key, value in resolved.items() if key not in ("variants", "missing")}
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
        self, group: str, names: Sequence[str], key: str, beside: frozenset[str] = frozenset()
    ) -> dict[str, Plain]:
        result = {}
        for name in names:
            leaf, _ = self._leaf(group, name, f"{self.key}.{key}")
            check_schema(leaf, SCHEMAS / f"{group}.schema.yaml", f"{group}.{name}")
            check_target(leaf, f"{group}.{name}", beside)
            result[name] = leaf
        return result

    def _estimators(self, depth: int) -> dict[str, Plain]:
        """All estimators that the experiment names, none of which looks further than the graphs go."""
        leaves: dict[str, Plain] = {}
        for part, names in choices.estimator_lists(self.settings).items():
            leaves |= self._many("estimator", names, part, ESTIMATOR_KEYS)
        choices.check_estimators(self.settings, leaves, depth, self.key)
        return leaves

    def _points(self, role: str, name: str, points: dict[str, Plain]) -> tuple[str, ...]:
        plain = self.store.get("sample", name, f"{self.key}.{role}")["sample"]
        leaf = self._over(plain, (role,))
        check_schema(leaf, SCHEMAS / "sample.schema.yaml", role)
        check_target(leaf, role, SAMPLE_KEYS)
        choices.check_support(leaf, role)
        self._check_enough(leaf, f"{role}.n")
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

    def _dataset(self, name: str, key: str) -> Plain:
        leaf = self.store.get("dataset", name, key)["dataset"]
        choices.check_dataset(leaf, SCHEMAS / "dataset.schema.yaml", f"dataset.{name}")
        return leaf

    def _variants(
        self, threads: int, features: dict[str, Plain], points: dict[str, Plain]
    ) -> dict[str, Variant]:
        made: dict[str, Variant] = {}
        for branch, axes in self.settings["branches"].items():
            for cell in self._cells(branch, axes):
                variant = self._variant(cell, branch, threads, features, points)
                if variant is None:
                    continue
                known = made.get(variant.name, variant)
                if known.config != variant.config:
                    raise ConfigError(
                        f"{self.key}.branches.{branch}: the name {variant.name!r} would stand for two different configs"
                    )
                branches = known.branches if branch in known.branches else (*known.branches, branch)
                made[variant.name] = replace(known, branches=branches)
        frozen.check_at_hand(self.needed, bool(made) or self.without, self.key)
        frozen.check_cells(made, self.key)
        return {name: replace(variant, twin=twin_of(variant, made)) for name, variant in made.items()}

    def _cells(self, branch: str, axes: Mapping[str, list]) -> Iterator[Plain]:
        key = f"{self.key}.branches.{branch}"
        values = {
            axis: list(axes.get(axis, [AXIS_DEFAULTS[axis]] if axis in AXIS_DEFAULTS else [""]))
            for axis in AXES
        }
        if not any(values["model"]) and not axes.get("weights"):
            raise ConfigError(f"{key}.model: is missing")
        for combination in itertools.product(*values.values()):
            cell = dict(zip(AXES, combination, strict=True))
            kind = self._weights(cell["weights"], f"{key}.weights")["kind"]
            for axis in AXES_OF_KIND[kind]:
                if cell[axis] == "" and not (axis == "resolution" and self._without_knob(cell["model"], key)):
                    raise ConfigError(f"{key}.{axis}: is missing, and {cell['weights']} weights need it")
            if kind in FROZEN:
                self._check_belongs(cell, key)
            yield {axis: cell[axis] if axis in AXES_OF_KIND[kind] else "" for axis in AXES}

    def _variant(
        self, cell: Plain, branch: str, threads: int, features: dict[str, Plain], points: dict[str, Plain]
    ) -> Variant | None:
        key = f"{self.key}.branches.{branch}"
        if self._weights(cell["weights"], f"{key}.weights")["kind"] in FROZEN:
            return self._frozen(cell["weights"], branch, threads, points)
        plain = self._merged(cell, key)
        config = plain
        for override in self.overrides:
            if override.path[0] in ALONG:
                config = override.apply(config, override.path)
        config = {**config, "math_threads": threads, "seed": cell["seed"]}
        plain = {**plain, "math_threads": self.store.root()["math_threads"], "seed": cell["seed"]}
        self._check_variant(config, cell, key)
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

    def _frozen(self, name: str, branch: str, threads: int, points: dict[str, Plain]) -> Variant | None:
        """The variant of an encoder that comes as it is; None where it is not at hand and need not be."""
        key = f"{self.key}.branches.{branch}"
        leaf = self._weights(name, f"{key}.weights")
        variant = frozen.variant_name(name)
        absent = frozen.check(leaf, name, SCHEMAS / "weights.schema.yaml", self.name)
        if absent:
            if branch not in self.settings.get("optional", []) and not self.without:
                self.needed.append(absent)
            self.missing[variant] = Missing(leaf, absent)
            return None
        own = frozen.points(leaf, name)
        if own is not None:
            self._check_enough(own[1], f"weights.{name}.n")
            self._claim(points, *own, f"weights.{name}")
            self.own_points[variant] = own[0]
        config = {
            "weights": leaf,
            "model": {"family": leaf["model"]},
            "math_threads": threads,
            "seed": "",
        }
        return Variant(name=variant, axes=frozen.axes(leaf), config=config, branches=(branch,))

    def _weights(self, name: str, key: str) -> Plain:
        """A leaf of weights, of a kind that there is."""
        leaf = self.store.get("weights", name, key)["weights"]
        if leaf.get("kind") not in AXES_OF_KIND:
            raise ConfigError(
                f"weights.{name}.kind: {leaf.get('kind')!r} is none of {', '.join(AXES_OF_KIND)}"
            )
        return leaf

    def _without_knob(self, model: str, key: str) -> bool:
        """Whether no leaf of config/resolution sets anything of a model."""
        encoding = self.store.get("model", model, f"{key}.model")["model"]["encoding"]["_target_"]
        leaves = (self.store.get("resolution", name, key) for name in self.store.options("resolution"))
        return not any(encoding in choices.encodings(leaf["resolution"]["encoding"]) for leaf in leaves)

    def _check_belongs(self, cell: Plain, key: str) -> None:
        """Refuse a branch that names a model beside weights of another."""
        leaf = self._weights(cell["weights"], f"{key}.weights")
        if cell["model"] not in ("", leaf.get("model")):
            raise ConfigError(
                f"{key}.weights: {cell['weights']!r} belong to {leaf.get('model')}, not to {cell['model']}"
            )

    def _check_enough(self, leaf: Plain, key: str) -> None:
        if leaf["n"] < self.store.root()["neighbours"]["k"] + 2:
            raise ConfigError(f"{key}: {leaf['n']} points are too few for neighbours.k of config.yaml")

    def _merged(self, cell: Plain, key: str) -> Plain:
        """The leaves of a cell's axes, merged in the order of config.yaml's defaults list."""
        merged: Plain = {}
        for axis in ("model", "resolution", "modality", "schedule", "weights"):
            if cell[axis] != "":
                merged = merge(merged, self.store.get(axis, cell[axis], f"{key}.{axis}"))
        return merged

    def _check_variant(self, config: Plain, cell: Plain, key: str) -> None:
        model = config["model"]
        encoding = model["encoding"]["_target_"]
        fits = config.get("resolution", {}).get("encoding", encoding)
        if encoding not in choices.encodings(fits):
            raise ConfigError(
                f"{key}.resolution: {cell['resolution']!r} sets {fits}, which the model {cell['model']!r} does not have"
            )
        check_schema(model, SCHEMAS / "model.schema.yaml", "model")
        for part, beside in (("encoding", ()), ("network", ()), ("objective", ())):
            check_target(model[part], f"model.{part}", frozenset(beside))
        if "schedule" in config:
            check_schema(config["schedule"], SCHEMAS / "schedule.schema.yaml", "schedule")
            choices.check_schedule(config["schedule"])
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
            "_target_": "earthdim.samples.area.land",
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
