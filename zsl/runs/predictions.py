"""The scores of every held-out image, saved beside the result."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from zsl.data.protocol import Stage
from zsl.evaluation.scoring import Scored
from zsl.files.atomic import write_bytes
from zsl.outputs.names import PREDICTIONS


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
