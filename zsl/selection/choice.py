"""Choosing hyperparameters, epochs, γ and temperature on one stage of the protocol."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import track

from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.evaluate import Calibration
from zsl.selection.epochs import Objective
from zsl.selection.space import Hyperparameters, of_correction, of_method
from zsl.selection.trials import Trial, TrialLog
from zsl.selection.validation import Validation, replaced

EPOCHS = "epochs"
"""what is chosen while a point is tried, beside its own hyperparameters"""


@dataclass(frozen=True)
class Choice:
    """What was chosen, and every trial that led to it."""

    hyperparameters: Hyperparameters
    """of the method"""
    correction: Correction
    calibration: Calibration
    """of corrected scores"""
    trials: Sequence[Trial]


def points(grid: Mapping[str, Sequence[Any]]) -> list[Hyperparameters]:
    """Every value of each axis with every value of all others; the last axis changes fastest."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def choose(validation: Validation, grid: Mapping[str, Sequence[Any]], trial_log: TrialLog | None = None) -> Choice:
    """Train once for every point of ``grid`` and choose from all of them. Trials that ``trial_log`` has already are not
    made again.

    On the ``tune`` stage this is validation. On the ``final`` stage it is choosing on the test set: an oracle, allowed
    only where every number that follows from it is marked †.

    Raises:
        InputError: training diverged at every point, or a trial of ``trial_log`` is not of this grid.
    """
    trial_log = trial_log or TrialLog()
    every = points(grid)
    _require_points(trial_log, every)
    left = every[len(trial_log.trials) :]
    trials = validation.grid(left)
    title = f"choosing on {validation.stage.name}"
    console = Console(stderr=True)
    hidden = len(left) == 1 or not console.is_terminal
    for trial in track(trials, title, total=len(left), transient=True, console=console, disable=hidden):
        trial_log.add(trial)
    return best(trial_log.trials, validation.correction, validation.objective)


def _require_points(trial_log: TrialLog, every: Sequence[Hyperparameters]) -> None:
    """What an earlier attempt has tried is what would be tried now: nothing else of its file is built."""
    for number, trial in enumerate(trial_log.trials, start=1):
        if number > len(every) or not is_of(trial, json.loads(json.dumps(every[number - 1]))):
            raise InputError(
                f"resume=true: {trial_log.path}: trial {number} is of another search; start without resume"
            )


def is_of(trial: Trial, point: Hyperparameters) -> bool:
    """Whether a trial that a file holds tried this point and chose no more than the number of epochs to it."""
    chosen = {**trial.chosen}
    epochs = chosen.pop(EPOCHS, 1)
    rest = {key: value for key, value in point.items() if key != EPOCHS}
    return chosen == rest and isinstance(epochs, int) and not isinstance(epochs, bool) and epochs > 0


def best(trials: Sequence[Trial], correction: Correction, objective: Objective) -> Choice:
    """The point (and, with gradients, the number of epochs) of the trial that is best by ``objective``, the first of
    equals, among those that were trained to their end; with it what the correction left open, then γ, which maximises
    H, and the likeliest temperature.

    Raises:
        InputError: there is none.
    """
    whole = [trial for trial in trials if trial.diverged is None and trial.pruned is None]
    if not whole:
        diverged = [trial.diverged for trial in trials if trial.diverged is not None]
        why = f"diverged; the last: {diverged[-1]}" if diverged else "was ended early; leave search.pruner out"
        raise InputError(f"selection: every trial {why}")
    found = max(whole, key=lambda trial: getattr(trial, objective))
    assert found.gamma is not None
    assert found.temperature is not None
    if not set(found.correction) <= set(vars(correction)):
        raise InputError(f"selection: a trial chose {', '.join(found.correction)}, which the correction does not have")
    final = replaced(correction, {**of_correction(found.chosen), **found.correction})
    return Choice(of_method(found.chosen), final, Calibration(found.gamma, found.temperature), trials)
