"""Results of runs (``result.json``), identities of configurations, and published numbers."""
