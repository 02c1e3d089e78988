"""Readers of data sets: xlsa17 files, arrays, folders of images, emoji, synthetic data."""
