"""One self-contained page on any number of runs: a file a section, its template in ``templates/``."""
