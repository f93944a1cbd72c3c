"""How jobs run: threads, logs, leases, runs, costs."""
