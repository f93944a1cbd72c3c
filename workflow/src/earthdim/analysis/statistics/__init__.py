"""Correlation of small numbers of cells grouped in families: coefficients, intervals, tests and corrections."""
