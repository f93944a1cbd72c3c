"""Location encoders: encodings and networks, released ones, and those that users bring."""
