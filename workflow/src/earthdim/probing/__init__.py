"""Downstream probes: tasks, splits, heads, metrics."""
