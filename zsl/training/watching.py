"""What is watched while gradient steps are made: the time they may take, and what a method tells of itself."""

from __future__ import annotations

import logging
import time

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from zsl.methods.method import ZSLModel

TIMES = 10
"""diagnoses of one training"""
log = logging.getLogger(__name__)


class Budget(Callback):
    """Lightning callback that ends training with the epoch in which its time is over.

    The time is that since training began or was resumed, with all validation. The method then has the number of epochs
    that were made, so that the last of them is validated. Others are validated while validation has taken no more than
    a third of the time; where this leaves too little for all epochs, only in the second half of the time, and while it
    has taken no more than a third of what is gone. A method whose loss follows a schedule has after its first epoch the
    number of epochs for which there is time, at least two: the first of several is the beginning of the schedule.

    Args:
        seconds: time that training may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_train_start(self, _t: Trainer, pl_module: LightningModule) -> None:
        """Begin to count."""
        assert isinstance(pl_module, ZSLModel)
        self.start, self.trained = time.monotonic(), 0.0
        pl_module.deadline = self.start + self.seconds

    def on_train_epoch_start(self, _t: Trainer, _m: LightningModule) -> None:
        """Begin to count the time of gradient steps."""
        self.epoch_start = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End training, if it has taken its time; called before validation."""
        assert isinstance(pl_module, ZSLModel)
        made, all_epochs = trainer.current_epoch + 1, pl_module.epochs
        now = time.monotonic()
        taken = now - self.start
        self.trained += now - self.epoch_start
        hurried = self.trained * all_epochs * 3 > made * self.seconds * 2
        too_long = taken - self.trained > (taken if hurried else self.seconds) / 3
        pl_module.unread = too_long or (hurried and taken < self.seconds / 2)
        if pl_module.scheduled:
            if made == 1:
                pl_module.epochs = min(all_epochs, max(2, int(self.seconds / taken)))
                if pl_module.epochs < all_epochs:
                    told = "method.budget: %d of %d epochs have room in its %g s"
                    log.info(told, pl_module.epochs, all_epochs, self.seconds)
            if made == pl_module.epochs:
                trainer.should_stop = True
        elif taken >= self.seconds and made < all_epochs:
            pl_module.epochs = made
            trainer.should_stop = True
            log.info("method.budget: its %g s are over after %d of %d epochs", self.seconds, made, all_epochs)


class Diagnoses(Callback):
    """Lightning callback that asks a method about itself after the first, the last and some epochs between them.

    Answers stand beside the loss in the line of progress, and in ``diagnosis`` of the method for trackers.
    """

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ask, if it is due after this epoch."""
        assert isinstance(pl_module, ZSLModel)
        epoch, last = trainer.current_epoch + 1, pl_module.epochs
        pl_module.diagnosis = {}
        if epoch not in (1, last) and epoch % max(1, last // TIMES):
            return
        training = pl_module.training
        with torch.random.fork_rng():
            torch.manual_seed(0)
            pl_module.diagnosis = pl_module.eval().diagnose(trainer.train_dataloader.train)  # type: ignore[union-attr]
        pl_module.train(training)
        pl_module.log_dict(dict(pl_module.diagnosis), prog_bar=True)
