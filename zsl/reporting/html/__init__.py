"""Self-contained HTML page on any number of runs: one module per section, with its template in ``templates/``."""
