"""Heads that predict labels from fixed embeddings, one file each."""
