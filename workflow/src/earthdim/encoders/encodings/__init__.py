"""Positional encodings: longitude and latitude to features, one file for each source."""
