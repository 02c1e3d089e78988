"""Significance of differences between methods: paired tests, ranks over data sets, differences by class."""
