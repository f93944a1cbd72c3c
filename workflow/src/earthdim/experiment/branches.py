"""Expand the branches of an experiment into variants, each with its resolved config and a unique name.

The leaves of a cell are merged once for all of its seeds.
"""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from earthdim.experiment import external, limits, parts, seeds
from earthdim.experiment.config_files import KINDS
from earthdim.experiment.leaves import LeafStore
from earthdim.experiment.model import Missing, Plain, Variant, counterparts
from earthdim.experiment.overrides import ALONG, Override, merge
from earthdim.experiment.targets import check_target
from earthdim.experiment.validation import SCHEMAS, ConfigError, check_schema
from earthdim.storage.digests import digest
from earthdim.storage.schema import AXES, EXTERNAL, TRAINED

# Axes that define a variant, by the kind of its weights: an untrained network has seen no data, and an encoding without
# a network has no weights to draw.
AXES_OF_KIND = {
    **dict.fromkeys(TRAINED, AXES),
    "untrained": ("model", "resolution", "weights", "seed"),
    "raw": ("model", "resolution", "weights"),
    **dict.fromkeys(EXTERNAL, ("weights",)),
}
# Names have no token for an axis at its default.
AXIS_DEFAULTS = {"weights": "trained"}
# Axes that a branch need not name: the objective is then that of the model.
OPTIONAL = ("objective",)
# Kind of the point sets of training locations, and the sampler that draws them.
TRAINING, LAND = "train-land", "earthdim.data.samples.area.land"


def suffix(config: object, plain: object) -> str:
    """`@` and eight digits if overrides made `config` differ from its leaves."""
    return "" if config == plain else f"@{digest(config, 8)}"


def claim(names: dict[str, Plain], name: str, config: Plain, key: str) -> None:
    """Reserve a name for a config; two configs never share one."""
    if names.setdefault(name, config) != config:
        raise ConfigError(f"{key}: the name {name!r} would refer to two different configs")


def _check_tokens(cell: Plain, key: str) -> None:
    """Reject leaves of other axes that are named like weights: a name could then be read in two ways."""
    for axis, value in cell.items():
        if axis != "weights" and str(value).rpartition("/")[2] in KINDS:
            raise ConfigError(f"{key}.{axis}: {value!r} is a name of weights; rename the leaf")


@contextmanager
def _naming_leaves(cell: Plain, key: str, *axes: str) -> Iterator[None]:
    """Append the leaves of some axes to an error; overrides may have changed their values."""
    try:
        yield
    except ConfigError as error:
        named = ", ".join(f"{axis} {cell[axis]!r}" for axis in axes if cell[axis] != "")
        raise ConfigError(f"{error}; {named} of {key}") from None


class Branches:
    """The branches of one experiment.

    Parameters
    ----------
    store : LeafStore
        The config's leaves.
    experiment : str
        Name of the experiment's leaf.
    settings : dict
        The leaf, with its overrides.
    overrides : list of Override
        Those of leaves of the axes are applied to every variant that has their key.
    without : bool
        Whether released weights may be missing in any branch.

    Attributes
    ----------
    missing : dict
        Name of an omitted variant -> Missing.
    own_points : dict
        Name of a table of embeddings -> its point set.
    """

    def __init__(
        self,
        store: LeafStore,
        experiment: str,
        settings: Plain,
        overrides: list[Override],
        without: bool = False,
    ):
        self.store, self.name, self.settings, self.overrides = store, experiment, settings, overrides
        self.without = without
        self.key = f"experiment.{experiment}"
        self.missing: dict[str, Missing] = {}
        self.needed: list[str] = []
        self.own_points: dict[str, str] = {}
        self._resolved: dict[tuple, tuple[Plain, Plain, dict[str, str]]] = {}
        self._bare: dict[str, bool] = {}

    def variants(
        self, threads: int, features: dict[str, Plain], points: dict[str, Plain]
    ) -> dict[str, Variant]:
        """Return every variant, in the order of the grid.

        Parameters
        ----------
        threads : int
            Math threads of every job.
        features, points : dict
            Name -> config of feature stores and point sets; those of the variants are added.

        Raises
        ------
        ConfigError
            For the first mistake in the branches or in the leaves that they name.
        """
        made: dict[str, Variant] = {}
        for branch, axes in self.settings["branches"].items():
            for cell in self._cells(branch, axes):
                variant = self._variant(cell, branch, threads, features, points)
                if variant is None:
                    continue
                known = made.get(variant.name, variant)
                if known.config != variant.config:
                    raise ConfigError(
                        f"{self.key}.branches.{branch}: the name {variant.name!r} would refer to two different configs"
                    )
                branches = known.branches if branch in known.branches else (*known.branches, branch)
                made[variant.name] = replace(known, branches=branches)
        external.check_available(self.needed, bool(made) or self.without, self.key)
        found = counterparts(made.values())
        return {name: replace(variant, **found.get(name, {})) for name, variant in made.items()}

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
                if cell[axis] == "" and not self._may_lack(axis, cell["model"], key):
                    raise ConfigError(f"{key}.{axis}: is missing, and {cell['weights']} weights need it")
            if kind in EXTERNAL:
                self._check_belongs(cell, key)
            applying = {axis: cell[axis] if axis in AXES_OF_KIND[kind] else "" for axis in AXES}
            yield {**applying, "full": "" if kind in EXTERNAL else self._full_seed(cell, key)}

    def _may_lack(self, axis: str, model: str, key: str) -> bool:
        return axis in OPTIONAL or (axis == "resolution" and self._without_knob(model, key))

    def _variant(
        self, cell: Plain, branch: str, threads: int, features: dict[str, Plain], points: dict[str, Plain]
    ) -> Variant | None:
        key = f"{self.key}.branches.{branch}"
        if self._weights(cell["weights"], f"{key}.weights")["kind"] in EXTERNAL:
            return self._external(cell["weights"], branch, threads, points)
        _check_tokens(cell, key)
        config, plain, used = self._config(cell, key, features, points)
        axes = {axis: cell[axis] for axis in AXES}
        drawn = seeds.of_encoding(cell, config["model"]["encoding"])
        if config["weights"]["kind"] == "raw":
            axes["seed"] = drawn
        config = {**config, "math_threads": threads, "seed": axes["seed"]}
        plain = {**plain, "math_threads": self.store.root()["math_threads"], "seed": axes["seed"]}
        tokens = [
            f"{'s' if drawn == '' else 'fs'}{value}" if axis == "seed" else str(value).rpartition("/")[2]
            for axis, value in axes.items()
            if value not in ("", AXIS_DEFAULTS.get(axis))
        ]
        name = "_".join(tokens) + suffix(config, plain)
        axes["weights"] = config["weights"]["kind"]
        return Variant(name=name, axes=axes, config=config, features=used, branches=(branch,))

    def _config(
        self, cell: Plain, key: str, features: dict[str, Plain], points: dict[str, Plain]
    ) -> tuple[Plain, Plain, dict[str, str]]:
        """The merged leaves of a cell, with and without overrides, and its features.

        All seeds share them, unless the seed is a full one; `cell` then holds it as `full`.
        """
        at = tuple(value for axis, value in cell.items() if axis != "seed")
        if at not in self._resolved:
            plain = self._merged(cell, key)
            config = self._overridden(plain, cell)
            self._check_variant(config, cell, key)
            config, plain = (seeds.full(leaf, cell["full"]) for leaf in (config, plain))
            trained = config["weights"]["kind"] in TRAINED
            used = self._features(config, plain, features, points, cell["full"]) if trained else {}
            self._resolved[at] = (config, plain, used)
        return self._resolved[at]

    def _overridden(self, config: Plain, cell: Plain) -> Plain:
        """The merged leaves of a cell with the overrides of keys that they have."""
        for override in self.overrides:
            if override.path[0] == "objective" and cell["objective"] != "":
                config = override.apply(config, ("model", *override.path))
            elif override.path[0] in ALONG:
                config = override.apply(config, override.path)
        return config

    def _full_seed(self, cell: Plain, key: str) -> int | str:
        """The seed of a cell if its schedule makes it a full one, else ""; that of controls too."""
        if cell["schedule"] == "" or cell["seed"] == "":
            return ""
        leaf = self.store.get("schedule", cell["schedule"], f"{key}.schedule")
        full = self._overridden(leaf, {"objective": ""})["schedule"].get("full_seed", False)
        return cell["seed"] if full else ""

    def _external(self, name: str, branch: str, threads: int, points: dict[str, Plain]) -> Variant | None:
        """The variant of an external encoder; None if its weights are missing and the branch is optional."""
        key = f"{self.key}.branches.{branch}"
        leaf = self._weights(name, f"{key}.weights")
        variant = external.variant_name(name)
        absent = external.check(leaf, name, SCHEMAS / "weights.schema.yaml", self.name)
        if absent:
            if branch not in self.settings.get("optional", []) and not self.without:
                self.needed.append(absent)
            self.missing[variant] = Missing(leaf, absent)
            return None
        own = external.points(leaf, name)
        if own is not None:
            limits.check_points(own[1]["n"], self.store.root()["neighbours"]["k"], f"weights.{name}.n")
            claim(points, *own, f"weights.{name}")
            self.own_points[variant] = own[0]
        config = {
            "weights": leaf,
            "model": {"family": leaf["model"]},
            "math_threads": threads,
            "seed": "",
        }
        return Variant(name=variant, axes=external.axes(leaf), config=config, branches=(branch,))

    def _weights(self, name: str, key: str) -> Plain:
        """A leaf of config/weights whose kind is known."""
        leaf = self.store.get("weights", name, key)["weights"]
        if leaf.get("kind") not in AXES_OF_KIND:
            known = ", ".join(AXES_OF_KIND)
            raise ConfigError(f"weights.{name}.kind: {leaf.get('kind')!r} is none of {known}")
        return leaf

    def _without_knob(self, model: str, key: str) -> bool:
        """Whether no leaf of config/resolution applies to a model."""
        if model not in self._bare:
            encoding = self.store.get("model", model, f"{key}.model")["model"]["encoding"]["_target_"]
            leaves = (self.store.get("resolution", name, key) for name in self.store.options("resolution"))
            fits = (parts.encodings(leaf["resolution"]["encoding"]) for leaf in leaves)
            self._bare[model] = not any(encoding in names for names in fits)
        return self._bare[model]

    def _check_belongs(self, cell: Plain, key: str) -> None:
        """Reject a branch that names both a model and weights of another model."""
        leaf = self._weights(cell["weights"], f"{key}.weights")
        if cell["model"] not in ("", leaf.get("model")):
            raise ConfigError(
                f"{key}.weights: {cell['weights']!r} belongs to {leaf.get('model')}, not to {cell['model']}"
            )

    def _merged(self, cell: Plain, key: str) -> Plain:
        """The leaves of a cell's axes, merged in the order of config.yaml's defaults list.

        The leaf of an objective replaces that of the model, with which it shares no arguments.
        """
        merged: Plain = {}
        for axis in ("model", "resolution", "modality", "schedule", "weights"):
            if cell[axis] != "":
                merged = merge(merged, self.store.get(axis, cell[axis], f"{key}.{axis}"))
        if cell["objective"] != "":
            leaf = self.store.get("objective", cell["objective"], f"{key}.objective")["objective"]
            merged["model"] = {**merged["model"], "objective": leaf}
        return merged

    def _check_variant(self, config: Plain, cell: Plain, key: str) -> None:
        model = config["model"]
        encoding = model["encoding"]["_target_"]
        fits = config.get("resolution", {}).get("encoding", encoding)
        if encoding not in parts.encodings(fits):
            raise ConfigError(
                f"{key}.resolution: {cell['resolution']!r} sets {fits}, which the model {cell['model']!r} does not have"
            )
        with _naming_leaves(cell, key, "model", "resolution", "objective"):
            check_schema(model, SCHEMAS / "model.schema.yaml", "model")
            check_target(model["encoding"], "model.encoding")
            check_target(model["network"], "model.network", frozenset({"inputs"}))
            check_schema(model["objective"], SCHEMAS / "objective.schema.yaml", "model.objective")
            check_target(model["objective"], "model.objective")
        if "schedule" in config:
            with _naming_leaves(cell, key, "schedule"):
                check_schema(config["schedule"], SCHEMAS / "schedule.schema.yaml", "schedule")
                limits.check_schedule(config["schedule"])
            with _naming_leaves(cell, key, "modality"):
                check_schema(config["modality"], SCHEMAS / "modality.schema.yaml", "modality")
            with _naming_leaves(cell, key, "schedule", "modality"):
                limits.check_buffer(config["schedule"], config["modality"]["sources"])

    def _features(
        self,
        config: Plain,
        plain: Plain,
        features: dict[str, Plain],
        points: dict[str, Plain],
        full: int | str,
    ) -> dict[str, str]:
        """Name the feature store of each source at the schedule's locations; a full seed has stores of its own."""
        schedule = config["schedule"]
        total = limits.drawn(schedule)
        drawn, untouched = (
            {key: leaf["schedule"][key] for key in (*limits.DRAWN, "seed")} for leaf in (config, plain)
        )
        tag = seeds.tag(full)
        point_set = f"{TRAINING}-{total}-r0{tag}{suffix(drawn, untouched)}"
        draw = {
            "kind": TRAINING,
            "n": total,
            "seed": schedule["seed"],
            "replicate": 0,
            "build": {"_target_": LAND},
        }
        claim(points, point_set, draw, "schedule.locations")
        names = {}
        for source, leaf in config["modality"]["sources"].items():
            check_target(leaf, f"modality.sources.{source}")
            changed = suffix([leaf, drawn], [plain["modality"]["sources"].get(source), untouched])
            name = f"{source}-{total}{tag}{changed}"
            claim(
                features,
                name,
                {"source": source, "points": point_set, "config": leaf},
                f"modality.sources.{source}",
            )
            names[source] = name
        return names
