"""The file of the scores of every held-out image."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zsl.data.protocol import Stage
from zsl.evaluation.scoring import Scored
from zsl.files.atomic import write_bytes
from zsl.outputs.names import PREDICTIONS


def save_predictions(scored: Scored, stage: Stage, output: Path, images: Sequence[str]) -> None:
    """Write rows, labels, scores and predicted classes of all held-out images to a file; unseen classes come last.

    The file :data:`PREDICTIONS` holds, for n images and c classes: ``rows``, ``labels``, ``predicted`` (n), ``scores``
    (n, c), ``classes`` and ``seen`` (c), ``predicted_zsl`` for the images of unseen classes, and ``images`` (n), their
    paths, where these are known.

    Args:
        scored: the scores.
        stage: the stage that was evaluated.
        output: folder of the run.
        images: path of every image of the data set, by row; empty where they are not known.
    """
    content = io.BytesIO()
    paths = {"images": np.array([images[row] for row in stage.held_out.rows])} if images else {}
    np.savez_compressed(
        content,
        rows=stage.held_out.rows,
        labels=scored.gzsl.labels,
        scores=scored.gzsl.scores.astype(np.float32),
        predicted=scored.gzsl.scores.argmax(axis=1),
        predicted_zsl=stage.classes.unseen_ids.numpy()[scored.zsl.scores.argmax(axis=1)],
        classes=np.array(stage.classes.names),
        seen=stage.classes.seen.numpy(),
        **paths,  # type: ignore[arg-type]
    )
    write_bytes(output / PREDICTIONS, content.getvalue())
