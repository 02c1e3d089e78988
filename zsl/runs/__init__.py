"""Execution of experiments: single runs, multiruns, searches."""
