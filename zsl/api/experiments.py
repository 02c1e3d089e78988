"""``zsl.experiment`` and ``zsl.experiments``: configured runs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from zsl.api.data import Data, data_of
from zsl.api.results import Results, Run, results, run_of
from zsl.config.compose import check_choices, prepare_hydra, register_started, require_working_folder
from zsl.config.experiment import Experiment
from zsl.config.overrides import readable
from zsl.config.tree import choices as all_choices
from zsl.errors import InputError
from zsl.hyperparameters import require_choice
from zsl.runs.run import run


@dataclass(frozen=True)
class ConfiguredExperiment:
    """An experiment of the command line's configuration: ``zsl.experiment("data=cub", "method=eszsl").run()``."""

    experiment: Experiment

    @property
    def config(self) -> Mapping[str, Any]:
        """The whole configuration, resolved, as ``result.json`` stores it."""
        return self.experiment.config

    def load_data(self) -> Data:
        """Load the data set that it runs on, with its class embedding.

        Raises:
            InputError: the data set cannot be loaded.
        """
        return data_of(self.config)

    def run(self, output: str | Path | None = None) -> Run:
        """Run it as ``zsl train`` does, write ``result.json``, and return the result.

        Args:
            output: folder of the run; by default ``paths.output``.

        Raises:
            InputError: the data cannot be used, or training diverged.
        """
        folder = self.experiment.output if output is None else Path(output)
        return run_of(run(self.experiment, folder), folder)


@dataclass(frozen=True)
class ConfiguredExperiments:
    """Experiments that lists of values describe: ``zsl.experiments("method=eszsl,ale", "seed=range(3)").run()``."""

    overrides: Sequence[str]

    def run(self) -> Results:
        """Run every combination as ``zsl train -m`` does, one folder each in ``paths.output``; return the results.

        A run that has a result is not run again, and choices that several seeds share are made once.

        Raises:
            InputError: a configuration cannot be composed, the overrides match no run, or runs failed.
        """
        from zsl.runs.multirun import launched

        require_working_folder()
        started = datetime.now()
        register_started(started)
        arguments = Namespace(overrides=list(self.overrides), config_name=None, config_path=None, config_dir=None)
        outcomes, _ = launched(arguments, started, shown=False)
        if failed := [outcome for outcome in outcomes if outcome.state == "failed"]:
            raise InputError(f"{len(failed)} of {len(outcomes)} runs failed; the first: {failed[0].error}")
        return results(*(outcome.job.folder for outcome in outcomes))


def experiment(*overrides: str) -> ConfiguredExperiment:
    """Compose and check an experiment from overrides as ``zsl train`` takes them.

    Raises:
        InputError: the configuration cannot be composed, or a value cannot be used.
    """
    try:
        return ConfiguredExperiment(Experiment.compose(overrides))
    except InputError as error:
        text = str(error).replace("add -m to run each", "use zsl.experiments to run each")
        raise (InputError(text) if text != str(error) else error) from None


def experiments(*overrides: str) -> ConfiguredExperiments:
    """Describe several experiments by overrides as ``zsl train -m`` takes them: lists of values, which are combined.

    Raises:
        InputError: an override cannot be parsed, or names an unknown choice.
    """
    words = readable(overrides)
    prepare_hydra()
    check_choices(words)
    return ConfiguredExperiments(tuple(words))


def choices(group: str = "method") -> list[str]:
    """Return the names that a group of the configuration offers, as ``zsl list`` shows them.

    Args:
        group: such as ``"method"``, ``"data"``, ``"class_embedding"``, ``"correction"`` or ``"experiments"``.

    Raises:
        InputError: there is no such group.
    """
    known = {name: names for name, names in all_choices().items() if names}
    require_choice(group, "choices", tuple(known))
    return known[group]
