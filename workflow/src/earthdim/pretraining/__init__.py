"""Pre-training of location encoders: objectives, modalities, the training loop, and a variant's weights."""
