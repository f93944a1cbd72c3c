"""Experiments: their configuration resolved, checked, and divided into the slices that the jobs depend on."""
