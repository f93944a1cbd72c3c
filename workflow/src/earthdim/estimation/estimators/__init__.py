"""Estimators of intrinsic dimension: one leaf each, fed from one graph and one spectrum, and judged alike."""

from earthdim.estimation.estimators.embedding import Evidence
from earthdim.estimation.estimators.estimate import ArgumentError, Estimate, EstimateError, estimate, library
from earthdim.estimation.estimators.spectrum import Spectrum

__all__ = ["ArgumentError", "Estimate", "EstimateError", "Evidence", "Spectrum", "estimate", "library"]
