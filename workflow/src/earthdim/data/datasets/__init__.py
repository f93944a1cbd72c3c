"""Data sets as xarray Datasets: one function for each, read from packaged data or from a user's file."""
