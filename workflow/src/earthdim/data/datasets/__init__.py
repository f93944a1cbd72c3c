"""Data sets as xarray Datasets: one function per data set, read from packaged data or user-supplied files."""
