"""Progress of long work, as a person watches it and as a log file keeps it."""
