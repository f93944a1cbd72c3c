"""Where a task has no label: none of a sample's concern, but the end of the task at points that a user brings."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from earthdim.data.datasets.raster import NoValueError
from earthdim.omissions import left_out


def labels_at(
    task, lonlat: np.ndarray, dataset: xr.Dataset, everywhere: bool
) -> tuple[np.ndarray | None, int]:
    """Labels of a task, and at how many points there is none.

    Parameters
    ----------
    task : object
        With `labels(lonlat, dataset)`.
    lonlat : ndarray of shape (n, 2)
        Longitude and latitude, degrees.
    dataset : Dataset
        What the task reads.
    everywhere : bool
        Whether to go on without the task where a field has no value; if not, that is an error.

    Returns
    -------
    labels : ndarray of shape (n,) or None
        None where a field has gaps at these points. Codes of classes are -1 where there is none.
    lacking : int
        Number of points without a label.

    Raises
    ------
    NoValueError
        If a field has gaps and `everywhere` is not set.
    """
    try:
        labels = task.labels(lonlat, dataset)
    except NoValueError as error:
        if not everywhere:
            raise
        return None, error.points
    return labels, int(np.count_nonzero(labels < 0)) if np.issubdtype(labels.dtype, np.integer) else 0


def partition(stores: Sequence[xr.Dataset], everywhere: bool) -> tuple[list[xr.Dataset], pd.DataFrame]:
    """Tell the tasks that take part from those that are left out.

    Parameters
    ----------
    stores : sequence of Dataset
        Labels of each task, with the attributes task and without_label.
    everywhere : bool
        Whether a task must have a label at all points; if not, all take part.

    Returns
    -------
    used : list of Dataset
    left_out : DataFrame
        One row a task, as `earthdim.omissions.left_out` has them.
    """
    used = [store for store in stores if not (everywhere and store.attrs["without_label"])]
    lacking = [store for store in stores if everywhere and store.attrs["without_label"]]
    return used, left_out(map(_without, lacking))


def _without(store: xr.Dataset) -> dict:
    """The row of a task that has no label at some points."""
    task, without, n = store.attrs["task"], int(store.attrs["without_label"]), store.sizes["point"]
    reason = f"no label at {without} of {n} points"
    about = {"table": "probe", "what": "task", "name": task, "task": task}
    return {**about, "n": n, "without_label": without, "reason": reason}
