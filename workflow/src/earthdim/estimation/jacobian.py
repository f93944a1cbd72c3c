"""Exact local dimension of an encoder, from the singular values of its Jacobian on the ground.

A differentiable map of the sphere has at most two dimensions at every point, even if distances between sampled points
suggest more. If both singular values are equal, a step in any direction moves the embedding equally far. If one is much
smaller, the encoder is locally close to a curve.
"""

import copy
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from earthdim.encoders.location import LocationEncoder
from earthdim.estimation.measure import ROW_TYPES
from earthdim.estimation.uncertainty import Interval, replicate_interval
from earthdim.geo import EARTH_RADIUS_KM, check_lonlat
from earthdim.omissions import OmittedError
from earthdim.storage.schema import ESTIMATE

RANK_TOLERANCE = 1e-6
"""Singular values below this fraction of the larger one count as zero. It is ten times the rounding of float32, the
precision of stored embeddings: steps in such a direction change only their last digits."""

DEGREES_PER_KM = 180 / np.pi / EARTH_RADIUS_KM
"""Degrees of latitude, or of longitude at the equator, per kilometre."""


class NoDerivativeError(OmittedError, FloatingPointError):
    """The encoder has no finite derivative at a point."""


class _Float64(TorchFunctionMode):
    """Prevents casts to float32 of values that an encoding computes in float64."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        return func(*args, **(kwargs or {}))


def local_jacobian(encoder: LocationEncoder, lonlat: np.ndarray, batch: int = 256) -> np.ndarray:
    """Compute the singular values of the encoder's Jacobian with respect to kilometres east and north.

    The derivatives are exact: forward-mode automatic differentiation along both tangents of the sphere, in evaluation
    mode and in float64 throughout. If a unit of the network is exactly at a kink of its activation (ReLU at 0), torch's
    one-sided derivative is used.

    Parameters
    ----------
    encoder : LocationEncoder
        Differentiable in its coordinates; not modified.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees. Poles are not allowed, because no direction is east there.
    batch : int
        Number of points in memory at once.

    Returns
    -------
    ndarray (n, 2), float64
        Larger and smaller singular value, in units of the embedding per kilometre on the ground.

    Raises
    ------
    ValueError
        If the coordinates are not longitudes and latitudes, or `batch` is not positive.
    OmittedError
        If a point is a pole, or the encoder computes outside of torch and has no derivative.
    NoDerivativeError
        If a derivative is not finite.
    """
    lonlat = check_lonlat(lonlat)
    if batch < 1:
        raise ValueError(f"batch must be positive, got {batch!r}")
    if not encoder.differentiable:
        raise OmittedError("jacobian.branches: an encoder that computes outside of torch has no derivative")
    poles = np.flatnonzero(np.abs(lonlat[:, 1]) == 90)
    if len(poles):
        raise OmittedError(
            f"lonlat: {len(poles)} points are poles, where no direction is east; the first is {poles[0]}"
        )
    function = _in_float64(encoder)
    values = np.empty((len(lonlat), 2))
    for start in range(0, len(lonlat), batch):
        tangents = _tangents(function, torch.from_numpy(lonlat[start : start + batch]))
        if not torch.isfinite(tangents).all():
            raise NoDerivativeError(
                f"the encoder has no finite derivative among points {start} and following"
            )
        values[start : start + batch] = torch.linalg.svdvals(tangents.detach()).numpy()
    return values


def summarise(singular_values: np.ndarray) -> pd.DataFrame:
    """Summarise the singular values of many points.

    The rank at a point is the number of singular values above `RANK_TOLERANCE` times the larger one. The participation
    ratio (s1^2 + s2^2)^2 / (s1^4 + s2^4) lies between 1, a curve, and 2, a locally conformal map.

    Parameters
    ----------
    singular_values : ndarray (n, 2)
        From `local_jacobian`, at independent points.

    Returns
    -------
    DataFrame
        The rows `jacobian-rank` and `jacobian-participation-ratio`, means over points, with the columns of `measure`.
        The participation ratio has the t interval of its mean over points. The rank has none, because it is the same at
        nearly all points.

    Raises
    ------
    OmittedError
        If the encoder is constant around a point.
    ValueError
        If there are fewer than two points.
    """
    values = np.asarray(singular_values, dtype=np.float64)
    flat = np.flatnonzero(values[:, 0] == 0)
    if len(flat):
        raise OmittedError(
            f"the encoder does not vary at {len(flat)} of {len(values)} points; the first is {flat[0]}"
        )
    relative = values / values[:, :1]
    rank = np.count_nonzero(relative > RANK_TOLERANCE, axis=1)
    squared = relative**2
    ratio = replicate_interval(squared.sum(axis=1) ** 2 / (squared**2).sum(axis=1), "points")
    return _table(Interval(float(rank.mean()), None, None, ""), ratio)


def jacobian_rows(encoder: LocationEncoder, lonlat: np.ndarray) -> pd.DataFrame:
    """The rows of `summarise` for an encoder at these points; of `empty_summary` if it has no Jacobian there."""
    try:
        return summarise(local_jacobian(encoder, lonlat))
    except OmittedError as error:
        return empty_summary(error)


def empty_summary(reason: OmittedError) -> pd.DataFrame:
    """Return the rows of `summarise` for an encoder without a Jacobian: empty values, with the reason as note."""
    nothing = Interval(None, None, None, "")
    return _table(nothing, nothing, str(reason))


def _table(rank: Interval, ratio: Interval, note: str = "") -> pd.DataFrame:
    found = {"jacobian-rank": rank, "jacobian-participation-ratio": ratio}
    rows = [_row(name, **values._asdict(), note=note) for name, values in found.items()]
    return pd.DataFrame(rows, columns=list(ESTIMATE)).astype(ROW_TYPES)


def _row(estimator: str, **found: Any) -> dict[str, Any]:
    """Return the table row of one summary."""
    return {
        "estimator": estimator,
        "k": None,
        "aggregation": "mean",
        **found,
        "above_ambient": False,
        "duplicates_dropped": 0,
        "library": "earthdim",
        "library_version": version("earthdim"),
    }


def _in_float64(encoder: LocationEncoder):
    """Return the encoder as a function of coordinates (n, 2) in degrees, in float64 and evaluation mode."""
    double = copy.deepcopy(encoder).double().eval().requires_grad_(False)

    def function(lonlat: Tensor) -> Tensor:
        with _Float64():
            return double(lonlat)

    return function


def _tangents(function, lonlat: Tensor) -> Tensor:
    """Return the derivatives (n, d, 2) of a function of points with respect to kilometres east and north.

    Points are embedded independently, so one Jacobian-vector product gives the derivative at all of them.
    """
    north = torch.full_like(lonlat[:, 1], DEGREES_PER_KM)
    east = north / torch.cos(torch.deg2rad(lonlat[:, 1]))
    zero = torch.zeros_like(north)
    steps = (torch.stack((east, zero), dim=1), torch.stack((zero, north), dim=1))
    return torch.stack([torch.func.jvp(function, (lonlat,), (step,))[1] for step in steps], dim=2)
