"""Watching runs: W&B, TensorBoard, CSV. What goes wrong in here never costs a result."""
