"""Files of users and of runs: read as data without executing anything, written atomically, and named in errors."""
