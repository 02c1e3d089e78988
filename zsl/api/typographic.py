"""``zsl.typographic``: how often models answer by a word that is written into an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Int64
from numpy import ndarray as Array
from PIL import Image

from zsl.errors import InputError
from zsl.evaluation.typographic import attack_rates, bundled_fonts, drawn_targets, drawn_writing, shuffled, written
from zsl.hyperparameters import LARGEST
from zsl.prediction.arrays import labels_of
from zsl.prediction.predictor import Predictor

AT_ONCE = 64
"""images in memory at once"""
Row = dict[str, str | float | int | None]
Shown = Callable[[int, str, Image.Image], None]


def typographic(
    models: Mapping[str, Predictor],
    images: Sequence[Callable[[], Image.Image]],
    y: Sequence[str],
    labels: Sequence[str],
    *,
    seed: int = 0,
    fonts: Sequence[str] = (),
    by_word: bool = False,
    shown: Shown | None = None,
) -> list[Row]:
    """Return one row for every model: accuracy and attack-word rate of clean, attacked and control images, in percent.

    The name of a wrong class, the same for every model, is written into every image; in the control its letters are
    shuffled, in the same place, font, size and colours, so that what covers the image is the same and nothing is to be
    read. The rates are those of :func:`~zsl.evaluation.typographic.attack_rates`.

    Args:
        models: name -> model with a backbone.
        images: functions that open an image.
        y: names of the classes of the images, among ``labels``.
        labels: names of the classes that are answered and written, two at least.
        seed: of words, fonts, sizes, places and colours.
        fonts: files of fonts; three that come with matplotlib by default.
        by_word: also return one row for every model and word.
        shown: called with the number of an image, its word and the attacked image.

    Raises:
        InputError: no image or no model, a model without a backbone, a label that cannot be embedded, a damaged font.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST:
        raise InputError(f"seed={seed}: must be a whole number from 0 to {LARGEST}")
    own = labels_of("y", list(y), list(labels))
    if not models or not len(own) or len(own) != len(images):
        raise InputError(f"images: {len(images)} with {len(own)} classes for {len(models)} models; give one class each")
    targets, files = drawn_targets(seed, own, len(labels)), tuple(fonts) or bundled_fonts()
    spaces = {name: model.label_space(list(labels)) for name, model in models.items()}
    answers: dict[str, dict[str, list[Array]]] = {name: {} for name in models}
    for start in range(0, len(images), AT_ONCE):
        kinds: dict[str, list[Image.Image]] = {"clean": [], "attacked": [], "control": []}
        for i in range(start, min(start + AT_ONCE, len(images))):
            image, word, writing = images[i](), labels[targets[i]], drawn_writing(seed, i, files)
            kinds["clean"].append(image)
            kinds["attacked"].append(written(image, word, writing))
            kinds["control"].append(written(image, shuffled(word, writing.order), writing))
            if shown:
                shown(i, word, kinds["attacked"][-1])
        for name, model in models.items():
            for kind, made in kinds.items():
                scores = model.scores(model.features(made), spaces[name])
                answers[name].setdefault(kind, []).append(_calibrated(model, scores, spaces[name].seen.numpy()))
    rows: list[Row] = []
    for name, found in answers.items():
        joined = {kind: np.concatenate(parts) for kind, parts in found.items()}
        rows.append({"model": name, **({"word": "all"} if by_word else {}), **_row(own, targets, joined)})
        for word in np.unique(targets) if by_word else ():
            of = targets == word
            part = {kind: answer[of] for kind, answer in joined.items()}
            rows.append({"model": name, "word": labels[word], **_row(own[of], targets[of], part)})
    return rows


def _calibrated(model: Predictor, scores: Array, seen: Array) -> Int64[Array, " n"]:
    gamma = 0.0 if model.calibration is None or seen.all() or not seen.any() else model.calibration.gamma
    return np.asarray((scores - gamma * seen).argmax(axis=1))


def _row(own: Array, targets: Array, answers: dict[str, Array]) -> Row:
    return {"images": len(own), **attack_rates(own, targets, **answers)}
