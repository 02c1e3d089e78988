"""Selection of hyperparameters, epochs, correction and calibration for an experiment, by its selection policy."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from zsl.config.build import ANY_DATA
from zsl.config.checking import resolved
from zsl.config.compose import compose
from zsl.config.experiment import Experiment
from zsl.config.search_space import axes
from zsl.data.protocol import EmbeddedDataset, Stage
from zsl.methods.generative.feature_generator import FeatureGenerator
from zsl.methods.method import Dimensions, ZSLModel
from zsl.runs.train import train, untrained
from zsl.selection.choice import Choice, best_trial, choose, points
from zsl.selection.space import Hyperparameters
from zsl.selection.trials import TrialLog
from zsl.selection.validation import Validation
from zsl.training.fit import finish, fit_grid
from zsl.training.resumption import InterruptedRunError

log = logging.getLogger(__name__)
Searches: TypeAlias = dict[tuple[str, ...], Choice]
"""cache of choices: identity of the experiment and fingerprints of its data -> choice"""


def choose_by_policy(
    experiment: Experiment, source: EmbeddedDataset, trial_log: TrialLog, searches: Searches
) -> Choice | None:
    """Choose on the tune stage (``validation``), on the final stage (``test``: an oracle), or not at all (``fixed``).

    With ``selection.seed``, trials are trained with that seed instead of the run's: runs that share ``searches`` and
    differ only in their seeds then search once.
    """
    policy = experiment.selection.policy
    if policy == "fixed":
        return None
    experiment = experiment.for_choosing()
    key = experiment.identity, *trial_log.data.values()
    if key not in searches:
        stage = experiment.stage(source, "tune" if policy == "validation" else None)
        searches[key] = select(experiment, stage, trial_log)
    return searches[key]


def select(experiment: Experiment, stage: Stage, trial_log: TrialLog) -> Choice:
    """Try every point of the grid on ``stage`` and choose the best.

    Raises:
        InterruptedRunError: the search was stopped; its trials are on disk.
    """
    try:
        own = partial(embedded, experiment, stage.name)
        choice = choose(validation(experiment, stage), experiment.grid, trial_log, own)
        if stage.name == "tune":
            warn_of_eszsl(experiment, stage, choice)
        return choice
    except (InterruptedRunError, KeyboardInterrupt):
        where = f"trial {len(trial_log.trials) + 1}, which will begin again"
        raise InterruptedRunError(where, resumable=True) from None


def warn_of_eszsl(experiment: Experiment, stage: Stage, choice: Choice) -> None:
    """Warn where a generator of features was chosen that is no better than ESZSL on the held-out images of a stage.

    ESZSL is tried with all values of its search space. Both are compared by H, in percent, at the best γ of each.
    """
    if not isinstance(experiment.method(ANY_DATA, {}), FeatureGenerator):
        return
    if choice.embedding:
        experiment = experiment.with_embedding(choice.embedding)
        stage = experiment.stage(experiment.load_data(), stage.name)
    plain = compose(["method=eszsl"])
    eszsl = replace(
        experiment, config={**experiment.config, "method": resolved(plain.method)}, space=axes(resolved(plain.sweep))
    )
    chosen = best_trial(choice.trials, experiment.selection.objective).H
    other = max(trial.H or 0.0 for trial in validation(eszsl, stage).grid(points(eszsl.grid)))
    if chosen is not None and chosen < other:
        log.warning(
            "%s: H at its best γ is %.1f on validation classes, and %.1f with method=eszsl; try %s, or another "
            "method/head",
            *(experiment.names.method or "method", chosen, other, ", ".join(_remedies(experiment.config["method"]))),
        )


def _remedies(method: Mapping[str, Any]) -> Iterator[str]:
    """Yield what may help a generator with these hyperparameters."""
    longer = "epochs" if method.get("epochs") else "steps"
    yield f"more method.{longer}" + (" and a longer method.budget" if method.get("budget") else "")
    if "hidden" in method:
        yield "a wider method.hidden"
    if "weight_decay" in (method.get("head") or {}):
        yield "+sweep.head.weight_decay"


def embedded(experiment: Experiment, stage: str, chosen: Hyperparameters) -> Validation:
    """Return the validation on a stage with some hyperparameters of the class embedding replaced.

    Raises:
        InputError: a class cannot be embedded so.
    """
    tried = experiment.with_embedding(chosen)
    return validation(tried, tried.stage(tried.load_data(), stage))


def validation(experiment: Experiment, stage: Stage) -> Validation:
    """Return the validation of the experiment's method on the held-out images of ``stage``."""

    def solve(points: Iterable[Hyperparameters]) -> Iterator[ZSLModel] | None:
        dims, kind = Dimensions(*stage.dims), type(experiment.method(ANY_DATA, {}))
        models = (experiment.method(dims, point) for point in points)
        return fit_grid(kind, models, stage.training(kind.setting), experiment.loop)

    return Validation(
        stage,
        partial(train, experiment, stage),
        experiment.correction,
        experiment.selection.objective,
        experiment.selection.patience,
        experiment.selection.every,
        solve,
        partial(finish, loop=experiment.loop, seed=experiment.seed),
        partial(untrained, experiment, stage),
    )
