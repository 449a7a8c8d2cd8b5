"""Training runs: their settings, the epochs, self-critical training."""
