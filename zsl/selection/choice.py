"""Selection of hyperparameters, epochs, γ and temperature on one stage of the protocol."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.evaluate import Calibration
from zsl.progress.progress import Progress
from zsl.selection.epochs import Objective
from zsl.selection.space import Hyperparameters, of_correction, of_embedding, of_method
from zsl.selection.trials import Trial, TrialLog
from zsl.selection.validation import Validation, replaced

EPOCHS = "epochs"
"""key of the number of epochs, which is chosen while a trial trains and is not part of the search space"""


@dataclass(frozen=True)
class Choice:
    """The chosen hyperparameters, correction and calibration, and every trial."""

    hyperparameters: Hyperparameters
    """hyperparameters of the method"""
    correction: Correction
    calibration: Calibration | None
    """calibration of corrected scores; None where no image of a seen class was held out"""
    trials: Sequence[Trial]
    embedding: Hyperparameters = field(default_factory=dict)
    """hyperparameters of the class embedding"""


def points(grid: Mapping[str, Sequence[Any]]) -> list[Hyperparameters]:
    """Return the Cartesian product of the axes of a grid; the last axis changes fastest."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def choose(
    validation: Validation,
    grid: Mapping[str, Sequence[Any]],
    trial_log: TrialLog | None = None,
    embedded: Callable[[Hyperparameters], Validation] | None = None,
) -> Choice:
    """Train once for every point of ``grid`` and choose the best point; skip the trials that ``trial_log`` holds.

    On the ``tune`` stage this is validation. On the ``final`` stage the choice is made on the test set: an oracle,
    allowed only where every number that follows from the choice is marked †.

    Args:
        validation: trains and validates.
        grid: the search space.
        trial_log: trials that were made before.
        embedded: returns the validation with other hyperparameters of the class embedding, where the grid has some.

    Raises:
        InputError: training diverged at every point, or a trial of ``trial_log`` is not of this grid.
    """
    trial_log = trial_log or TrialLog()
    every = points(grid)
    _require_points(trial_log, every, validation.stage.held_out.seen_images > 0)
    left = every[len(trial_log.trials) :]
    with Progress(f"choosing on {validation.stage.name}", len(left), "trials", len(left) > 1) as shown:
        for chosen, alike in itertools.groupby(left, of_embedding):
            for trial in (embedded(chosen) if embedded and chosen else validation).grid(list(alike)):
                trial_log.add(trial)
                shown.advance(lambda: compared(trial_log.trials, validation.objective), part=True)
    return best(trial_log.trials, validation.correction, validation.objective)


def _require_points(trial_log: TrialLog, every: Sequence[Hyperparameters], has_H: bool) -> None:
    """Refuse logged trials whose points or metrics are not those of this search.

    Raises:
        InputError: a trial is of another point, or has H where there is none, or none where there is.
    """
    for number, trial in enumerate(trial_log.trials, start=1):
        if number > len(every) or not is_of(trial, json.loads(json.dumps(every[number - 1]))):
            raise InputError(
                f"resume=true: {trial_log.path}: trial {number} belongs to another search; start without resume"
            )
        if trial.diverged is None and (trial.H is not None) != has_H:
            raise InputError(
                f"resume=true: {trial_log.path}: trial {number} has other metrics than this; start without resume"
            )


def is_of(trial: Trial, point: Hyperparameters) -> bool:
    """Tell whether a trial read from a file is of this point; beside the point, a trial holds its number of epochs."""
    chosen = {**trial.chosen}
    epochs = chosen.pop(EPOCHS, 1)
    rest = {key: value for key, value in point.items() if key != EPOCHS}
    return chosen == rest and isinstance(epochs, int) and not isinstance(epochs, bool) and epochs > 0


def compared(trials: Sequence[Trial], objective: Objective) -> str:
    """Return the objective of the last trial beside the best one so far, as text."""
    values = [getattr(trial, objective) for trial in trials]
    measured = [value for value in values if value is not None]
    last = "diverged" if values[-1] is None else f"{objective} {values[-1]:.1f}"
    return f"{last} (best: {max(measured):.1f})" if measured else last


def best(trials: Sequence[Trial], correction: Correction, objective: Objective) -> Choice:
    """Return the choice of the :func:`best_trial`.

    The choice holds the point and, for gradient training, the number of epochs; what the correction left open; γ, which
    maximises H; and the maximum-likelihood temperature.

    Raises:
        InputError: no trial is complete, or a trial holds hyperparameters that the correction does not have.
    """
    found = best_trial(trials, objective)
    if not set(found.correction) <= set(vars(correction)):
        raise InputError(f"selection: a trial chose {', '.join(found.correction)}, which the correction does not have")
    final = replaced(correction, {**of_correction(found.chosen), **found.correction})
    chose = found.gamma is not None and found.temperature is not None
    calibration = Calibration(found.gamma, found.temperature) if chose else None  # type: ignore[arg-type]
    return Choice(of_method(found.chosen), final, calibration, trials, of_embedding(found.chosen))


def best_trial(trials: Sequence[Trial], objective: Objective) -> Trial:
    """Return the trial that maximises ``objective``, the first one of equals, of those not diverged and not pruned.

    Raises:
        InputError: no trial is complete.
    """
    whole = [trial for trial in trials if trial.diverged is None and trial.pruned is None]
    if not whole:
        diverged = [trial.diverged for trial in trials if trial.diverged is not None]
        why = f"diverged; the last: {diverged[-1]}" if diverged else "was pruned; leave search.pruner out"
        raise InputError(f"selection: every trial {why}")
    return max(whole, key=lambda trial: getattr(trial, objective))
