"""Data sets, splits and the evaluation protocol."""
