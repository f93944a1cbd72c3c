"""Location encoders: positional encodings and networks, released models, and user-supplied encoders."""
