"""Downstream tasks: labels at any coordinate, from real data.

A task has `labels(lonlat, dataset)`, which returns one label per longitude and latitude in degrees, (n, 2): float64
(n,) for regression, or int64 codes (n,) with -1 for points without a label. Classification tasks also have
`class_names(dataset)`, the names of the classes in the order of their codes.
"""
