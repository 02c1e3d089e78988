"""The checks of Dataset: every fault is an error of one line before training."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import worlds
from zsl.config.data_sets import load_data
from zsl.data.dataset import ClassDescriptions, Dataset, Splits
from zsl.data.fingerprint import fingerprints
from zsl.errors import InputError

WORLD = worlds.dataset()
N, C = len(WORLD.labels), len(WORLD.classes.names)
PARTS = tuple(field.name for field in fields(Splits))


def _split(**parts: Any) -> dict[str, Any]:
    return {"splits": replace(WORLD.splits, **parts)}


def _classes(**changes: Any) -> dict[str, Any]:
    return {"classes": replace(WORLD.classes, **changes)}


def _labels(row: int, value: int) -> dict[str, Any]:
    labels = WORLD.labels.copy()
    labels[row] = value
    return {"labels": labels}


TRAINED = int(WORLD.splits.trainval[0])
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": ""}, "the name is ''"),
    "float64 features": ({"features": WORLD.features.astype(np.float64)}, "float64, not float32; give features.astype"),
    "float16 features": ({"features": WORLD.features.astype(np.float16)}, "float16, not float32"),
    "features of bytes": ({"features": np.zeros((N, 3), np.uint8)}, "uint8, not float32"),
    "a list of features": ({"features": WORLD.features.tolist()}, "features are a list, not a NumPy array"),
    "a vector of features": ({"features": WORLD.features[:, 0]}, "features have shape"),
    "features without columns": ({"features": WORLD.features[:, :0]}, "features have shape"),
    "an image too many": ({"features": WORLD.features[1:]}, "with one label for each of the"),
    "int32 labels": ({"labels": WORLD.labels.astype(np.int32)}, "labels are int32 of shape"),
    "float labels": ({"labels": WORLD.labels.astype(float)}, "labels are float64 of shape"),
    "a column of labels": ({"labels": WORLD.labels[:, None]}, "labels are int64 of shape"),
    "a list of labels": ({"labels": WORLD.labels.tolist()}, "labels are list"),
    "a label too large": (_labels(3, C), f"label {C} of image 3 is out of range"),
    "a label below -1": (_labels(4, -2), "label -2 of image 4 is out of range"),
    "an image of no class in a split": (_labels(TRAINED, -1), f"row {TRAINED} has the label -1"),
    "a name twice": (_classes(names=("class 0",) * 2 + WORLD.classes.names[2:]), "'class 0' occurs twice"),
    "an empty name": (_classes(names=("", *WORLD.classes.names[1:])), "name 1 is empty"),
    "a name that is a number": (_classes(names=(0, *WORLD.classes.names[1:])), "a name is not a string"),
    "a name too few": (
        {"classes": ClassDescriptions(WORLD.classes.names[:-1], {"att": WORLD.classes.matrices["att"][:-1]})},
        "is out of range",
    ),
    "a part of the classes": ({"classes": WORLD.classes.part(range(1, C))}, "use ClassDescriptions.take"),
    "a matrix too short": (_classes(matrices={"att": np.ones((C - 1, 2))}), "att has shape"),
    "a matrix of text": (_classes(matrices={"att": np.full((C, 2), "a")}), "give one row of numbers"),
    "texts too few": (_classes(texts={"keywords": ("a",) * (C - 1)}), "give one text per class"),
    "texts that are none": (_classes(texts={"keywords": (1,) * C}), "give one text per class"),
    "no fingerprints": ({"fingerprints": {}}, "no SHA-256 fingerprint of features"),
    "an empty fingerprint": ({"fingerprints": {**WORLD.fingerprints, "labels": ""}}, "fingerprint of labels"),
    "a short fingerprint": (
        {"fingerprints": {**WORLD.fingerprints, "features": "e51b163b"}},
        "fingerprint of features",
    ),
    **{
        f"no fingerprint of {part}": (
            {"fingerprints": {key: value for key, value in WORLD.fingerprints.items() if key != part}},
            f"no SHA-256 fingerprint of {part}",
        )
        for part in PARTS
    },
    **{f"int32 {part}": (_split(**{part: np.zeros(1, np.int32)}), f"{part} is int32") for part in PARTS},
    **{f"a list as {part}": (_split(**{part: [0]}), f"{part} is list") for part in PARTS},
    **{f"a mask as {part}": (_split(**{part: np.ones(N, bool)}), f"{part} is bool") for part in PARTS},
    **{f"{part} out of range": (_split(**{part: np.array([0, N])}), f"{part}: row {N} is out") for part in PARTS},
    **{f"{part} below 0": (_split(**{part: np.array([0, -1])}), f"{part}: row -1 is out") for part in PARTS},
    **{f"{part} with a row twice": (_split(**{part: np.array([2, 1, 2])}), f"{part}: row 2 occurs") for part in PARTS},
}


@pytest.mark.parametrize(("changes", "says"), FAULTS.values(), ids=FAULTS)
def test_every_fault_is_one_line(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(WORLD, **changes)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_faultless_data_set_is_made_and_images_of_no_class_may_lie_beside_the_splits() -> None:
    spare = int(WORLD.splits.test_unseen[0])
    without = np.setdiff1d(WORLD.splits.test_unseen, [spare])
    made = replace(WORLD, **_labels(spare, -1), **_split(test_unseen=without))
    assert made.labels[spare] == -1


def test_features_on_disk_are_not_read(tmp_path: Path) -> None:
    """A memory map of a sparse file of 1 TiB, which would take minutes to read."""
    x = np.memmap(tmp_path / "features", np.float32, "w+", shape=(N, 2**38 // N))
    assert replace(WORLD, features=x).features is x


@given(st.sampled_from(PARTS), st.integers(-3 * N, 3 * N), st.integers(0, N - 1))
def test_what_is_made_can_be_indexed(part: str, value: int, place: int) -> None:
    """Arbitrary data sets are refused, or every row of every split has a class with a name."""
    rows = getattr(WORLD.splits, part).copy()
    rows[place % len(rows)] = value
    try:
        made = replace(WORLD, splits=replace(WORLD.splits, **{part: rows}))
    except InputError:
        assert value not in range(N) or value in getattr(WORLD.splits, part)
        return
    assert all(made.classes.names[made.labels[row]] for rows in made.splits.parts().values() for row in rows)


def unusable(kind: str) -> Dataset:
    """A data set as a user's own loader may return it."""
    if kind == "float64":
        return replace(WORLD, features=WORLD.features.astype(np.float64))
    if kind == "no fingerprints":
        return replace(WORLD, fingerprints={})
    x = WORLD.features.copy()
    x[5, 1] = np.nan if kind == "not a number" else np.inf
    return replace(WORLD, features=x, fingerprints=fingerprints(x, WORLD.labels, WORLD.splits))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("float64", "not float32"),
        ("no fingerprints", "no SHA-256"),
        ("not a number", "features of image 5 are not finite"),
        ("infinite", "features of image 5 are not finite"),
    ],
)
def test_a_loader_of_ones_own_is_refused_before_training(kind: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_data({"_target_": f"{__name__}.unusable", "kind": kind, "scale": "none"})
