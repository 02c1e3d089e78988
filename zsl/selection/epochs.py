"""What a method is worth on held-out images, while it is trained and in the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from zsl.data.protocol import LoadedImages
from zsl.data.training_set import TrainingSet
from zsl.errors import DivergedError, EnoughError, PrunedError
from zsl.evaluation.accuracy import hits, mean_class_accuracy
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.curve import seen_unseen_curve
from zsl.evaluation.evaluate import calibrate
from zsl.evaluation.gzsl import u_s_H
from zsl.evaluation.scoring import Scored, score_opened
from zsl.methods.method import ZSLModel
from zsl.selection.space import Hyperparameters
from zsl.selection.trials import Trial

Finish = Callable[[ZSLModel, TrainingSet], None]
"""what is left to do for a method after its gradient steps, given what it learns from"""
Objective = Literal["T1", "H", "H_raw"]
Hopeful = Callable[[int, float], bool]
"""epoch and the best objective so far -> whether to train on"""


def finalize(model: ZSLModel, train: TrainingSet) -> None:
    """What is left for a method without heads."""
    model.finalize(train)


@dataclass(frozen=True)
class Measured:
    """What one trained method reaches on held-out images: T1, H at the best stacking bias γ, and H without any.

    Scores are corrected first; what the correction leaves open is chosen on the same images.
    """

    scored: Scored
    """as corrected"""
    correction: Correction
    T1: float
    H: float
    H_raw: float
    gamma: float

    @classmethod
    def of(cls, scored: Scored, correction: Correction) -> Measured:
        """Correct and measure scores."""
        correction = correction.chosen_on(scored.gzsl)
        scored = scored.corrected(correction)
        zsl, gzsl = scored.zsl, scored.gzsl
        best = seen_unseen_curve(gzsl.scores, gzsl.labels, gzsl.seen).best()
        T1 = mean_class_accuracy(hits(zsl.scores, zsl.labels), zsl.labels)
        H_raw = u_s_H(gzsl.scores, gzsl.labels, gzsl.seen)["H"]
        return cls(scored, correction, T1, best.H, H_raw, best.gamma)

    def trial(self, chosen: Hyperparameters, before: Correction, pruned: int | None = None) -> Trial:
        """What is kept of it."""
        opened = {key: value for key, value in vars(self.correction).items() if value != vars(before)[key]}
        calibration = calibrate(self.scored.gzsl)
        return Trial(
            chosen, self.T1, self.H, self.H_raw, calibration.gamma, calibration.temperature, opened, pruned=pruned
        )

    def objective(self, name: Objective) -> float:
        """T1, H or H_raw, by name."""
        value: float = getattr(self, name)
        return value


class BestEpoch(Callback):
    """Finish and measure after every epoch, or after ``every`` so many and the last; keep the best, and stop when
    ``patience`` epochs brought nothing better.

    Weights and random streams go on as if nothing had been measured: what is found after e epochs is what training for
    e epochs gives, heads included, which begin anew each time.

    Raises:
        PrunedError: after an epoch that is not the last, there was no hope.
    """

    def __init__(
        self,
        images: LoadedImages,
        objective: Objective,
        patience: int,
        correction: Correction,
        every: int = 1,
        finish: Finish = finalize,
        hopeful: Hopeful | None = None,
    ) -> None:
        self.images, self.objective, self.patience, self.correction = images, objective, patience, correction
        self.every, self.finish, self.hopeful = every, finish, hopeful
        self.best: Measured | None = None
        self.epochs = 0
        self.measured_at = 0

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, when it is due."""
        assert isinstance(pl_module, ZSLModel)
        epoch, last = trainer.current_epoch + 1, pl_module.epochs
        if not self.due(epoch, last):
            return
        training = pl_module.training
        before = {name: value.clone() for name, value in pl_module.state_dict().items()}
        now = self.measure(pl_module, trainer.train_dataloader.train, epoch)  # type: ignore[union-attr]
        pl_module.train(training)
        pl_module.load_state_dict(before)
        pl_module.log_dict({"validation_T1": now.T1, "validation_H": now.H}, prog_bar=True)
        if self.tired:
            trainer.should_stop = True
        hopeful = self.hopeful is None or self.hopeful(epoch, self.best.objective(self.objective))  # type: ignore[union-attr]
        if not hopeful and epoch < last and not trainer.should_stop:
            raise PrunedError

    def due(self, epoch: int, last: int) -> bool:
        """Whether to measure after this epoch, of so many."""
        return epoch % self.every == 0 or epoch == last

    def measure(self, model: ZSLModel, train: TrainingSet, epoch: int) -> Measured:
        """Finish the method, and see what it is worth now."""
        with torch.random.fork_rng():
            self.finish(model.eval(), train)
        now = Measured.of(score_opened(model, self.images), self.correction)
        self.measured_at = epoch
        if self.best is None or now.objective(self.objective) > self.best.objective(self.objective):
            self.best, self.epochs = now, epoch
        return now

    @property
    def tired(self) -> bool:
        """Whether ``patience`` epochs brought nothing better."""
        return self.measured_at - self.epochs >= self.patience


class SharedSteps(Callback):
    """Measure several points that have the gradient steps in common as if each were trained by itself.

    Args:
        watches: of each point.
        begin: makes the method of each, not trained.

    Raises:
        EnoughError: no point needs another epoch.
    """

    def __init__(self, watches: Sequence[BestEpoch], begin: Sequence[Callable[[], ZSLModel]]) -> None:
        self.watches, self.begin = watches, begin
        self.diverged: dict[int, DivergedError] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, when it is due, a copy of each that goes on."""
        assert isinstance(pl_module, ZSLModel)
        epoch, last = trainer.current_epoch + 1, pl_module.epochs
        going = False
        for place, (watch, begin) in enumerate(zip(self.watches, self.begin, strict=True)):
            if watch.tired or place in self.diverged:
                continue
            if watch.due(epoch, last):
                with torch.random.fork_rng():
                    model = begin().to(pl_module.device)
                model.take_steps_of(pl_module)
                try:
                    watch.measure(model, trainer.train_dataloader.train, epoch)  # type: ignore[union-attr]
                except DivergedError as error:
                    self.diverged[place] = error
                    continue
            going = going or not watch.tired
        if epoch == last or not going:
            raise EnoughError
