"""Choosing hyperparameters, epochs, γ and temperature on one stage of the protocol."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import track

from zsl.data.protocol import Opened, Stage
from zsl.data.training_set import TrainingSet
from zsl.errors import DivergedError, InputError
from zsl.evaluation.accuracy import hits, mean_class_accuracy
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.curve import seen_unseen_curve
from zsl.evaluation.evaluate import Calibration, calibrate
from zsl.model import ZSLModel
from zsl.scoring import Scored, score_opened
from zsl.trials import Diary, Trial

Hyperparameters = Mapping[str, Any]
Train = Callable[[Hyperparameters, Sequence[Callback]], ZSLModel]
"""hyperparameters and callbacks -> a method trained with them on the stage at hand"""
Solve = Callable[[Sequence[Hyperparameters]], Iterator[ZSLModel] | None]
"""all points of a grid -> a method trained with each in turn, where they share their decompositions"""
Finish = Callable[[ZSLModel, TrainingSet], None]
"""what is left to do for a method after its gradient steps, given what it learns from"""
Objective = Literal["T1", "H"]
CORRECTION = "correction."
"""begins the keys of a grid that are the correction's; all others are the method's"""


def _finalize(model: ZSLModel, train: TrainingSet) -> None:
    model.finalize(train)


@dataclass(frozen=True)
class Measured:
    """What one trained method reaches on held-out images: T1, and H at the stacking bias γ that is best there.

    Scores are corrected first; what the correction leaves open is chosen on the same images.
    """

    scored: Scored
    """as corrected"""
    correction: Correction
    T1: float
    H: float
    gamma: float

    @classmethod
    def of(cls, scored: Scored, correction: Correction) -> Measured:
        """Correct and measure scores."""
        correction = correction.chosen_on(scored.gzsl)
        scored = scored.corrected(correction)
        zsl, gzsl = scored.zsl, scored.gzsl
        best = seen_unseen_curve(gzsl.scores, gzsl.labels, gzsl.seen).best()
        T1 = mean_class_accuracy(hits(zsl.scores, zsl.labels), zsl.labels)
        return cls(scored, correction, T1, best.H, best.gamma)

    def trial(self, chosen: Hyperparameters, before: Correction) -> Trial:
        """What a diary keeps of it."""
        opened = {key: value for key, value in vars(self.correction).items() if value != vars(before)[key]}
        calibration = calibrate(self.scored.gzsl)
        return Trial(chosen, self.T1, self.H, calibration.gamma, calibration.temperature, opened)

    def objective(self, name: Objective) -> float:
        """T1 or H, by name."""
        return self.T1 if name == "T1" else self.H


@dataclass(frozen=True)
class Choice:
    """What was chosen, and every trial that led to it."""

    hyperparameters: Hyperparameters
    """of the method"""
    correction: Correction
    calibration: Calibration
    """of corrected scores"""
    trials: Sequence[Trial]


class BestEpoch(Callback):
    """Finish and measure after every epoch, or after ``every`` so many and the last; keep the best, and stop when
    ``patience`` epochs brought nothing better.

    The random streams go on as if nothing had been measured.
    """

    def __init__(
        self,
        images: Opened,
        objective: Objective,
        patience: int,
        correction: Correction,
        every: int = 1,
        finish: Finish = _finalize,
    ) -> None:
        self.images, self.objective, self.patience, self.correction = images, objective, patience, correction
        self.every, self.finish = every, finish
        self.best: Measured | None = None
        self.epochs = 0

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, when it is due."""
        assert isinstance(pl_module, ZSLModel)
        if (trainer.current_epoch + 1) % self.every and trainer.current_epoch + 1 < pl_module.epochs:
            return
        training = pl_module.training
        with torch.random.fork_rng():
            self.finish(pl_module.eval(), trainer.train_dataloader.train)  # type: ignore[union-attr]
        now = Measured.of(score_opened(pl_module, self.images), self.correction)
        pl_module.train(training)
        pl_module.log_dict({"validation_T1": now.T1, "validation_H": now.H}, prog_bar=True)
        if self.best is None or now.objective(self.objective) > self.best.objective(self.objective):
            self.best, self.epochs = now, trainer.current_epoch + 1
        elif trainer.current_epoch + 1 - self.epochs >= self.patience:
            trainer.should_stop = True


def of_method(point: Hyperparameters) -> Hyperparameters:
    """The part of a point that is the method's."""
    return {key: value for key, value in point.items() if not key.startswith(CORRECTION)}


def of_correction(point: Hyperparameters) -> Hyperparameters:
    """The part of a point that is the correction's, by the correction's own names."""
    return {key.removeprefix(CORRECTION): value for key, value in point.items() if key.startswith(CORRECTION)}


def choose(
    stage: Stage,
    train: Train,
    grid: Mapping[str, Sequence[Any]],
    correction: Correction,
    objective: Objective = "T1",
    patience: int = 10,
    solve: Solve | None = None,
    diary: Diary | None = None,
    every: int = 1,
    finish: Finish = _finalize,
) -> Choice:
    """Train once for every point of ``grid`` and keep the point (and, with gradients, the number of epochs) that is
    best by ``objective`` on the held-out images of ``stage``, as corrected. Keys such as ``correction.k`` are
    hyperparameters of the correction; what it leaves open is chosen there, then γ, which maximises H, and the likeliest
    temperature. Where ``solve`` has the models of all points at once, they are taken from there. Epochs are measured
    ``every`` so many, after ``finish``. Trials that ``diary`` has already are not made again; one that diverges is
    noted and left.

    On the ``tune`` stage this is validation. On the ``final`` stage it is choosing on the test set: an oracle, allowed
    only where every number that follows from it is marked †.

    Raises:
        InputError: the grid has an empty axis, patience is below 1, or training diverged at every point.
    """
    for key, value in (("patience", patience), ("every", every)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"selection.{key}={value}: must be a whole number of at least 1")
    for key, values in grid.items():
        if not isinstance(values, list | tuple) or not values:
            raise InputError(f"sweep.{key}={values}: list at least one value, or leave the key out")
    diary = diary or Diary()
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    left = points[len(diary.trials) :]
    solved = solve([of_method(point) for point in left]) if solve else None
    images = stage.held_out.opened()
    console = Console(stderr=True)
    hidden = len(left) == 1 or not console.is_terminal
    for point in track(left, "choosing on " + stage.name, transient=True, console=console, disable=hidden):
        tried = replaced(correction, of_correction(point))
        watch = BestEpoch(images, objective, patience, tried, every, finish)
        try:
            model = train(of_method(point), [watch]) if solved is None else next(solved)
        except DivergedError as error:
            diary.add(Trial(point, diverged=str(error)))
            continue
        measured = watch.best or Measured.of(score_opened(model, images), tried)
        diary.add(measured.trial(point | ({"epochs": watch.epochs} if watch.best else {}), tried))
    converged = [trial for trial in diary.trials if trial.diverged is None]
    if not converged:
        raise InputError(f"selection: every trial diverged; the last: {diary.trials[-1].diverged}")
    best = max(converged, key=lambda trial: getattr(trial, objective))
    assert best.gamma is not None
    assert best.temperature is not None
    final = replaced(correction, {**of_correction(best.chosen), **best.correction})
    return Choice(of_method(best.chosen), final, Calibration(best.gamma, best.temperature), diary.trials)


def replaced(correction: Correction, hyperparameters: Hyperparameters) -> Correction:
    """The same correction with these hyperparameters in place of its own."""
    return type(correction)(**{**vars(correction), **hyperparameters})
