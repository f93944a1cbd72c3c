"""Execution of jobs: threads, logs, leases, runs and costs."""
