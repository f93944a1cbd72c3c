"""Published checkpoints as location encoders, one file a model."""
