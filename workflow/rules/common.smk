"""The resolved experiment, wildcard constraints, and what each rule gets as its parameters. No rule stands here."""

import functools
import gc
import json
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from earthdim.storage.schema import FROZEN, SCHEMA_VERSIONS, WEIGHTS_KEYS
from earthdim.storage.digests import digest
from earthdim.storage import file_digests
from earthdim.experiment import advisories, external, figure_jobs, queries, resolve
from earthdim.experiment import code as code_digests
from earthdim.jobs import runs
from earthdim.figures.declaration import declared
from earthdim.experiment.validation import ConfigError
from earthdim.encoders.custom import dependencies
from earthdim.provenance import trace

# A plan of thousands of jobs is millions of objects that stay: looking through them for garbage more rarely saves a tenth.
gc.set_threshold(200_000, 20, 100)

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
# A job that Snakemake starts for a target is called `fetch:`.
ASKED = {word.partition(":")[0] for word in sys.argv}
# What is to be fetched may be missing.
FETCHING = "fetch" in ASKED
# Jobs read this file anew, each in a process of its own: what is known of the user's files is not found out again.
file_digests.keep(runs.STATE / "own" / "sums.json")


try:
    # The jobs of a run are told all of its keys.
    queries.check_keys(config, ASKED if workflow.is_main_process else None)
    EXPERIMENT = resolve.resolve(
        Path(workflow.basedir) / "config",
        config.get("experiment", "default"),
        config.get("overrides", []),
        cache=runs.STATE / "grid",
        without=FETCHING,
    )
    # The target alone says nothing: ask at once, before Snakemake wraps the question into a traceback.
    BRANCH = EXPERIMENT.branch(config.get("branch")) if {"branch"} & {*config, *sys.argv} else None
    QUESTION = trace.question(config, EXPERIMENT) if "trace" in ASKED else {}
except ConfigError as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process and not ASKED & queries.ASIDE:
    for sentence in advisories.once(EXPERIMENT):
        logger.warning(sentence)

# The paper's values stand in a table inside the package, which no digest of code covers.
PUBLISHED = digest((code_digests.PACKAGE / "analysis" / "published.csv").read_text())
LAND = f"<results>/data/datasets/{resolve.LAND_DATASET}.zarr"
# The libraries behind every dimension.
MEASURED_BY = ("numba", "numpy", "scikit-dimension", "scipy")


wildcard_constraints:
    experiment=queries.one_of([EXPERIMENT.name]),
    table=queries.one_of(queries.gathered(EXPERIMENT)),
    block=queries.one_of(map(str, range(EXPERIMENT.neighbours["blocks"]))),
    # Snakemake reads this text for every file of every job: names by the thousand would take longer than all else. What
    # is no variant is told by `variant_of`.
    variant="[^/]+",
    points=queries.one_of(EXPERIMENT.points),
    features=queries.one_of(EXPERIMENT.features),
    dataset=queries.one_of(EXPERIMENT.datasets),
    task=queries.one_of(EXPERIMENT.tasks),
    branch=queries.one_of([] if BRANCH is None else [config["branch"]]),


@functools.cache
def code(script, built):
    """One digest of the code that a rule's jobs run; the code does not change while they are planned."""
    return code_digests.code_digest(SCRIPTS / script, built)


def variant_of(wildcards):
    """The variant of a job; every path to one asks here."""
    if wildcards.variant not in EXPERIMENT.variants:
        raise WorkflowError(f"variant: {wildcards.variant!r} is none of the experiment {EXPERIMENT.name}")
    return EXPERIMENT.variants[wildcards.variant]


def once_for(*names):
    """Compute a job's parameter once for all jobs that have these wildcards in common."""

    def decorate(function):
        known = {}

        @functools.wraps(function)
        def parameter(wildcards):
            at = tuple(wildcards[name] for name in names)
            if at not in known:
                known[at] = function(wildcards)
            return known[at]

        return parameter

    return decorate


def own_inputs(files):
    """The user's own files as inputs: they must be there, and their dates say nothing, as their sums are in parameters.

    What the workflow makes itself is known by its date, as ever: it may be made anew in the same run.
    """
    return [file if dependencies.is_result(file) else ancient(str(file)) for file in sorted(map(str, files))]


def job(script, config, writes, libraries, own=()):
    """What decides a job's result, as one plain dict: parameters are compared by their text, so its keys are sorted.

    Of the user's own files their content decides, whatever their dates.
    """
    brought = [file for file in own if not dependencies.is_result(file)]
    value = {
        **({"own": file_digests.USERS.one_of(brought)} if brought else {}),
        "config": {**config, "math_threads": EXPERIMENT.math_threads},
        "code": code(script, tuple(code_digests.targets(config))),
        "schema": {kind: SCHEMA_VERSIONS[kind] for kind in writes},
        "libraries": code_digests.library_versions(libraries),
    }
    return json.loads(json.dumps(value, sort_keys=True))


def dataset_job(wildcards):
    leaf = EXPERIMENT.datasets[wildcards.dataset]
    libraries = ("numpy", *leaf["about"]["package"].split())
    own = dependencies.stored(Path(leaf["path"])) if "path" in leaf else ()
    return job("dataset.py", leaf, ["dataset"], libraries, own)


def dataset_file(wildcards):
    """A raster of the user's own is an input like any other."""
    leaf = EXPERIMENT.datasets[wildcards.dataset]
    return own_inputs([leaf["path"]] if "path" in leaf else [])


def points_job(wildcards):
    libraries = ("astropy-healpix", "numpy", "scipy", "shapely")
    return job(
        "points.py", EXPERIMENT.points[wildcards.points], ["points"], libraries, points_files(wildcards)
    )


@once_for("points")
def points_files(wildcards):
    """The file of points or of a polygon behind a point set."""
    leaf = EXPERIMENT.points[wildcards.points]
    return list(dependencies.stored(Path(leaf["path"]))) if "path" in leaf else []


def points_file(wildcards):
    return own_inputs(points_files(wildcards))


def points_dataset(wildcards):
    """The data set that says where a region lies; most samples need none."""
    leaf = EXPERIMENT.points[wildcards.points]
    return f"<results>/data/datasets/{leaf['dataset']}.zarr" if "dataset" in leaf else []


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
    everywhere = wildcards.points in EXPERIMENT.own_points.values()
    return job("labels.py", {"task": leaf, "everywhere": everywhere}, ["labels"], ("numpy", "xarray"))


def label_dataset(wildcards):
    return f"<results>/data/datasets/{EXPERIMENT.tasks[wildcards.task]['dataset']}.zarr"


def pretrain_job(wildcards):
    variant = variant_of(wildcards)
    trained = {key: variant.config[key] for key in ("modality", "schedule") if key in variant.config}
    config = {**encoder_of(variant), **trained, "features": variant.features}
    if gpus(wildcards):
        # Other devices give other digits. On the CPU nothing is said, as ever.
        config["device"] = EXPERIMENT.pretraining["device"]
    return job("pretrain.py", config, ["checkpoint"], ("torch",), files_of(wildcards))


def gpus(wildcards):
    """How many GPUs a variant asks for: what is not trained needs none."""
    trained = EXPERIMENT.variants[wildcards.variant].kind == "trained"
    return int(trained and EXPERIMENT.pretraining["device"] == "cuda")


def fetch_job(wildcards):
    weights = {name: absent.leaf for name, absent in sorted(EXPERIMENT.missing.items())}
    return job("fetch.py", {"weights": weights}, [], ())


@once_for("variant")
def files_of(wildcards):
    """Files of the user's own behind an encoder that comes as it is."""
    return external.files(variant_of(wildcards).config["weights"])


def own_files(wildcards):
    return own_inputs(files_of(wildcards))


def pretrain_inputs(wildcards):
    variant = variant_of(wildcards)
    names = variant.features.values()
    points = {EXPERIMENT.features[name]["points"] for name in names}
    return {
        "features": expand("<results>/data/features/{features}.zarr", features=names),
        "points": expand("<results>/data/points/{points}.zarr", points=sorted(points)),
        "own": own_files(wildcards),
    }


def encoder_of(variant):
    """What of a variant's config builds its encoder; what a leaf of weights says besides would rerun it for nothing."""
    parts = {key: variant.config[key] for key in ("model", "seed", "weights") if key in variant.config}
    beside = WEIGHTS_KEYS - {"kind"}
    weights = {key: value for key, value in variant.config["weights"].items() if key not in beside}
    return {**parts, "weights": weights}


@once_for("variant")
def embed_job(wildcards):
    libraries = ("onnxruntime", "pyarrow", "pyshtools", "torch")
    encoder = encoder_of(variant_of(wildcards))
    return job("embed.py", encoder, ["embeddings"], libraries, files_of(wildcards))


@once_for()
def neighbours_job(wildcards):
    config = {key: EXPERIMENT.neighbours[key] for key in ("k", "memory_mb", "device")}
    return job("neighbours.py", config, ["neighbours"], ("numba", "numpy"))


@once_for()
def neighbours_block_job(wildcards):
    config = {key: EXPERIMENT.neighbours[key] for key in ("k", "blocks", "memory_mb", "device")}
    return job("neighbours_block.py", config, ["candidates"], ("numba", "numpy"))


@once_for()
def neighbours_merge_job(wildcards):
    config = {key: EXPERIMENT.neighbours[key] for key in ("k", "blocks")}
    return job("neighbours_merge.py", config, ["neighbours"], ("numba", "numpy"))


def leaves_of(names):
    return {name: EXPERIMENT.estimators[name] for name in names}


def half_samples(n):
    """How intervals are made of one draw of n points, or None where it has too many for that."""
    wanted = {key: EXPERIMENT.subsampling[key] for key in ("draws", "seed")}
    return wanted if n <= EXPERIMENT.subsampling["up_to"] else None


@once_for("points")
def dimension_job(wildcards):
    points = EXPERIMENT.points[wildcards.points]
    config = {
        "estimators": leaves_of(EXPERIMENT.settings["estimators"]),
        "local_estimator": EXPERIMENT.settings["local_estimator"],
        "replicate": points["replicate"],
        "subsampling": half_samples(points["n"]),
    }
    return job("dimension.py", config, ["dimension", "local_dimension"], MEASURED_BY)


@once_for("points")
def scale_job(wildcards):
    points = EXPERIMENT.points[wildcards.points]
    leaves = leaves_of(EXPERIMENT.scale["estimators"])
    config = {
        "estimators": leaves,
        "sizes": EXPERIMENT.scale["sizes"][wildcards.points],
        "support": points["kind"],
        "k": max((leaf["k"] for leaf in leaves.values() if leaf["k"] is not None), default=1),
        "subsampling": half_samples(points["n"]),
    }
    return job("scale.py", config, ["scale"], MEASURED_BY)


@once_for("points")
def costly_job(wildcards):
    config = {
        "estimators": leaves_of(EXPERIMENT.costly["estimators"]),
        "n": EXPERIMENT.costly["n"],
        "replicate": EXPERIMENT.points[wildcards.points]["replicate"],
    }
    return job("costly.py", config, ["costly"], MEASURED_BY)


def jacobian_job(wildcards):
    variant = variant_of(wildcards)
    config = {"encoder": encoder_of(variant), "n": EXPERIMENT.jacobian["n"]}
    return job("jacobian.py", config, ["jacobian"], ("torch",), files_of(wildcards))


def probe_job(wildcards):
    variant = variant_of(wildcards)
    heads = EXPERIMENT.settings["heads"]["released" if variant.kind in FROZEN else variant.kind]
    estimator = EXPERIMENT.settings["activation_estimator"]
    config = {
        "splits": EXPERIMENT.splits,
        "heads": {head: EXPERIMENT.heads[head] for head in heads},
        "tasks": {name: task["kind"] for name, task in EXPERIMENT.tasks.items()},
        "intervals": EXPERIMENT.intervals,
        "activation_estimator": {estimator: EXPERIMENT.estimators[estimator]},
        "seed": variant.config["seed"] or 0,
        "replicate": EXPERIMENT.points[queries.probe_points(EXPERIMENT, wildcards.variant)]["replicate"],
        "everywhere": wildcards.variant in EXPERIMENT.own_points,
    }
    return job("probe.py", config, ["probe"], ("numpy", "scikit-dimension", "scikit-learn", "torch"))


def probe_inputs(wildcards):
    points = queries.probe_points(EXPERIMENT, wildcards.variant)
    return {
        "embeddings": f"<results>/variants/{wildcards.variant}/{points}/embeddings.zarr",
        "manifest": f"<results>/variants/{wildcards.variant}/{points}/embeddings.json",
        "labels": expand("<results>/data/labels/{task}/{points}.zarr", task=EXPERIMENT.tasks, points=points),
    }


def summaries(table, variants):
    return {"summaries": expand("<results>/variants/{variant}/summary.json", variant=variants)}


def dimension_rows(table, variants):
    activations = probe_rows("activation", variants)["rows"] if EXPERIMENT.tasks else []
    embedded = [
        row
        for variant in variants
        for row in rows_at(table, [variant], queries.dimension_points(EXPERIMENT, variant))
    ]
    return {"rows": [*embedded, *activations]}


def probe_rows(table, variants):
    of_variant = f"<results>/{EXPERIMENT.name}/variants/{{variant}}/{table}.csv"
    return {"rows": expand(of_variant, variant=variants)}


def left_out_rows(table, variants):
    """The rows of all that may lack something, by the table that would have it; of claims, the tables themselves."""
    names = ["dimension", *(name for name in ("scale", "costly", "jacobian") if getattr(EXPERIMENT, name))]
    found = {name: TABLES[name][1](name, variants)["rows"] for name in names}
    if EXPERIMENT.tasks:
        found["probe"] = probe_rows("left_out", variants)["rows"]
        names = ("variants", "dimension", "probe")
        found["whole"] = [f"<results>/{EXPERIMENT.name}/tables/{name}.csv" for name in names]
    return {name: rows for name, rows in found.items() if rows}


def scale_rows(table, variants):
    return {"rows": rows_at(table, EXPERIMENT.scale["variants"], EXPERIMENT.scale["sizes"])}


def costly_rows(table, variants):
    return {"rows": rows_at(table, EXPERIMENT.costly["variants"], EXPERIMENT.sample_points[:1])}


def jacobian_rows(table, variants):
    return {"rows": rows_at(table, EXPERIMENT.jacobian["variants"], EXPERIMENT.sample_points[:1])}


def rows_at(table, variants, points):
    at = f"<results>/{EXPERIMENT.name}/variants/{{variant}}/{{points}}/{table}.csv"
    return expand(at, variant=variants, points=points)


def dimension_table(table, variants):
    return {"dimension": f"<results>/{EXPERIMENT.name}/tables/dimension.csv"}


# Of each table that is made of rows: the function that makes it, the files that it takes, and what else.
TABLES = {
    "variants": ("earthdim.analysis.tables.variants_table", summaries, ["facts"]),
    "dimension": ("earthdim.analysis.tables.dimension_table", dimension_rows, ["facts"]),
    "probe": ("earthdim.analysis.tables.probe_table", probe_rows, ["facts", "tasks"]),
    "missing": ("earthdim.analysis.tables.missing_table", lambda table, variants: {}, ["missing"]),
    "left_out": ("earthdim.analysis.tables.left_out_table", left_out_rows, ["statistics"]),
    "scale": ("earthdim.analysis.tables.measured_table", scale_rows, ["facts"]),
    "costly": ("earthdim.analysis.tables.dimension_table", costly_rows, ["facts"]),
    "jacobian": ("earthdim.analysis.tables.measured_table", jacobian_rows, ["facts"]),
    "draws": ("earthdim.analysis.replicates.draws_table", dimension_table, []),
    "table1": ("earthdim.analysis.replicates.table1", dimension_table, ["missing"]),
}


def variants_in(wildcards):
    """The variants of a table: all, or those of the branch that is asked for."""
    return list(BRANCH if "branch" in wildcards.keys() else EXPERIMENT.variants.values())


def table_inputs(wildcards):
    _, inputs, _ = TABLES[wildcards.table]
    return inputs(wildcards.table, [variant.name for variant in variants_in(wildcards)])


def table_job(wildcards):
    target, _, takes = TABLES[wildcards.table]
    leaks = ("leaked_by", "leaked_in_part_by")
    known = {
        "facts": [queries.facts(variant) for variant in variants_in(wildcards)],
        "tasks": {name: {key: task.get(key, []) for key in leaks} for name, task in EXPERIMENT.tasks.items()},
        "missing": {name: absent.message for name, absent in EXPERIMENT.missing.items()},
        "statistics": EXPERIMENT.statistics,
    }
    config = {
        "_target_": target,
        "arguments": {name: known[name] for name in takes},
        "published": PUBLISHED,
    }
    return job("tables.py", config, ["tables"], ("pandas",))


def correlate_job(wildcards):
    return job("correlate.py", EXPERIMENT.statistics, ["tables"], ("numpy", "pandas", "scipy"))


@once_for("figure")
def figure_job(wildcards):
    config = {**figure_jobs.config(EXPERIMENT, wildcards.figure), "published": PUBLISHED}
    return job("figure.py", config, [], ("matplotlib", "pandas"))


def figure_inputs(wildcards):
    return figure_jobs.inputs(EXPERIMENT, wildcards.figure)


def figures(wildcards):
    return expand(
        "<results>/{experiment}/figures/{figure}.png",
        experiment=EXPERIMENT.name,
        figure=EXPERIMENT.settings["figures"],
    )


def branch_tables(wildcards):
    return expand(
        "<results>/{experiment}/branches/{branch}/{table}.csv",
        experiment=EXPERIMENT.name,
        branch=config["branch"],
        table=["variants", "dimension", *(["probe"] if EXPERIMENT.tasks else [])],
    )


def all_tables(wildcards):
    names = queries.tables(EXPERIMENT)
    return expand("<results>/{experiment}/tables/{table}.csv", experiment=EXPERIMENT.name, table=names)


def extra_datasets(wildcards):
    return expand("<results>/data/datasets/{dataset}.zarr", dataset=EXPERIMENT.settings["datasets"])


def resolved_job(wildcards):
    """All of the experiment as a value; the digest of code is of the script alone, not of all that it names."""
    resolved = json.loads(json.dumps(queries.resolved(EXPERIMENT), sort_keys=True))
    return {**job("resolved.py", {}, [], ()), "config": resolved}


def resolved_file(wildcards):
    return expand("<results>/{experiment}/experiment.json", experiment=EXPERIMENT.name)


def records_job(script, **more):
    """What the scripts that read records get: the experiment's name, all that it is to make, how it was asked for."""
    targets = [path for part in (resolved_file, extra_datasets, all_tables, figures) for path in part(None)]
    asked = {"experiment": config.get("experiment", "default"), "overrides": config.get("overrides", [])}
    words = [
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in asked.items()
        if value
    ]
    if not Path.cwd().samefile(workflow.basedir):
        words += ["--directory", str(Path.cwd())]
    known = {
        "experiment": EXPERIMENT.name,
        "targets": [path.replace("<results>", "results") for path in targets],
        "asked": words,
    }
    return job(script, {**known, **more}, [], ())


def verify_job(wildcards):
    return records_job("verify.py")


def trace_job(wildcards):
    return records_job("trace.py", question=QUESTION)


def archive_job(wildcards):
    return records_job("archive.py")
