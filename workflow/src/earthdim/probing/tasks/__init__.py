"""Downstream tasks: a label at any coordinate, from real data."""
