"""Results on disk, their statistics, and the tables people read."""
