"""Configuration: from overrides on the command line to checked objects. Only this package, runs and cli use Hydra."""
