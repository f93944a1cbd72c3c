"""Downstream probes: tasks, splits, heads and metrics."""
