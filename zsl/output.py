"""The folder of a run: what is in it is whole, and where a run comes to nothing, it leaves no trace."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch

from zsl.data.protocol import Stage
from zsl.errors import InputError
from zsl.model import ZSLModel
from zsl.reporting.atomic import write_bytes
from zsl.scoring import Scored

WEIGHTS = "weights.pt"
"""the state dict of a trained method, where a run saves it"""
PREDICTIONS = "predictions.npz"


@contextmanager
def folder(path: Path, key: str = "paths.output") -> Iterator[None]:
    """Make the folder, and in the end take away what is new and empty of it and of those above it.

    Raises:
        InputError: it cannot be made, or not be written.
    """
    new = [place for place in (path, *path.parents) if not os.access(place, os.F_OK)]
    try:
        _make(path, key)
        yield
    finally:
        for place in new:
            with suppress(OSError):
                place.rmdir()


def _make(path: Path, key: str) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(path, os.W_OK | os.X_OK) else "Permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise InputError(f"{key}: {path} cannot be made ({reason}); give a folder that can be written")


def beside(weights: bool, predictions: bool) -> list[str]:
    """Names of the files that are to lie beside a result."""
    return [name for name, asked in ((WEIGHTS, weights), (PREDICTIONS, predictions)) if asked]


def save_weights(model: ZSLModel, output: Path) -> None:
    """:data:`WEIGHTS`: the state dict."""
    content = io.BytesIO()
    torch.save(model.state_dict(), content)
    write_bytes(output / WEIGHTS, content.getvalue())


def save_predictions(scored: Scored, stage: Stage, output: Path) -> None:
    """:data:`PREDICTIONS`: rows, labels, scores and predicted classes of all held-out images, unseen images last."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        rows=stage.held_out.rows,
        labels=scored.gzsl.labels,
        scores=scored.gzsl.scores.astype(np.float32),
        predicted=scored.gzsl.scores.argmax(axis=1),
        predicted_zsl=stage.classes.unseen_ids.numpy()[scored.zsl.scores.argmax(axis=1)],
        classes=np.array(stage.classes.names),
        seen=stage.classes.seen.numpy(),
    )
    write_bytes(output / PREDICTIONS, content.getvalue())
