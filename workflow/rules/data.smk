"""What all variants share: data sets, point sets, frozen features, labels; and where the data comes from."""


rule dataset:
    """One packaged data set, with CF names and units."""
    input:
        dataset_file,
    output:
        store=directory("<results>/data/datasets/{dataset}.zarr"),
        manifest="<results>/data/datasets/{dataset}.json",
    log:
        "<results>/logs/dataset/{dataset}.log",
    benchmark:
        "<results>/benchmarks/dataset/{dataset}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=dataset_job,
    script:
        "../scripts/dataset.py"


rule points:
    """One draw of coordinates."""
    input:
        land=LAND,
        dataset=points_dataset,
        file=points_file,
    output:
        store=directory("<results>/data/points/{points}.zarr"),
        manifest="<results>/data/points/{points}.json",
    log:
        "<results>/logs/points/{points}.log",
    benchmark:
        "<results>/benchmarks/points/{points}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=points_job,
    script:
        "../scripts/points.py"


rule features:
    """Frozen features of one source at the training locations, shared by every variant."""
    input:
        unpack(feature_inputs),
    output:
        store=directory("<results>/data/features/{features}.zarr"),
        manifest="<results>/data/features/{features}.json",
    log:
        "<results>/logs/features/{features}.log",
    benchmark:
        "<results>/benchmarks/features/{features}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=features_job,
    script:
        "../scripts/features.py"


rule labels:
    """Labels of one task at one point set."""
    input:
        dataset=label_dataset,
        points="<results>/data/points/{points}.zarr",
    output:
        store=directory("<results>/data/labels/{task}/{points}.zarr"),
        manifest="<results>/data/labels/{task}/{points}.json",
    log:
        "<results>/logs/labels/{task}/{points}.log",
    benchmark:
        "<results>/benchmarks/labels/{task}/{points}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=labels_job,
    script:
        "../scripts/labels.py"


rule sources:
    """Where the experiment's data sets come from, their licences and how to cite them."""
    output:
        report(
            "<results>/{experiment}/tables/datasets.csv",
            caption="../report/datasets.rst",
            category="Data",
            labels={"table": "datasets"},
        ),
    log:
        "<results>/logs/sources/{experiment}.log",
    benchmark:
        "<results>/benchmarks/sources/{experiment}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=sources_job,
    script:
        "../scripts/sources.py"
