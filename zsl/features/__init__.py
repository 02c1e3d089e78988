"""Image features: computed once, cached on disk, read as memory maps."""
