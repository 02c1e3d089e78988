"""Searches for hyperparameters that several processes share: Optuna, and the database it keeps them in."""
