"""The intrinsic dimension of Earth representations, measured reproducibly."""
