"""Inputs of the rules of data. No rule is defined here."""


def dataset_file(wildcards):
    """The raster that a custom data set is read from; packaged data has none."""
    built = EXPERIMENT.datasets[wildcards.dataset]["build"]
    return user_inputs([built["path"]] if "path" in built else [])


def region_dataset(wildcards):
    """The data set that outlines a region; most samples need none."""
    leaf = EXPERIMENT.points[wildcards.points]
    return f"<results>/data/datasets/{leaf['dataset']}.zarr" if "dataset" in leaf else []


@once_for("points")
def points_files(wildcards):
    """The file that holds the points or a polygon; most samples need none."""
    return slices.dataset_files(EXPERIMENT.points[wildcards.points])


def feature_inputs(wildcards):
    feature = EXPERIMENT.features[wildcards.features]
    return {
        "dataset": f"<results>/data/datasets/{feature['config']['dataset']}.zarr",
        "points": f"<results>/data/points/{feature['points']}.zarr",
    }


def extra_datasets(wildcards):
    """Data sets that the experiment names, whether or not another job reads them."""
    return expand("<results>/data/datasets/{dataset}.zarr", dataset=EXPERIMENT.settings["datasets"])
