"""Estimators of intrinsic dimension: one leaf each, fed from one graph and one spectrum, and judged alike."""

from earthdim.estimators.estimate import ArgumentError, Estimate, EstimateError, estimate, library
from earthdim.estimators.evidence import Evidence
from earthdim.estimators.spectrum import Spectrum

__all__ = ["ArgumentError", "Estimate", "EstimateError", "Evidence", "Spectrum", "estimate", "library"]
