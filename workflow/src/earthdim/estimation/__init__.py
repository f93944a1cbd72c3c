"""Estimation of intrinsic dimension: nearest-neighbour graphs, estimators, and confidence intervals.

The package is not called `dimension` because `earthdim.dimension` is the library function.
"""
