"""Points without a label: permitted in samples, but at user-supplied points a reason to leave the task out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from earthdim.data.datasets.raster import NoValueError
from earthdim.omissions import left_out


def labels_at(
    task, lonlat: np.ndarray, dataset: xr.Dataset, everywhere: bool
) -> tuple[np.ndarray | None, int]:
    """Return the labels of a task and the number of points without a label.

    Parameters
    ----------
    task : object
        With `labels(lonlat, dataset)`.
    lonlat : ndarray of shape (n, 2)
        Longitude and latitude, degrees.
    dataset : Dataset
        The data set that the task reads.
    everywhere : bool
        Whether to leave the task out if its field has gaps; otherwise gaps are an error.

    Returns
    -------
    labels : ndarray of shape (n,) or None
        None if the field has gaps at these points. Class codes are -1 for points without a label.
    missing : int
        Number of points without a label.

    Raises
    ------
    NoValueError
        If the field has gaps and `everywhere` is not set.
    """
    try:
        labels = task.labels(lonlat, dataset)
    except NoValueError as error:
        if not everywhere:
            raise
        return None, error.points
    return labels, int(np.count_nonzero(labels < 0)) if np.issubdtype(labels.dtype, np.integer) else 0


def partition(stores: Sequence[xr.Dataset], everywhere: bool) -> tuple[list[xr.Dataset], pd.DataFrame]:
    """Separate the tasks that are used from those that are left out.

    Parameters
    ----------
    stores : sequence of Dataset
        Labels of each task, with the attributes task and without_label.
    everywhere : bool
        Whether a task must have a label at all points; otherwise all tasks are used.

    Returns
    -------
    used : list of Dataset
    left_out : DataFrame
        One row per task left out, as defined by `earthdim.omissions.left_out`.
    """
    used = [store for store in stores if not (everywhere and store.attrs["without_label"])]
    missing = [store for store in stores if everywhere and store.attrs["without_label"]]
    return used, left_out(map(_omission, missing))


def _omission(store: xr.Dataset) -> dict:
    """Return the row of a task that has no label at some points."""
    task, without, n = store.attrs["task"], int(store.attrs["without_label"]), store.sizes["point"]
    reason = f"no label at {without} of {n} points"
    about = {"table": "probe", "what": "task", "name": task, "task": task}
    return {**about, "n": n, "without_label": without, "reason": reason}
