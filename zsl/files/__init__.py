"""Files of users and of runs: read as data, written whole, and named in errors."""
