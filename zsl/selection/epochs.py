"""Validation of a method on held-out images during training, and the choice of its number of epochs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from zsl.data.protocol import HeldOut
from zsl.data.training_set import TrainingSet
from zsl.errors import DivergedError, EnoughError, PrunedError
from zsl.evaluation.accuracy import mean_class_accuracy
from zsl.evaluation.calibration import Calibration
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.curve import seen_unseen_curve
from zsl.evaluation.evaluate import calibrate
from zsl.evaluation.gzsl import u_s_H
from zsl.evaluation.scoring import Scored, score
from zsl.evaluation.statistics import gather
from zsl.methods.method import ZSLModel
from zsl.selection.space import Hyperparameters
from zsl.selection.trials import Trial

log = logging.getLogger(__name__)
Finish = Callable[[ZSLModel, TrainingSet], None]
"""(model, training set) -> None: finishes a method after its gradient steps"""
Objective = Literal["T1", "H", "H_raw"]
ShouldContinue = Callable[[int, float], bool]
"""(epoch, best objective so far) -> whether to continue training"""


def finalize(model: ZSLModel, train: TrainingSet) -> None:
    """Finish a method without heads after its gradient steps."""
    model.finalize(train)


@dataclass(frozen=True)
class ValidationScores:
    """Metrics of one trained method on held-out images: T1, H at the best stacking bias γ, and H without γ.

    Scores are corrected first; hyperparameters that the correction leaves open are chosen on the same images. Without
    held-out images of seen classes there is T1 alone.
    """

    correction: Correction
    T1: float
    H: float | None = None
    H_raw: float | None = None
    calibrated: Callable[[], Calibration | None] = lambda: None
    """γ and temperature, computed when they are asked for, as only those of the best epoch are"""

    @classmethod
    def of(cls, scored: Scored, correction: Correction) -> ValidationScores:
        """Correct scores and compute their metrics."""
        correction = correction.chosen_on(scored.gzsl)
        scored = scored.corrected(correction)
        unseen = gather(scored.zsl)
        T1 = mean_class_accuracy(unseen.hits(), unseen.labels)
        if not scored.gzsl.of_seen_class.any():
            return cls(correction, T1)
        every = gather(scored.gzsl, sample=True)
        calibrated = partial(calibrate, scored.gzsl, every)
        if not every.complete:  # the scores have to be read again while the method has the weights of this epoch
            calibrated = partial(Calibration, **vars(calibrated()))
        return cls(correction, T1, seen_unseen_curve(every).best().H, u_s_H(every)["H"], calibrated)

    def trial(
        self, chosen: Hyperparameters, before: Correction, pruned: int | None = None, reached: int | None = None
    ) -> Trial:
        """Return the trial that records these metrics.

        Args:
            chosen: the point of the search space, with the number of epochs if that was chosen.
            before: the correction as configured; hyperparameters in which it differs from the one used are recorded.
            pruned: the epoch after which training was pruned, or None.
            reached: the last epoch that was validated, or None where it is the only one.
        """
        opened = {key: value for key, value in vars(self.correction).items() if value != vars(before)[key]}
        calibration = self.calibrated()
        trial = Trial(chosen, self.T1, self.H, self.H_raw, correction=opened, pruned=pruned, reached=reached)
        return replace(trial, **vars(calibration)) if calibration else trial

    def objective(self, name: Objective) -> float:
        """Return T1, H or H_raw, by name."""
        value: float = getattr(self, name)
        return value


class BestEpoch(Callback):
    """Lightning callback that validates after every ``every``-th and the last epoch and keeps the best scores.

    A method whose loss follows a schedule is validated after the last alone, one with a budget in the second half of
    its time.

    Training stops when ``patience`` epochs brought no improvement. Validation restores weights and random state: the
    scores after e epochs are those of training for e epochs, heads included, which are trained from scratch each time.

    Args:
        images: held-out images.
        objective: metric to maximise.
        patience: epochs without an improvement after which training stops, or None for all epochs.
        correction: correction of the scores.
        every: epochs from one validation to the next, or None for a tenth of all.
        finish: finishes the method before each validation.
        should_continue: asked after every validation whether to continue training; by default always.
        scores_alone: nobody asks for the method, which is not finished another time after the last validation.

    Raises:
        EnoughError: training has ended, and scores alone are asked for.
        PrunedError: ``should_continue`` answered False after an epoch that is not the last.
    """

    def __init__(
        self,
        images: HeldOut,
        objective: Objective,
        patience: int | None,
        correction: Correction,
        every: int | None = 1,
        finish: Finish = finalize,
        should_continue: ShouldContinue | None = None,
        scores_alone: bool = False,
    ) -> None:
        self.scores_alone = scores_alone
        self.images, self.objective, self.patience, self.correction = images, objective, patience, correction
        self.every, self.finish, self.should_continue = every, finish, should_continue
        self.best: ValidationScores | None = None
        self.epochs = 0
        self.measured_at = 0
        self.reached: int | None = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate, if due after this epoch; stop training when patience runs out or the trial is to be pruned."""
        assert isinstance(pl_module, ZSLModel)
        epoch, last = trainer.current_epoch + 1, pl_module.epochs
        if not self.due(pl_module, epoch):
            return
        training = pl_module.training
        before = {name: value.clone() for name, value in pl_module.state_dict().items()}
        now = self.measure(pl_module, trainer.train_dataloader.train, epoch)  # type: ignore[union-attr]
        pl_module.train(training)
        pl_module.load_state_dict(before)
        measured = {"validation_T1": now.T1, "validation_H": now.H}
        pl_module.log_dict({name: value for name, value in measured.items() if value is not None}, prog_bar=True)
        if self.out_of_patience or ends_with(pl_module, epoch):
            trainer.should_stop = True
        assert self.best is not None
        best = self.best.objective(self.objective)
        should_continue = self.should_continue is None or self.should_continue(epoch, best)
        if not should_continue and epoch < last and not trainer.should_stop:
            raise PrunedError

    def on_train_end(self, _t: Trainer, _m: LightningModule) -> None:
        """Leave before the method is finished, if nobody asks for it."""
        if self.scores_alone:
            raise EnoughError

    def due(self, model: ZSLModel, epoch: int) -> bool:
        """Tell whether to validate after this epoch."""
        if model.scheduled or model.unread:
            return epoch == model.epochs
        return epoch % (self.every or max(1, model.epochs // 10)) == 0 or epoch == model.epochs

    def measure(self, model: ZSLModel, train: TrainingSet, epoch: int) -> ValidationScores:
        """Finish the method, validate it, and keep its scores if they are the best."""
        with torch.random.fork_rng():
            self.finish(model.eval(), train)
        now = ValidationScores.of(score(model, self.images), self.correction)
        self.measured_at = epoch
        self.reached = None if model.scheduled or self.best is None else epoch
        if self.best is None or now.objective(self.objective) > self.best.objective(self.objective):
            self.best, self.epochs = now, epoch
        return now

    @property
    def out_of_patience(self) -> bool:
        """Tell whether the last ``patience`` epochs brought no improvement."""
        return self.patience is not None and self.measured_at - self.epochs >= self.patience


class SharedSteps(Callback):
    """Lightning callback that validates several points which share their gradient steps, as if each were trained alone.

    Args:
        watches: one callback for each point.
        build: one function for each point, which builds its untrained method.

    Raises:
        EnoughError: no point needs another epoch.
    """

    def __init__(self, watches: Sequence[BestEpoch], build: Sequence[Callable[[], ZSLModel]]) -> None:
        self.watches, self.build = watches, build
        self.diverged: dict[int, DivergedError] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate a copy of the model for each point that still trains, if the epoch calls for it."""
        assert isinstance(pl_module, ZSLModel)
        epoch = trainer.current_epoch + 1
        still_training = validated = False
        for place, (watch, build) in enumerate(zip(self.watches, self.build, strict=True)):
            if watch.out_of_patience or place in self.diverged:
                continue
            if watch.due(pl_module, epoch):
                validated = True
                with torch.random.fork_rng():
                    model = build().to(pl_module.device)
                model.take_steps_of(pl_module)
                try:
                    watch.measure(model, trainer.train_dataloader.train, epoch)  # type: ignore[union-attr]
                except DivergedError as error:
                    self.diverged[place] = error
                    continue
            still_training = still_training or not watch.out_of_patience
        if not still_training or (validated and ends_with(pl_module, epoch)):
            raise EnoughError


def ends_with(model: ZSLModel, epoch: int) -> bool:
    """Tell whether training ends with an epoch that was validated; it becomes the last where the budget is over."""
    if time.monotonic() >= model.deadline and epoch < model.epochs:
        log.info("method.budget: its %g s are over after %d of %d epochs", model.budget, epoch, model.epochs)
        model.epochs = epoch
    return epoch == model.epochs
