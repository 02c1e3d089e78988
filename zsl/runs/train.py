"""Construction and training of the method of an experiment on one stage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytorch_lightning import Callback

from zsl.config.experiment import Experiment
from zsl.data.protocol import Stage
from zsl.methods.method import Dimensions, ZSLModel
from zsl.outputs.names import CHECKPOINT
from zsl.selection.choice import EPOCHS
from zsl.selection.space import Hyperparameters
from zsl.training.fit import fit, initialised
from zsl.training.sealing import NOWHERE


def train(
    experiment: Experiment,
    stage: Stage,
    hyperparameters: Hyperparameters,
    callbacks: Sequence[Callback] = (),
    checkpoints: Path | None = None,
    resume: bool = False,
    of: bytes = NOWHERE,
) -> ZSLModel:
    """Build the method with some of its hyperparameters replaced, and train it on ``stage``.

    Args:
        experiment: experiment with the method, the seed and the training loop.
        stage: stage of the protocol.
        hyperparameters: dotted key -> value.
        callbacks: callbacks of Lightning.
        checkpoints: folder for checkpoints.
        resume: whether to resume from the checkpoint in that folder, if there is one.
        of: identity of the run that checkpoints belong to (:func:`zsl.training.sealing.origin`).
    """
    model = untrained(experiment, stage, hyperparameters)
    if EPOCHS in hyperparameters:  # what was chosen is trained, whatever time it takes
        model.budget = None
    resume = resume and checkpoints is not None and (checkpoints / CHECKPOINT).is_file()
    train_set = stage.training(model.setting)
    return fit(model, train_set, experiment.loop, experiment.seed, checkpoints, resume, callbacks, of)


def untrained(experiment: Experiment, stage: Stage, hyperparameters: Hyperparameters) -> ZSLModel:
    """Build the method for a stage, with initial weights; seed the global random state with the experiment's seed."""
    return initialised(lambda: experiment.method(Dimensions(*stage.dims), hyperparameters), experiment.seed)
