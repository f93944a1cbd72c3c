"""Estimators of intrinsic dimension: classes of scikit-dimension, fed with one graph and judged alike."""

from earthdim.estimators.estimate import Estimate, EstimateError, estimate, library, local_dimension

__all__ = ["Estimate", "EstimateError", "estimate", "library", "local_dimension"]
