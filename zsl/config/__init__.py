"""From overrides on a command line to checked objects: the only users of Hydra and OmegaConf are here and in runs."""
