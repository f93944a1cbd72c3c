"""Data sets, samples of points, and tables with coordinates."""
