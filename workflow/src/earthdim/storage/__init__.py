"""Files below results/: their schema, and how they are written, read and identified."""
