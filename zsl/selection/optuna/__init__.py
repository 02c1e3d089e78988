"""The search of ``zsl sweep``: an Optuna study that several processes share."""
