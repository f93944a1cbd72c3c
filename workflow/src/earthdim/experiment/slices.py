"""The slice of an experiment that each job depends on.

Snakemake reruns a job when the value of its parameter `job` changes. That value holds the part of the configuration
that the result depends on, the schema versions of the artefacts written, the versions of the libraries used, a digest
of user-supplied files and a digest of the code. A slice must hold everything that can change the result, and nothing
else: a missing key leaves stale results, an extra key repeats work.

A function named after a rule returns the slice of one job of that rule. Its arguments are the experiment and the
values of the wildcards that the slice depends on.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthdim.encoders.custom import dependencies
from earthdim.experiment import code, external, figure_jobs, queries
from earthdim.experiment.model import Experiment, Plain, Variant
from earthdim.storage import file_digests
from earthdim.storage.digests import digest
from earthdim.storage.schema import DIMENSION_KEY, PANEL, SCHEMA_VERSIONS

# The libraries that compute every dimension.
MEASURED_BY = ("numba", "numpy", "scikit-dimension", "scipy")
# The libraries that search every graph.
SEARCHED_BY = ("numba", "numpy")
# Keys of a task that say how its scores are used; its labels do not depend on them.
USES_OF_TASKS = ("set", "leaked_by", "leaked_in_part_by")
# Columns by which tables and correlations group rows. The digest of code does not cover the module that lists them.
GROUPED_BY = digest([DIMENSION_KEY, PANEL])


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Everything that the result of a job depends on, apart from its input files.

    Attributes
    ----------
    script : str
        File name of the rule's script.
    config : dict
        Part of the resolved configuration, as plain values.
    writes : tuple of str
        Kinds of artefacts, keys of `earthdim.storage.schema.SCHEMA_VERSIONS`.
    libraries : tuple of str
        Names of distributions.
    files : tuple of str
        Paths of user-supplied files.
    builds : bool
        Whether the job builds the `_target_` entries of `config`; their code is then part of the digest.
    """

    script: str
    config: Plain
    writes: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    builds: bool = True

    @property
    def targets(self) -> tuple[str, ...]:
        """Dotted paths of the objects that the job builds."""
        return tuple(code.targets(self.config)) if self.builds else ()

    def value(self, math_threads: int, code_digest: str) -> dict[str, Any]:
        """Return the value of the job's parameter.

        Parameters
        ----------
        math_threads : int
            Number of math threads of every job.
        code_digest : str
            Digest of the script and of `targets`.

        Returns
        -------
        dict
            config, code, schema, libraries and, where there are user-supplied files, `own`: one digest of their
            contents, so that their modification times do not matter. Files below results/ are excluded, as the
            workflow tracks those itself. All keys are sorted, because Snakemake compares parameters by their text.
        """
        supplied = [file for file in self.files if not dependencies.is_result(Path(file))]
        versions = {kind: SCHEMA_VERSIONS[kind] for kind in self.writes}
        value = {
            **({"own": file_digests.USERS.one_of(supplied)} if supplied else {}),
            "config": {**self.config, "math_threads": math_threads},
            "code": code_digest,
            "schema": {**versions, **({"keys": GROUPED_BY} if "tables" in self.writes else {})},
            "libraries": code.library_versions(self.libraries),
        }
        return json.loads(json.dumps(value, sort_keys=True))


def dataset_files(leaf: Plain) -> list[str]:
    """The file that a data set or a point set is read from, or all files of a folder; none for packaged data."""
    path = leaf["build"].get("path")
    return [] if path is None else [str(file) for file in dependencies.stored(Path(path))]


def variant_files(experiment: Experiment, variant: str) -> list[str]:
    """The user-supplied files of a custom encoder or a table of embeddings; none for other variants."""
    return external.files(experiment.variants[variant].config["weights"])


def encoder_config(variant: Variant) -> Plain:
    """The part of a variant's configuration that its encoder is built from.

    Keys that only describe the weights are excluded, so that editing them reruns nothing.
    """
    parts = {key: variant.config[key] for key in ("model", "seed") if key in variant.config}
    if variant.kind == "raw":
        parts = {"model": {"encoding": variant.config["model"]["encoding"]}}
    weights = {key: value for key, value in variant.config["weights"].items() if key in ("kind", "build")}
    return {**parts, "weights": weights}


def dataset(experiment: Experiment, name: str) -> Slice:
    """A data set: its leaf, the packages that provide it, and its user-supplied file, if any."""
    leaf = experiment.datasets[name]
    return Slice(
        script="dataset.py",
        config=leaf,
        writes=("dataset",),
        libraries=("numpy", *leaf["about"]["package"].split()),
        files=tuple(dataset_files(leaf)),
    )


def points(experiment: Experiment, name: str) -> Slice:
    """A point set: its leaf, and the file that it is read from."""
    leaf = experiment.points[name]
    return Slice(
        script="points.py",
        config=leaf,
        writes=("points",),
        libraries=("astropy-healpix", "numpy", "scipy", "shapely"),
        files=tuple(dataset_files(leaf)),
    )


def features(experiment: Experiment, name: str) -> Slice:
    """Features of one source of a modality; they depend on neither model nor schedule."""
    feature = experiment.features[name]
    return Slice(
        script="features.py",
        config={"name": feature["source"], "source": feature["config"]},
        writes=("features",),
        libraries=("numpy", "torch"),
    )


def labels(experiment: Experiment, task: str, points: str) -> Slice:
    """Labels of a task at a point set; `set`, `leaked_by` and `leaked_in_part_by` are excluded."""
    leaf = {key: value for key, value in experiment.tasks[task].items() if key not in USES_OF_TASKS}
    everywhere = points in experiment.own_points.values()
    return Slice(
        script="labels.py",
        config={"task": leaf, "everywhere": everywhere},
        writes=("labels",),
        libraries=("numpy", "xarray"),
    )


def sources(experiment: Experiment) -> Slice:
    """The description of every data set of the experiment."""
    about = {name: leaf["about"] for name, leaf in sorted(experiment.datasets.items())}
    return Slice(script="sources.py", config={"datasets": about}, writes=("tables",), libraries=("pandas",))


def fetch(experiment: Experiment) -> Slice:
    """The leaves of the released weights that are missing locally."""
    weights = {name: absent.leaf for name, absent in sorted(experiment.missing.items())}
    return Slice(script="fetch.py", config={"weights": weights})


def pretrain(experiment: Experiment, name: str) -> Slice:
    """The encoder and its training, and the device unless it is the CPU, as results differ between devices."""
    variant = experiment.variants[name]
    trained = {key: variant.config[key] for key in ("modality", "schedule") if key in variant.config}
    device = {"device": experiment.pretraining["device"]} if queries.gpus(experiment, name) else {}
    return Slice(
        script="pretrain.py",
        config={**encoder_config(variant), **trained, "features": variant.features, **device},
        writes=("checkpoint",),
        libraries=("torch",),
        files=tuple(variant_files(experiment, name)),
    )


def embed(experiment: Experiment, variant: str) -> Slice:
    """Embeddings at any point sets depend on the encoder alone; the checkpoint and the points are inputs."""
    return Slice(
        script="embed.py",
        config=encoder_config(experiment.variants[variant]),
        writes=("embeddings",),
        libraries=("onnxruntime", "pyarrow", "pyshtools", "torch"),
        files=tuple(variant_files(experiment, variant)),
    )


def neighbours_block(experiment: Experiment) -> Slice:
    """One block of a search; the number of the block is a wildcard."""
    config = _search(experiment, "k", "blocks", "memory_mb", "device")
    return Slice(script="neighbours_block.py", config=config, writes=("candidates",), libraries=SEARCHED_BY)


def neighbours_merge(experiment: Experiment) -> Slice:
    """The merge of all blocks of a search."""
    config = _search(experiment, "k", "blocks")
    return Slice(script="neighbours_merge.py", config=config, writes=("neighbours",), libraries=SEARCHED_BY)


def _search(experiment: Experiment, *keys: str) -> Plain:
    return {key: experiment.neighbours[key] for key in keys}


def dimension(experiment: Experiment, points: str) -> Slice:
    """Estimators, the settings of half samples if the point set is small enough for them, and those of the search."""
    at, alone = experiment.points[points], points not in queries.searched_in_blocks(experiment)
    config = {
        **({"neighbours": _search(experiment, "k", "memory_mb", "device")} if alone else {}),
        "estimators": _estimators(experiment, experiment.settings["estimators"]),
        "local_estimator": experiment.settings["local_estimator"],
        "replicate": at["replicate"],
        "subsampling": _subsampling(experiment, at["n"]),
    }
    writes = ("dimension", "local_dimension", *(["neighbours"] if alone else []))
    return Slice(script="dimension.py", config=config, writes=writes, libraries=MEASURED_BY)


def scale(experiment: Experiment, points: str) -> Slice:
    """Estimators, sample sizes and support of a point set of `scale`."""
    at = experiment.points[points]
    estimators = _estimators(experiment, experiment.scale["estimators"])
    config = {
        "estimators": estimators,
        "sizes": experiment.scale["sizes"][points],
        "support": at["kind"],
        "k": max((leaf["k"] for leaf in estimators.values() if leaf["k"] is not None), default=1),
        "subsampling": _subsampling(experiment, at["n"]),
    }
    return Slice(script="scale.py", config=config, writes=("scale",), libraries=MEASURED_BY)


def costly(experiment: Experiment, points: str) -> Slice:
    """Estimators of `costly`, and the number of points that they are applied to."""
    config = {
        "estimators": _estimators(experiment, experiment.costly["estimators"]),
        "n": experiment.costly["n"],
        "replicate": experiment.points[points]["replicate"],
    }
    return Slice(script="costly.py", config=config, writes=("costly",), libraries=MEASURED_BY)


def jacobian(experiment: Experiment, variant: str) -> Slice:
    """The encoder, and the number of points of its Jacobian."""
    return Slice(
        script="jacobian.py",
        config={"encoder": encoder_config(experiment.variants[variant]), "n": experiment.jacobian["n"]},
        writes=("jacobian",),
        libraries=("torch",),
        files=tuple(variant_files(experiment, variant)),
    )


def _estimators(experiment: Experiment, names: Iterable[str]) -> dict[str, Plain]:
    return {name: experiment.estimators[name] for name in names}


def _subsampling(experiment: Experiment, n: int) -> Plain | None:
    """Settings of the half samples of n points; None if n is too large for them."""
    settings = {key: experiment.subsampling[key] for key in ("draws", "seed")}
    return settings if n <= experiment.subsampling["up_to"] else None


def probe(experiment: Experiment, name: str) -> Slice:
    """Tasks, splits, heads for this kind of variant, and intervals of the scores."""
    variant = experiment.variants[name]
    heads = experiment.settings["heads"][queries.heads_key(experiment, variant.kind)]
    estimator = experiment.settings["activation_estimator"]
    config = {
        "splits": experiment.splits,
        "heads": {head: experiment.heads[head] for head in heads},
        "tasks": {task: leaf["kind"] for task, leaf in experiment.tasks.items()},
        "intervals": experiment.intervals,
        "activation_estimator": _estimators(experiment, [estimator]),
        "seed": variant.config["seed"] or 0,
        "replicate": experiment.points[queries.probe_points(experiment, name)]["replicate"],
        "everywhere": name in experiment.own_points,
    }
    libraries = ("numpy", "scikit-dimension", "scikit-learn", "torch")
    return Slice(script="probe.py", config=config, writes=("probe",), libraries=libraries)


def table(experiment: Experiment, maker: str, arguments: Iterable[str], variants: Iterable[Variant]) -> Slice:
    """The slice of a table.

    Parameters
    ----------
    experiment : Experiment
    maker : str
        Dotted path of the function that makes the table.
    arguments : iterable of str
        Its arguments apart from its inputs: facts, tasks, missing, statistics, cell, kinds, retrieval.
    variants : iterable of Variant
        Variants of the table.
    """
    known = {
        "facts": lambda: [queries.facts(variant) for variant in variants],
        "tasks": lambda: _uses(experiment),
        "missing": lambda: {name: absent.message for name, absent in experiment.missing.items()},
        "statistics": lambda: experiment.statistics,
        "cell": lambda: list(experiment.cell),
        "kinds": lambda: queries.kinds_of_heads(experiment),
        "retrieval": lambda: queries.retrieval(experiment),
    }
    config = {
        "_target_": maker,
        "arguments": {name: known[name]() for name in arguments},
        "published": published(),
    }
    return Slice(script="tables.py", config=config, writes=("tables",), libraries=("pandas",))


def _uses(experiment: Experiment) -> dict[str, Plain]:
    """Task -> its set, and the sources that leak its labels, wholly or in part."""
    return {name: {key: task[key] for key in USES_OF_TASKS} for name, task in experiment.tasks.items()}


def correlate(experiment: Experiment) -> Slice:
    """Settings of the statistics; tables are inputs."""
    libraries = ("numpy", "pandas", "scipy")
    return Slice(script="correlate.py", config=experiment.statistics, writes=("tables",), libraries=libraries)


def figure(experiment: Experiment, name: str) -> Slice:
    """Options, facts and caption of a figure, and the published values."""
    config = {**figure_jobs.config(experiment, name), "published": published()}
    return Slice(script="figure.py", config=config, libraries=("matplotlib", "pandas"))


def published() -> str:
    """Digest of the paper's values: a table in the package, which the digest of code does not cover."""
    return digest((code.PACKAGE / "analysis" / "published.csv").read_text())


def resolved(experiment: Experiment) -> Slice:
    """The whole experiment, which is written to a file; none of its targets is built."""
    return Slice(script="resolved.py", config=queries.resolved(experiment), builds=False)


def records(
    script: str, experiment: Experiment, targets: Iterable[str], asked: list[str], **more: Any
) -> Slice:
    """The slice of a script that reads the records of jobs: verify, trace, archive.

    Parameters
    ----------
    script : str
    experiment : Experiment
    targets : iterable of str
        Paths of the experiment's final outputs.
    asked : list of str
        `key=value` arguments of the command line that select this experiment.
    more
        Further keys of the configuration.
    """
    config = {"experiment": experiment.name, "targets": list(targets), "asked": asked, **more}
    return Slice(script=script, config=config)
