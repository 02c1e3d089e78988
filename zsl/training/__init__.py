"""The shared training loop: fit, checkpoints, divergence."""
