"""Corrections of hubness and of bias towards seen classes: score matrix in, score matrix out."""
