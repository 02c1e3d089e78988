"""Lightning's trainer as every method is trained by it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.utils.deterministic
from pytorch_lightning import Callback, Trainer

from zsl.devices import warn_of_bfloat16
from zsl.methods.method import ZSLModel
from zsl.training.loop import Loop


def make_trainer(model: ZSLModel, loop: Loop, callbacks: Sequence[Callback], **options: Any) -> Trainer:
    """Return a trainer of ``model.epochs`` epochs that shows, logs and checks nothing by itself.

    Args:
        model: to be trained.
        loop: device, number of devices and precision.
        callbacks: what is done beside the steps.
        options: further arguments of Lightning's trainer, such as ``plugins`` and ``strategy``.
    """
    silence()
    if loop.precision == "bf16-mixed":
        kind = "cuda" if loop.accelerator == "gpu" else "cpu"
        warn_of_bfloat16("trainer.precision=bf16-mixed", torch.device(kind), "32-true")
    # deterministic mode would fill new memory with NaN, at 7 % of the time; nothing is read before it is written
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return Trainer(
        accelerator=loop.accelerator,
        devices=loop.devices,
        precision=loop.precision,  # type: ignore[arg-type]
        max_epochs=model.epochs,
        callbacks=list(callbacks),
        logger=False,
        log_every_n_steps=loop.log_every_n_steps,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        deterministic="warn",
        **options,
    )


def silence() -> None:
    """Leave out what Lightning tells of itself, in this process."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)


def ignore_warnings() -> None:
    """Ignore the warnings of Lightning, in this process or until ``warnings.catch_warnings`` ends."""
    warnings.filterwarnings("ignore", module=r"pytorch_lightning|torch\.utils\._pytree")
