"""Data shared by all variants: data sets with their sources, point sets, features of the modalities, labels."""


rule dataset:
    """One data set, packaged or custom, with CF names and units."""
    input:
        dataset_file,
    output:
        store=directory("<results>/data/datasets/{dataset}.zarr"),
        manifest="<results>/data/datasets/{dataset}.json",
    log:
        "<results>/logs/dataset/{dataset}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.dataset, "dataset"),
    script:
        "../scripts/dataset.py"


rule points:
    """One sample of coordinates."""
    input:
        land=f"<results>/data/datasets/{resolve.LAND_DATASET}.zarr",
        dataset=region_dataset,
        file=lambda wildcards: user_inputs(points_files(wildcards)),
    output:
        store=directory("<results>/data/points/{points}.zarr"),
        manifest="<results>/data/points/{points}.json",
    log:
        "<results>/logs/points/{points}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.points, "points"),
    script:
        "../scripts/points.py"


rule features:
    """Features of one source at the training locations, shared by all variants."""
    input:
        unpack(feature_inputs),
    output:
        store=directory("<results>/data/features/{features}.zarr"),
        manifest="<results>/data/features/{features}.json",
    log:
        "<results>/logs/features/{features}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.features, "features"),
    script:
        "../scripts/features.py"


rule labels:
    """Labels of one task at one point set."""
    input:
        dataset=lambda wildcards: f"<results>/data/datasets/{EXPERIMENT.tasks[wildcards.task]['dataset']}.zarr",
        points="<results>/data/points/{points}.zarr",
    output:
        store=directory("<results>/data/labels/{task}/{points}.zarr"),
        manifest="<results>/data/labels/{task}/{points}.json",
    log:
        "<results>/logs/labels/{task}/{points}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.labels, "task", "points"),
    script:
        "../scripts/labels.py"


rule sources:
    """Sources, licences and citations of the experiment's data sets."""
    output:
        report(
            "<results>/{experiment}/tables/datasets.csv",
            caption="../report/datasets.rst",
            category="Data",
            labels={"table": "datasets"},
        ),
    log:
        "<results>/logs/sources/{experiment}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.sources),
    script:
        "../scripts/sources.py"
