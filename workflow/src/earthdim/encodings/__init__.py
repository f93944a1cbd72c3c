"""Positional encodings: longitude and latitude to features, one file each."""
