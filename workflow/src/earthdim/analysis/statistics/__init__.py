"""Rank and moment correlations of a few cells in fewer families: values, intervals, tests, corrections."""
