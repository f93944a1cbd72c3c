"""Estimators of intrinsic dimension: one leaf each, fed from one graph and one spectrum, and judged alike."""

from earthdim.estimators.estimate import Estimate, EstimateError, estimate, library
from earthdim.estimators.evidence import Evidence
from earthdim.estimators.spectrum import Spectrum

__all__ = ["Estimate", "EstimateError", "Evidence", "Spectrum", "estimate", "library"]
