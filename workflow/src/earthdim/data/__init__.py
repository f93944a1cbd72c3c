"""Data sets, samples of points, and tables of places with features."""
