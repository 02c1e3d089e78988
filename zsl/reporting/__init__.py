"""Reports on results: tables, plots, comparisons and an HTML page."""
