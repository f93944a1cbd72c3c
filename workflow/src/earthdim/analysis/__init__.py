"""From measured rows to tables, replicates and correlations."""
