"""The resolved experiment, wildcard constraints, and what each rule gets as its parameters. No rule stands here."""

import json
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from earthdim import artefacts, grid, provenance, views
from earthdim.leaves import ConfigError

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
CONFIG_KEYS = ("experiment", "branch", "overrides")

try:
    views.check_keys(config, CONFIG_KEYS)
    EXPERIMENT = grid.resolve(
        Path(workflow.basedir) / "config",
        config.get("experiment", "default"),
        config.get("overrides", []),
        cache=Path(".snakemake") / "grid",
    )
    # The target alone says nothing: ask at once, before Snakemake wraps the question into a traceback.
    BRANCH = EXPERIMENT.branch(config.get("branch")) if {"branch"} & {*config, *sys.argv} else None
except ConfigError as error:
    raise WorkflowError(str(error)) from None

# The paper's values stand in a table inside the package, which no digest of code covers.
PUBLISHED = provenance.digest((provenance.PACKAGE / "figures" / "published.csv").read_text())
LAND = f"<results>/data/datasets/{grid.LAND_DATASET}.zarr"


wildcard_constraints:
    experiment=views.one_of([EXPERIMENT.name]),
    variant=views.one_of(EXPERIMENT.variants),
    points=views.one_of(EXPERIMENT.points),
    features=views.one_of(EXPERIMENT.features),
    dataset=views.one_of(EXPERIMENT.datasets),
    task=views.one_of(EXPERIMENT.tasks),
    branch=views.one_of([] if BRANCH is None else [config["branch"]]),


def job(script, config, writes, libraries):
    """What decides a job's result, as one plain dict: parameters are compared by their text, so its keys are sorted."""
    value = {
        "config": {**config, "math_threads": EXPERIMENT.math_threads},
        "code": provenance.code_digest(SCRIPTS / script, tuple(provenance.targets(config))),
        "schema": {kind: artefacts.SCHEMA_VERSIONS[kind] for kind in writes},
        "libraries": provenance.library_versions(libraries),
    }
    return json.loads(json.dumps(value, sort_keys=True))


def dataset_job(wildcards):
    leaf = EXPERIMENT.datasets[wildcards.dataset]
    return job("dataset.py", leaf, ["dataset"], ("numpy", *leaf["about"]["package"].split()))


def dataset_file(wildcards):
    """A raster of the user's own is an input like any other."""
    leaf = EXPERIMENT.datasets[wildcards.dataset]
    return [leaf["path"]] if "path" in leaf else []


def points_job(wildcards):
    return job("points.py", EXPERIMENT.points[wildcards.points], ["points"], ("numpy",))


def features_job(wildcards):
    feature = EXPERIMENT.features[wildcards.features]
    config = {"name": feature["source"], "source": feature["config"]}
    return job("features.py", config, ["features"], ("numpy", "torch"))


def feature_inputs(wildcards):
    feature = EXPERIMENT.features[wildcards.features]
    return {
        "dataset": f"<results>/data/datasets/{feature['config']['dataset']}.zarr",
        "points": f"<results>/data/points/{feature['points']}.zarr",
    }


def sources_job(wildcards):
    datasets = {name: leaf["about"] for name, leaf in sorted(EXPERIMENT.datasets.items())}
    return job("sources.py", {"datasets": datasets}, ["tables"], ("pandas",))


def labels_job(wildcards):
    task = EXPERIMENT.tasks[wildcards.task]
    leaf = {key: value for key, value in task.items() if not key.startswith("leaked")}
    return job("labels.py", {"task": leaf}, ["labels"], ("numpy", "xarray"))


def label_dataset(wildcards):
    return f"<results>/data/datasets/{EXPERIMENT.tasks[wildcards.task]['dataset']}.zarr"


def pretrain_job(wildcards):
    variant = EXPERIMENT.variants[wildcards.variant]
    axes = ("model", "modality", "schedule", "seed", "weights")
    parts = {axis: variant.config[axis] for axis in axes if axis in variant.config}
    return job("pretrain.py", {**parts, "features": variant.features}, ["checkpoint"], ("torch",))


def pretrain_inputs(wildcards):
    variant = EXPERIMENT.variants[wildcards.variant]
    names = variant.features.values()
    points = {EXPERIMENT.features[name]["points"] for name in names}
    return {
        "features": expand("<results>/data/features/{features}.zarr", features=names),
        "points": expand("<results>/data/points/{points}.zarr", points=sorted(points)),
    }


def embed_job(wildcards):
    config = EXPERIMENT.variants[wildcards.variant].config
    parts = {key: config[key] for key in ("model", "seed", "weights") if key in config}
    return job("embed.py", parts, ["embeddings"], ("torch",))


def neighbours_job(wildcards):
    return job("neighbours.py", EXPERIMENT.neighbours, ["neighbours"], ("numpy",))


def dimension_job(wildcards):
    config = {
        "estimators": {name: EXPERIMENT.estimators[name] for name in EXPERIMENT.settings["estimators"]},
        "local_estimator": EXPERIMENT.settings["local_estimator"],
        "replicate": EXPERIMENT.points[wildcards.points]["replicate"],
    }
    return job("dimension.py", config, ["dimension", "local_dimension"], ("numpy", "scikit-dimension"))


def probe_job(wildcards):
    variant = EXPERIMENT.variants[wildcards.variant]
    heads = EXPERIMENT.settings["heads"][variant.kind]
    estimator = EXPERIMENT.settings["activation_estimator"]
    config = {
        "splits": EXPERIMENT.splits,
        "heads": {head: EXPERIMENT.heads[head] for head in heads},
        "tasks": {name: task["kind"] for name, task in EXPERIMENT.tasks.items()},
        "intervals": EXPERIMENT.intervals,
        "activation_estimator": {estimator: EXPERIMENT.estimators[estimator]},
        "seed": variant.config["seed"] or 0,
        "replicate": EXPERIMENT.points[EXPERIMENT.task_points]["replicate"],
    }
    return job("probe.py", config, ["probe"], ("numpy", "scikit-dimension", "scikit-learn", "torch"))


def variant_rows(wildcards):
    return rows_of(EXPERIMENT.variants.values())


def branch_rows(wildcards):
    return rows_of(BRANCH)


def rows_of(variants):
    names = [variant.name for variant in variants]
    return {
        "summaries": expand("<results>/variants/{variant}/summary.json", variant=names),
        "dimensions": [
            f"<results>/{EXPERIMENT.name}/variants/{name}/{points}/dimension.csv"
            for name in names
            for points in EXPERIMENT.sample_points
        ],
        "activations": expand(
            "<results>/{experiment}/variants/{variant}/activation.csv",
            experiment=EXPERIMENT.name,
            variant=names,
        ),
        "probes": expand(
            "<results>/{experiment}/variants/{variant}/probe.csv", experiment=EXPERIMENT.name, variant=names
        ),
    }


def tables_job(variants):
    config = {
        "experiment": EXPERIMENT.name,
        "tasks": {
            name: {key: task.get(key, []) for key in ("leaked_by", "leaked_in_part_by")}
            for name, task in EXPERIMENT.tasks.items()
        },
        "variants": [views.facts(variant) for variant in variants],
    }
    return job("tables.py", config, ["tables"], ("pandas",))


def correlate_job(wildcards):
    return job("correlate.py", EXPERIMENT.statistics, ["tables"], ("numpy", "pandas", "scipy"))


def figure_job(name, **options):
    """The parameter of a figure's rule; a function, because the experiment's digest of code is only then needed."""
    config = {"_target_": f"earthdim.figures.{name}.draw", "options": options, "published": PUBLISHED}
    return lambda wildcards: job("figure.py", config, [], ("matplotlib", "pandas"))


def caption(**more):
    """Facts for a figure's caption."""
    local = EXPERIMENT.estimators[EXPERIMENT.settings["local_estimator"]]
    blocks = EXPERIMENT.splits.get("blocks", {})
    facts = {
        "n": EXPERIMENT.points[EXPERIMENT.sample_points[0]]["n"],
        "task_n": EXPERIMENT.points[EXPERIMENT.task_points]["n"],
        "sample": EXPERIMENT.sample_points[0],
        "radii": views.radii(EXPERIMENT),
        "k_local": local["k"],
        "seeds": len(
            {variant.axes["seed"] for variant in EXPERIMENT.variants.values() if variant.kind == "trained"}
        ),
        "draws": EXPERIMENT.statistics["draws"],
        "folds": blocks.get("folds"),
        "block_degrees": blocks.get("degrees"),
        "buffer_km": blocks.get("buffer_km"),
    }
    return {**facts, **more}


def figures(wildcards):
    return expand(
        "<results>/{experiment}/figures/{figure}.png",
        experiment=EXPERIMENT.name,
        figure=EXPERIMENT.settings["figures"],
    )


def trained_curves(wildcards):
    trained = [name for name, variant in EXPERIMENT.variants.items() if variant.kind == "trained"]
    return expand("<results>/variants/{variant}/training.csv", variant=trained)


def local_maps(wildcards):
    """Maps of one trained variant of each model and resolution, and of the released encoders."""
    shown = views.one_a_resolution(EXPERIMENT)
    return expand(
        "<results>/{experiment}/variants/{variant}/{points}/local_dimension.zarr",
        experiment=EXPERIMENT.name,
        variant=shown,
        points=EXPERIMENT.sample_points[0],
    )


def branch_tables(wildcards):
    return expand(
        "<results>/{experiment}/branches/{branch}/{table}.csv",
        experiment=EXPERIMENT.name,
        branch=config["branch"],
        table=["variants", "dimension", "probe"],
    )


def all_tables(wildcards):
    names = [
        "datasets",
        "variants",
        "dimension",
        "probe",
        "correlation",
        "correlation_families",
        "correlation_summary",
    ]
    return expand("<results>/{experiment}/tables/{table}.csv", experiment=EXPERIMENT.name, table=names)


def extra_datasets(wildcards):
    return expand("<results>/data/datasets/{dataset}.zarr", dataset=EXPERIMENT.settings["datasets"])


def finish():
    """End a run that did something: the report, the costs, and where everything is."""
    if BRANCH is None:
        words = [f"{key}={json.dumps(value)}" for key, value in config.items()]
        subprocess.run([sys.executable, SCRIPTS / "finish.py", "--fresh", "--config", *words], check=False)
