"""The file of the answers for every held-out image."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zsl.data.protocol import Stage
from zsl.evaluation.calibration import Calibration
from zsl.evaluation.evaluate import Evaluation
from zsl.evaluation.scoring import Scored
from zsl.files.atomic import write_bytes
from zsl.outputs.names import PREDICTIONS


def save_predictions(
    evaluation: Evaluation,
    scored: Scored | None,
    stage: Stage,
    output: Path,
    images: Sequence[str],
    calibration: Calibration | None = None,
) -> None:
    """Write the answers for all held-out images to a file, and their scores where ``scored`` is given.

    The file :data:`PREDICTIONS` holds, for n images and c classes: ``rows``, ``labels``, ``predicted`` (n), ``top``
    (n, 10), the best classes in this order (20 for ImageNet, whose top-k accuracies need them), ``margin`` (n), the
    score of the best seen class minus that of the best unseen class, ``confidence`` (n) of the answer, in double
    precision so that the order of sure answers is kept, after a calibration ``predicted_calibrated`` and
    ``confidence_calibrated`` (n), ``classes`` and ``seen`` (c), ``predicted_zsl`` for the images of unseen classes,
    ``images`` (n), their paths, where these are known, and on request ``scores`` (n, c). Images of unseen classes come
    last.

    Args:
        evaluation: of the run.
        scored: the scores, if they are to be saved.
        stage: the stage that was evaluated.
        output: folder of the run.
        images: path of every image of the data set, by row; empty where they are not known.
        calibration: that the evaluation was given.
    """
    every, unseen = evaluation.gzsl, evaluation.zsl
    assert every is not None
    both = every.seen.any() and not every.seen.all()
    arrays = {
        "rows": stage.held_out.rows,
        "labels": every.labels,
        "predicted": every.top[:, 0],
        "predicted_zsl": stage.classes.unseen_ids.numpy()[unseen.top[:, 0]],
        "top": every.top.astype(np.int32),
        "margin": (every.margin if both else np.full(len(every.labels), np.nan)).astype(np.float32),
        "confidence": every.probabilities.confidence,
        "classes": np.array(stage.classes.names),
        "seen": every.seen,
    }
    if calibration is not None and every.calibrated is not None:
        arrays["predicted_calibrated"] = every.answers(calibration.gamma)
        arrays["confidence_calibrated"] = every.calibrated.confidence
    if scored is not None:
        arrays["scores"] = scored.gzsl.dense().astype(np.float32)
    content = io.BytesIO()
    if images:
        arrays["images"] = np.array([images[row] for row in stage.held_out.rows])
    np.savez_compressed(content, **arrays)
    write_bytes(output / PREDICTIONS, content.getvalue())
