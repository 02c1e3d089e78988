"""Trackers of runs: W&B, TensorBoard and CSV. A tracker that fails never stops a run."""
