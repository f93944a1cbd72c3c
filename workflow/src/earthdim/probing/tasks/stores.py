"""Labels of one task at one point set, as a store."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

from earthdim.build import build
from earthdim.probing.tasks.labelling import labels_at
from earthdim.storage.stores import lonlat

# Keys of a leaf of config/task that are not arguments of its target.
_NOT_ARGUMENTS = ("about", "kind", "dataset", "leaked_by", "leaked_in_part_by")


def labels_store(
    name: str, leaf: Mapping[str, Any], points: xr.Dataset, dataset: xr.Dataset, everywhere: bool
) -> xr.Dataset:
    """Read the labels of a task.

    Parameters
    ----------
    name : str
        The task's name.
    leaf : mapping
        Its leaf in config/task.
    points : Dataset
        A store of the kind `points`.
    dataset : Dataset
        The data set that the task reads.
    everywhere : bool
        Whether the task is left out, without an error, if a field has no value at some points.

    Returns
    -------
    Dataset
        A store of the kind `labels`. Its attribute without_label counts the points without a label. The variable label
        is missing if the task is left out.
    """
    task = build({key: value for key, value in leaf.items() if key not in _NOT_ARGUMENTS})
    values, lacking = labels_at(task, lonlat(points), dataset, everywhere=everywhere)
    label = {} if values is None else {"label": ("point", values, leaf["about"])}
    labels = xr.Dataset(label, coords={"point": points["point"]})
    labels.attrs = {"task": name, "kind": leaf["kind"], "without_label": lacking}
    return labels
