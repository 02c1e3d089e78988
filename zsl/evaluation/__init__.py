"""Metrics as pure functions of score matrices, labels and the seen mask."""
