"""Intrinsic dimension: nearest neighbours, estimators, intervals.

The package is not called `dimension`, because `earthdim.dimension` is the library's function.
"""
