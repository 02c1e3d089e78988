"""Score matrices that are accepted, and the messages for those that are not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gathered import (
    best_gamma,
    best_temperature,
    ece,
    k_occurrence,
    seen_unseen_auroc,
    seen_unseen_curve,
    u_s_H,
)
from zsl.errors import InputError
from zsl.evaluation.gzsl import stacked
from zsl.evaluation.scored_images import ScoredImages

SCORES = np.arange(12.0).reshape(4, 3)
LABELS = np.array([0, 1, 2, 0])
SEEN = np.array([True, False, True])


def poisoned(*values: float) -> np.ndarray:
    """The scores with these values in the middle column of the last rows."""
    scores = SCORES.copy()
    scores[-len(values) :, 1] = values
    return scores


BAD = {
    "one NaN": ((poisoned(np.nan), LABELS, SEEN), r"1 of 4 rows .*NaN.* first is row 3"),
    "NaN and infinity": ((poisoned(np.nan, np.inf), LABELS, SEEN), r"2 of 4 rows .* first is row 2"),
    "minus infinity": ((poisoned(-np.inf), LABELS, SEEN), r"1 of 4 rows"),
    "float32 infinity": ((poisoned(np.inf).astype(np.float32), LABELS, SEEN), r"1 of 4 rows"),
    "differences overflow": ((poisoned(1e308), LABELS, SEEN), r"beyond ±1e\+300"),
    "no images": ((SCORES[:0], LABELS[:0], SEEN), "has no image"),
    "no classes": ((SCORES[:, :0], LABELS, SEEN[:0]), "has no class"),
    "a vector of scores": ((SCORES[0], LABELS, SEEN), r"shape \(3,\)"),
    "complex scores": ((SCORES + 1j, LABELS, SEEN), "complex128"),
    "boolean scores": ((SCORES > 1, LABELS, SEEN), "bool"),
    "too few labels": ((SCORES, LABELS[:3], SEEN), r"labels: int64 of shape \(3,\)"),
    "one-hot labels": ((SCORES, np.eye(3, dtype=int)[LABELS], SEEN), r"labels: int64 of shape \(4, 3\)"),
    "float labels": ((SCORES, LABELS * 1.0, SEEN), "labels: float64"),
    "1-based labels": ((SCORES, LABELS + 1, SEEN), r"1 of 4 .* first is 3 in row 2; labels run from 0 to 2"),
    "negative label": ((SCORES, LABELS - 1, SEEN), r"2 of 4 .* first is -1 in row 0"),
    "short mask": ((SCORES, LABELS, SEEN[:2]), r"seen mask: bool of shape \(2,\) for 3 classes"),
    "numbers of the seen classes": ((SCORES, LABELS, np.array([0, 2, 1])), "seen mask: int64"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("entrance", [ScoredImages, u_s_H, seen_unseen_curve, seen_unseen_auroc, best_gamma])
def test_every_entrance_refuses_with_one_line_that_names_the_cause(entrance, arguments, message) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        entrance(*arguments)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("entrance", [best_temperature, ece])
def test_entrances_without_mask_refuse_too(entrance) -> None:
    for name, ((scores, labels, _), message) in BAD.items():
        if "mask" not in name and "numbers" not in name:
            with pytest.raises(InputError, match=message):
                entrance(scores, labels)


def test_k_occurrence_refuses_scores() -> None:
    with pytest.raises(InputError, match="1 of 4 rows"):
        k_occurrence(poisoned(np.nan), 1)


def test_stacking_refuses_class_numbers_in_place_of_a_mask() -> None:
    with pytest.raises(InputError, match="seen mask: int64"):
        stacked(SCORES, np.array([0, 2, 1]), 1.0)


def test_other_real_dtypes_are_taken_and_kept_in_double_precision() -> None:
    images = ScoredImages(SCORES.astype(np.float16), LABELS.astype(np.uint8), SEEN)
    assert (images.scores.dtype, images.labels.dtype) == (np.float64, np.int64)
    assert (images.scores == SCORES).all()
    assert images.of_seen_class.tolist() == [True, False, True, True]
