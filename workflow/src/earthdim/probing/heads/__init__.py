"""Heads that read labels off frozen embeddings, one file each."""
