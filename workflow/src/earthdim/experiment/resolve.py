"""Resolve an experiment: its branches, variants, point sets and leaves, each with a unique name.

The leaves of a variant are merged as plain dicts; a test compares merging with composition by Hydra. Overrides are
applied to the merged values. Names of the values that they change get a digest as suffix, so that overrides never
overwrite results.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from earthdim.experiment import checks, external, limits, parts
from earthdim.experiment.branches import Branches, claim, suffix
from earthdim.experiment.leaves import LeafStore
from earthdim.experiment.model import Experiment, Plain, Variant
from earthdim.experiment.overrides import Override, parse_overrides
from earthdim.experiment.targets import check_target
from earthdim.experiment.validation import SCHEMAS, ConfigError, check_schema
from earthdim.storage.digests import digest

# Data set that every sampler requires.
LAND_DATASET = "land-mask"
# Statistics that define a cell in experiments without tasks.
STATISTICS = "default"


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
        Whether released weights may be missing in any branch, because they will be fetched.

    Raises
    ------
    ConfigError
        For the first mistake in the config or the overrides, naming the key.
    """
    store = LeafStore(folder, cache)
    parsed = parse_overrides(overrides)
    plain = _Resolver(store, experiment, [], without=without).experiment()
    result = plain
    if parsed:
        result = _Resolver(store, experiment, parsed, plain, without).experiment()
        for override in parsed:
            if not override.used:
                raise ConfigError(f"overrides: {override.text!r}: {_unknown_key(override, experiment)}")
    checks.check(result, store)
    # After the checks, which also read leaves that the experiment does not use.
    store.save()
    return result


def _unknown_key(override: Override, experiment: str) -> str:
    """Return the message about an override that matches no key of the experiment."""
    group, *_ = override.path
    leveled = group in ("estimator", "sample", "task_sample") and "build" not in override.path
    hint = "; arguments of the target belong below build:" if leveled else ""
    return f"nothing in {experiment} has the key {'.'.join(override.path)}{hint}"


class _Resolver:
    """Resolve one experiment; with overrides, relative to the experiment without them, which reserves its names."""

    def __init__(
        self,
        store: LeafStore,
        name: str,
        overrides: list[Override],
        plain: Experiment | None = None,
        without: bool = False,
    ):
        self.store, self.name, self.overrides, self.plain = store, name, overrides, plain
        key = f"experiment.{name}"
        self.settings = self._over(store.get("experiment", name, "experiment")["experiment"], ("experiment",))
        check_schema(self.settings, SCHEMAS / "experiment.schema.yaml", key)
        self.key = key
        self.branches = Branches(store, name, self.settings, overrides, without)

    def experiment(self) -> Experiment:
        settings = self.settings
        parts.check_branches(settings.get("optional", []), settings, f"{self.key}.optional")
        root = self.store.root()
        check_schema(root, SCHEMAS / "config.schema.yaml", "config")
        depth, threads = root["neighbours"]["k"], root["math_threads"]
        points: dict[str, Plain] = {}
        sample_points = self._points("sample", settings["sample"], points)
        estimators = self._estimators(depth)
        n, halves = points[sample_points[0]]["n"], root["subsampling"]
        limits.check_k(settings["estimators"], estimators, n, "sample.n", halves)
        probing = self._probing(points)
        features: dict[str, Plain] = {}
        variants = self.branches.variants(threads, features, points)
        statistics = probing["statistics"] or self._statistics(STATISTICS)
        check_schema(statistics, SCHEMAS / "statistics.schema.yaml", "statistics")
        external.check_cells(variants, statistics["cell"], self.key)
        known = (points, sample_points[0], estimators, variants)
        optional = {
            "scale": self._scale(*known, halves),
            "costly": self._costly(*known),
            "jacobian": self._jacobian(*known),
        }
        datasets = self._datasets(features, probing["tasks"], points)
        shown = {**root["shown"], **settings.get("shown", {})}
        parts.check_figures(settings, variants, datasets, shown, len(sample_points), self.key)
        resolved = {
            "settings": settings,
            "variants": variants,
            "missing": self.branches.missing,
            "points": points,
            "sample_points": sample_points,
            "own_points": self.branches.own_points,
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
        # These two do not affect the name of the experiment.
        unnamed = {"pretraining": root["pretraining"], "cell": tuple(statistics["cell"])}
        return Experiment(name=self._experiment_name(resolved), **unnamed, **resolved)

    def _probing(self, points: dict[str, Plain]) -> Plain:
        """Tasks, splits, heads, points of the tasks, and statistics; all empty without tasks."""
        settings = self.settings
        if not parts.probing(settings, self.key):
            return {"task_points": "", "tasks": {}, "splits": {}, "heads": {}, "statistics": {}}
        (task_points, *_) = self._points("task_sample", settings["task_sample"], points)
        heads = sorted({head for heads in settings["heads"].values() for head in heads})
        return {
            "task_points": task_points,
            "tasks": self._many("task", settings["tasks"], "tasks"),
            "splits": self._many("split", settings["splits"], "splits"),
            "heads": self._many("head", heads, "heads"),
            "statistics": self._over(self._statistics(settings["statistics"]), ("statistics",)),
        }

    def _statistics(self, name: str) -> Plain:
        return self.store.get("statistics", name, f"{self.key}.statistics")["statistics"]

    def _datasets(
        self, features: Mapping[str, Plain], tasks: Mapping[str, Plain], points: Mapping[str, Plain]
    ) -> dict[str, Plain]:
        """The data sets of features, labels and points, and those listed under `datasets`."""
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
                raise ConfigError(f"{key}.supports: {name!r} is listed twice or is the sample itself")
            sizes[support] = [points[support]["n"]]
        for numbers in sizes.values():
            limits.check_k(chosen["estimators"], estimators, numbers[0], f"{key}.sizes", halves)
        names = parts.chosen_variants(chosen["branches"], self.settings, variants, key)
        return {"variants": names, "sizes": sizes, "estimators": chosen["estimators"]}

    def _costly(
        self, points: dict[str, Plain], sample: str, estimators: Plain, variants: Mapping[str, Variant]
    ) -> Plain:
        chosen, key = self.settings.get("costly"), f"{self.key}.costly"
        if chosen is None:
            return {}
        (n,) = self._sizes([chosen["n"]], points[sample]["n"], f"{key}.n")
        limits.check_k(chosen["estimators"], estimators, n, f"{key}.n")
        names = parts.chosen_variants(chosen["branches"], self.settings, variants, key)
        return {"variants": names, "n": n, "estimators": chosen["estimators"]}

    def _jacobian(
        self, points: dict[str, Plain], sample: str, estimators: Plain, variants: Mapping[str, Variant]
    ) -> Plain:
        chosen, key = self.settings.get("jacobian"), f"{self.key}.jacobian"
        if chosen is None:
            return {}
        (n,) = self._sizes([chosen["n"]], points[sample]["n"], f"{key}.n")
        return {"variants": parts.chosen_variants(chosen["branches"], self.settings, variants, key), "n": n}

    def _sizes(self, sizes: Sequence[int], n: int, key: str) -> list[int]:
        """Numbers of points, reduced if an override makes the sample smaller."""
        plain = self.plain and self.plain.points[self.plain.sample_points[0]]["n"]
        return limits.sizes_within(sizes, n, max(n, plain or 0), key)

    def _experiment_name(self, resolved: Plain) -> str:
        if self.plain is None or all(getattr(self.plain, key) == value for key, value in resolved.items()):
            return self.name
        known = {key: value for key, value in resolved.items() if key not in ("variants", "missing")}
        known["variants"] = {name: variant.config for name, variant in resolved["variants"].items()}
        return f"{self.name}@{digest(known, 8)}"

    def _over(self, value: Plain, at: tuple[str, ...]) -> Plain:
        """The value at the path `at`, with the overrides of keys below it."""
        for override in self.overrides:
            if override.path[: len(at)] == at:
                value = override.apply(value, override.path[len(at) :])
        return value

    def _leaf(self, group: str, name: str, key: str) -> tuple[Plain, Plain]:
        """A leaf of a group in which an experiment names several leaves: with and without overrides."""
        plain = self.store.get(group, name, key)[group]
        return self._over(plain, (group, name)), plain

    def _many(
        self, group: str, names: Sequence[str], key: str, given: frozenset[str] = frozenset()
    ) -> dict[str, Plain]:
        result = {}
        for name in names:
            leaf, _ = self._leaf(group, name, f"{self.key}.{key}")
            check_schema(leaf, SCHEMAS / f"{group}.schema.yaml", f"{group}.{name}")
            if "build" in leaf:
                check_target(leaf["build"], f"{group}.{name}.build", given)
            else:
                check_target(leaf, f"{group}.{name}", given)
            result[name] = leaf
        return result

    def _estimators(self, depth: int) -> dict[str, Plain]:
        """All estimators that the experiment names, checked against the depth of the graphs."""
        leaves: dict[str, Plain] = {}
        for part, names in parts.estimator_lists(self.settings).items():
            leaves |= self._many("estimator", names, part, frozenset({"k"}))
        parts.check_estimators(self.settings, leaves, depth, self.key)
        return leaves

    def _points(self, role: str, name: str, points: dict[str, Plain]) -> tuple[str, ...]:
        plain = self.store.get("sample", name, f"{self.key}.{role}")["sample"]
        leaf = self._over(plain, (role,))
        check_schema(leaf, SCHEMAS / "sample.schema.yaml", role)
        check_target(leaf["build"], f"{role}.build", parts.SAMPLER)
        parts.check_support(leaf, role)
        limits.check_points(leaf["n"], self.store.root()["neighbours"]["k"], f"{role}.n")
        names = []
        for replicate in range(leaf["replicates"]):
            base = {key: value for key, value in leaf.items() if key != "replicates"}
            untouched = {key: value for key, value in plain.items() if key != "replicates"}
            point_set = f"{leaf['kind']}-{leaf['n']}-r{replicate}{suffix(base, untouched)}"
            claim(points, point_set, {**base, "replicate": replicate}, role)
            names.append(point_set)
        return tuple(names)

    def _dataset(self, name: str, key: str) -> Plain:
        leaf = self.store.get("dataset", name, key)["dataset"]
        parts.check_dataset(leaf, SCHEMAS / "dataset.schema.yaml", f"dataset.{name}")
        return leaf
