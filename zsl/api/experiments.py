"""``zsl.experiment`` and ``zsl.experiments``: configured runs; ``zsl.results``: what runs wrote."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from zsl.api.data import Data, data_of
from zsl.api.scores import Scores
from zsl.api.tables import Table
from zsl.config.compose import check_choices, prepare_hydra, register_started, require_working_folder
from zsl.config.experiment import Experiment
from zsl.config.overrides import readable
from zsl.config.tree import choices as all_choices
from zsl.data.scaling import require_choice
from zsl.errors import InputError
from zsl.files.array_file import KINDS, read_archive
from zsl.outputs.names import PREDICTIONS
from zsl.outputs.result import Result, gather
from zsl.prediction.predictor import Predictor
from zsl.prediction.saved import load
from zsl.runs.run import run


@dataclass(frozen=True)
class Run(Result):
    """Result of a run, with its numbers as attributes such as ``metrics``, and what else its folder holds."""

    folder: Path = field(default_factory=Path)

    @property
    def scores(self) -> Scores:
        """Scores of all test images for all classes, which ``save.scores=true`` keeps.

        Raises:
            InputError: the run did not save them, or the file is damaged.
        """
        file = self.folder / PREDICTIONS
        if not file.is_file():
            raise InputError(f"{file}: is not there; run it with save.scores=true")
        try:
            found = read_archive(file, ("scores", "labels", "classes", "seen"), KINDS + "U")
            return Scores(found["scores"], found["labels"], [str(name) for name in found["classes"]], found["seen"])
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{file}: cannot be read ({reason}); run it again with save.scores=true") from error

    @property
    def predictor(self) -> Predictor:
        """The trained model, which ``save.model=true`` keeps.

        Raises:
            InputError: the run did not save it, or it is damaged.
        """
        return load(self.folder)


@dataclass(frozen=True)
class Results:
    """Results of runs, by the path of their ``result.json``."""

    by_path: Mapping[Path, Result] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_path)

    def __iter__(self) -> Iterator[Run]:
        """Iterate over the runs, by path."""
        return (_run(result, path.parent) for path, result in self.by_path.items())

    def __repr__(self) -> str:
        return f"Results of {len(self)} run{'s' * (len(self) != 1)}"

    def table(self, metrics: Sequence[str] = (), sort: str | None = None, std: bool = False) -> Table:
        """Return a Markdown table: one row for all seeds of a configuration, as ``zsl report`` makes it.

        Args:
            metrics: names of the columns; the usual ones where none is given.
            sort: metric by which rows are sorted.
            std: whether to give the standard deviation, too.

        Raises:
            InputError: no result has one of the metrics.
        """
        from zsl.reporting.layout import arrange
        from zsl.reporting.report import render
        from zsl.reporting.table import rows

        if isinstance(metrics, str):
            raise InputError(f"metrics: {metrics!r} is no list; give a list of names, such as ['T1', 'H']")
        return Table(render(arrange(rows(self.by_path), sort), "markdown", metrics, std))

    def hubness(self, k: int = 1, among: str = "unseen") -> Table:
        """Return a Markdown table of hubs and antihubs, as ``zsl hubness`` makes it.

        Args:
            k: how many of the best classes of an image are counted: 1, 5 or 10.
            among: ``"unseen"`` for images and candidate classes that are unseen, or ``"all"``.

        Raises:
            InputError: a result has no such counts.
        """
        from zsl.reporting.hubness import table

        return Table(table(self.by_path, k, among))

    def published(self) -> Table:
        """Return Markdown tables of runs of experiments beside published numbers, as ``zsl reproduce`` makes them.

        Raises:
            InputError: no result is of an experiment.
        """
        from zsl.reporting.report import written
        from zsl.reporting.reproduction import reproductions, sections, summary

        found = reproductions(self.by_path)
        return Table(written([summary(found), *sections(found)], "markdown"))


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
        return _run(run(self.experiment, folder), folder)


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


def results(*folders: str | Path) -> Results:
    """Gather the results of all runs below folders.

    Raises:
        InputError: no folder is given, a folder holds no result, or one is damaged.
    """
    if not folders:
        raise InputError("results: no folder is given; give one that holds runs, such as 'runs'")
    return Results(gather([Path(folder) for folder in folders]))


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


def _run(result: Result, folder: Path) -> Run:
    return Run(**vars(result), folder=folder)
