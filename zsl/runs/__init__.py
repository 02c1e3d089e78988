"""Running experiments: one, many, or a search."""
