"""The exact local dimension of an encoder: the singular values of its Jacobian on the ground.

A differentiable map of the sphere has at most two dimensions at every point, whatever distances between sampled points
suggest. Where both singular values are alike, a step in any direction moves the embedding as far; where one is much
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
from earthdim.estimation.uncertainty import Interval, draws_interval
from earthdim.geo import EARTH_RADIUS_KM, check_lonlat
from earthdim.omissions import OmittedError
from earthdim.storage.schema import ESTIMATE

RANK_TOLERANCE = 1e-6
"""Singular values below this part of the larger one count as zero. It is ten times the rounding of float32, in which
embeddings are stored: a step of any length in such a direction moves them by no more than their last digits."""

DEGREES_PER_KM = 180 / np.pi / EARTH_RADIUS_KM
"""Degrees of a meridian, or of the equator, to a kilometre."""


class NoDerivativeError(OmittedError, FloatingPointError):
    """An encoder has no finite derivative at a point."""


class _Float64(TorchFunctionMode):
    """Keeps in float64 what an encoding computes in float64 and would round to float32 for its network."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        return func(*args, **(kwargs or {}))


def local_jacobian(encoder: LocationEncoder, lonlat: np.ndarray, batch: int = 256) -> np.ndarray:
    """Compute the singular values of the encoder's Jacobian with respect to kilometres east and north.

    The derivatives are exact: forward-mode automatic differentiation along both tangents of the sphere, in evaluation
    mode and in float64 throughout. Where a unit of the network is exactly at a kink of its activation (ReLU at 0), the
    one-sided derivative that torch takes there is used.

    Parameters
    ----------
    encoder : LocationEncoder
        Differentiable in its coordinates; it is left as it was.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees; not a pole, where no direction is east.
    batch : int
        How many points are in memory at once.

    Returns
    -------
    ndarray (n, 2), float64
        Larger and smaller singular value, in units of the embedding per kilometre on the ground.

    Raises
    ------
    ValueError
        If the coordinates are not longitudes and latitudes, or `batch` is not positive.
    OmittedError
        If one is a pole, or the encoder computes outside of torch, which leaves no derivative.
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

    The rank at a point counts the singular values above `RANK_TOLERANCE` times the larger one. The participation ratio
    (s1^2 + s2^2)^2 / (s1^4 + s2^4) lies between 1, a curve, and 2, a map that is conformal there.

    Parameters
    ----------
    singular_values : ndarray (n, 2)
        Of `local_jacobian`, at independent points.

    Returns
    -------
    DataFrame
        The rows `jacobian-rank` and `jacobian-participation-ratio`, means over points, with the columns of `measure`.
        The participation ratio has the t interval of its mean over points; the rank, which is the same nearly
        everywhere, has none.

    Raises
    ------
    OmittedError
        If the encoder does not vary at all at a point.
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
    ratio = draws_interval(squared.sum(axis=1) ** 2 / (squared**2).sum(axis=1), "points")
    return _table(Interval(float(rank.mean()), None, None, ""), ratio)


def jacobian_rows(encoder: LocationEncoder, lonlat: np.ndarray) -> pd.DataFrame:
    """The rows of `summarise` for an encoder at these points; of `without` if it has no Jacobian there."""
    try:
        return summarise(local_jacobian(encoder, lonlat))
    except OmittedError as error:
        return without(error)


def without(reason: OmittedError) -> pd.DataFrame:
    """The rows of `summarise` for an encoder that has no Jacobian: empty values, and the reason as their note."""
    nothing = Interval(None, None, None, "")
    return _table(nothing, nothing, str(reason))


def _table(rank: Interval, ratio: Interval, note: str = "") -> pd.DataFrame:
    found = {"jacobian-rank": rank, "jacobian-participation-ratio": ratio}
    rows = [_row(name, **values._asdict(), note=note) for name, values in found.items()]
    return pd.DataFrame(rows, columns=list(ESTIMATE)).astype(ROW_TYPES)


def _row(estimator: str, **found: Any) -> dict[str, Any]:
    """What a table says of one summary."""
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
    """Return the encoder as a function of coordinates (n, 2) in degrees, computed in float64 and evaluation mode."""
    twin = copy.deepcopy(encoder).double().eval().requires_grad_(False)

    def function(lonlat: Tensor) -> Tensor:
        with _Float64():
            return twin(lonlat)

    return function


def _tangents(function, lonlat: Tensor) -> Tensor:
    """Return the derivatives (n, d, 2) of a function of points by kilometres east and north.

    Points are embedded each by itself, so that one product with a vector gives the derivative at all of them.
    """
    north = torch.full_like(lonlat[:, 1], DEGREES_PER_KM)
    east = north / torch.cos(torch.deg2rad(lonlat[:, 1]))
    still = torch.zeros_like(north)
    steps = (torch.stack((east, still), dim=1), torch.stack((still, north), dim=1))
    return torch.stack([torch.func.jvp(function, (lonlat,), (step,))[1] for step in steps], dim=2)
