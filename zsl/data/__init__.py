"""Data sets, splits and the protocol that hands them out."""
