"""Estimators of intrinsic dimension, one file and one config leaf each, with one interface.

Classes of `skdim.id` are used directly. Classes defined here follow the same contract, documented in
`earthdim.estimation.estimators.estimate`.
"""

from earthdim.estimation.estimators import undrawn
from earthdim.estimation.estimators.embedding import PreparedEmbedding
from earthdim.estimation.estimators.estimate import ArgumentError, Estimate, EstimateError, estimate, library
from earthdim.estimation.estimators.spectrum import Spectrum

undrawn.register()

__all__ = [
    "ArgumentError",
    "Estimate",
    "EstimateError",
    "PreparedEmbedding",
    "Spectrum",
    "estimate",
    "library",
]
