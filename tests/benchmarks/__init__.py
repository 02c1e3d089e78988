"""Timings, side by side in one run: ``make bench``. Never run as tests."""
