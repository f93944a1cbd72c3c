"""Modalities: sources that map coordinates to fixed feature vectors, independent of any encoder."""
