"""Pre-training of location encoders, and their weights."""
