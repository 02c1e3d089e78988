"""The audit of splits as a property: any change of valid splits is harmless or refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import worlds
from zsl.data.splits import SplitsOrigin, audit, divide, hold_out
from zsl.errors import InputError

WORLD = worlds.dataset()
ORIGIN = SplitsOrigin("splits.yaml")


def is_sound(labels: np.ndarray, parts: dict[str, np.ndarray]) -> bool:
    """The definition of valid splits, with sets."""
    n = len(labels)
    rows = {name: list(map(int, part)) for name, part in parts.items()}
    if any(not r or len(set(r)) < len(r) or min(r) < 0 or max(r) >= n for r in rows.values()):
        return False
    classes = {name: {int(labels[i]) for i in r} for name, r in rows.items()}
    sets = {name: set(r) for name, r in rows.items()}
    tests_apart = not (
        sets["trainval"] & sets["test_seen"]
        or sets["trainval"] & sets["test_unseen"]
        or sets["test_seen"] & sets["test_unseen"]
    )
    return (
        tests_apart
        and not classes["trainval"] & classes["test_unseen"]
        and classes["test_seen"] <= classes["trainval"]
        and sets["train"] | sets["val"] <= sets["trainval"]
        and not classes["train"] & classes["val"]
    )


@given(
    st.sampled_from(["trainval", "test_seen", "test_unseen", "train", "val"]),
    st.lists(st.tuples(st.integers(0, 200), st.integers(-3, len(WORLD.labels) + 3)), max_size=3),
    st.lists(st.integers(-2, len(WORLD.labels) + 1), max_size=3),
)
def test_it_refuses_exactly_what_the_definition_excludes(
    name: str, edits: list[tuple[int, int]], more: list[int]
) -> None:
    rows = getattr(WORLD.splits, name).copy()
    for position, value in edits:
        rows[position % len(rows)] = value
    splits = replace(WORLD.splits, **{name: np.concatenate([rows, np.array(more, dtype=np.int64)])})
    if is_sound(WORLD.labels, splits.parts()):
        audit(splits, WORLD.labels, ORIGIN)
    else:
        with pytest.raises(InputError, match=r"^splits.yaml: \w+(: index -?\d+| is empty)"):
            audit(splits, WORLD.labels, ORIGIN)


@pytest.mark.parametrize("name", ["trainval", "test_seen", "test_unseen", "train", "val"])
def test_an_empty_split_is_refused(name: str) -> None:
    splits = replace(WORLD.splits, **{name: np.zeros(0, dtype=np.int64)})
    with pytest.raises(InputError, match=f"{name} is empty"):
        audit(splits, WORLD.labels, ORIGIN)


def test_messages_count_as_the_file_does() -> None:
    splits = replace(WORLD.splits, val=np.append(WORLD.splits.val, WORLD.splits.val[0]))
    with pytest.raises(InputError, match=f"f.mat: val_loc: index {WORLD.splits.val[0] + 1} occurs twice"):
        audit(splits, WORLD.labels, SplitsOrigin("f.mat", {"val": "val_loc"}, base=1))


@given(st.integers(0, 100), st.integers(2, 12), st.floats(0.01, 0.99))
def test_divide_parts_images_by_class(seed: int, classes: int, share: float) -> None:
    labels = np.random.default_rng(seed).integers(0, classes, 60)
    rows = np.arange(0, 60, 2)
    if len(np.unique(labels[rows])) < 2:
        return
    train, val = divide(rows, labels, share)
    assert sorted([*train, *val]) == list(rows)
    assert len(train)
    assert len(val)
    assert not set(labels[train]) & set(labels[val])


def test_divide_needs_two_classes() -> None:
    with pytest.raises(InputError, match="only one seen class"):
        divide(np.arange(4), np.zeros(4, dtype=np.int64))


@given(st.integers(0, 100), st.integers(1, 6), st.floats(0.01, 0.99))
def test_hold_out_keeps_an_image_of_every_class(seed: int, classes: int, share: float) -> None:
    labels = np.random.default_rng(seed).integers(0, classes, 40)
    rows = np.arange(40)
    kept, held = hold_out(rows, labels, share)
    assert sorted([*kept, *held]) == list(rows)
    assert set(labels[kept]) == set(labels)
    for label in set(labels):
        n = int((labels == label).sum())
        assert int((labels[held] == label).sum()) == min(round(share * n), n - 1)
