"""Few-shot training sets: k training images of every seen class, drawn by a named seed."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from jaxtyping import Int64
from numpy import ndarray as Array

from zsl.data.dataset import Dataset, Splits
from zsl.data.fingerprint import sha256

NAMED = 5
"""classes with too few images that a note names"""


def few_shot(dataset: Dataset, shots: int, seed: int) -> Dataset:
    """Return the data set with at most ``shots`` training images of every seen class.

    Test images stay as they are. Validation is cut from the drawn images alone: whatever is chosen on validation
    classes has seen no other label. The images of k shots are among those of more shots with the same seed, and those
    of a class do not depend on other classes. A class with fewer images gives what it has, which is noted on the card.

    Args:
        dataset: to draw from.
        shots: k ≥ 1.
        seed: of the draw, at least 0.
    """
    before = dataset.splits
    divided = np.union1d(before.train, before.val)
    drawn, short = [], []
    for label in np.unique(dataset.labels[before.trainval]):
        rows = _of_class(dataset, divided, int(label))
        rows = rows if len(rows) else _of_class(dataset, before.trainval, int(label))
        if len(rows) < shots:
            short.append(f"{dataset.classes.names[label]} ({len(rows)})")
        drawn.append(np.random.default_rng([seed, int(label)]).permutation(rows)[:shots])
    kept = np.sort(np.concatenate(drawn))

    def part(rows: Int64[Array, " n"]) -> Int64[Array, " m"]:
        return rows[np.isin(rows, kept)]

    splits = Splits(part(before.trainval), before.test_seen, before.test_unseen, part(before.train), part(before.val))
    named = f"{', '.join(short[:NAMED])}{' and others' if len(short) > NAMED else ''}"
    note = [f"{len(short)} classes have fewer than {shots} training images: {named}"] if short else []
    title = f"{dataset.card.title}, {shots} {'shot' if shots == 1 else 'shots'} (seed {seed})"
    digests = {name: sha256(rows) for name, rows in splits.parts().items()}
    return replace(
        dataset,
        splits=splits,
        card=replace(dataset.card, title=title, notes=(*dataset.card.notes, *note)),
        fingerprints={**dataset.fingerprints, **digests},
    )


def title_of_all(title: str) -> str:
    """Return the title of the data set that :func:`few_shot` drew from."""
    return re.sub(r", \d+ shots? \(seed \d+\)$", "", title)


def _of_class(dataset: Dataset, rows: Int64[Array, " n"], label: int) -> Int64[Array, " m"]:
    """Return the sorted rows of one class."""
    return np.sort(rows[dataset.labels[rows] == label])
