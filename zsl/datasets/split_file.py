"""Split files of image folders and arrays, in the format described in `zsl.datasets.image_folder`.

In split files of arrays, ``train`` and ``test`` list row numbers, counted from 0, in place of paths.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Int64
from numpy import ndarray as Array

from zsl.data.class_names import require_names
from zsl.data.dataset import Splits
from zsl.data.splits import divide
from zsl.datasets.coop_split import base_to_new, is_coop
from zsl.errors import InputError
from zsl.files.plain_yaml import parse, shown
from zsl.files.source_file import composed, read_text, require_file

CLASSES = ("seen", "unseen", "val")
"""keys whose values are class names"""


Image = TypeVar("Image", str, int)
"""type of an image's entry: its path, or its row number"""


@dataclass(frozen=True)
class SplitFile(Generic[Image]):
    """Content of a split file: seen, unseen and validation classes, and training and test images of seen classes."""

    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    val: tuple[str, ...] | None = None
    train: tuple[Image, ...] | None = None
    test: tuple[Image, ...] | None = None
    test_fraction: float = 0.2
    seed: int = 0
    label_of: Mapping[str, int] | None = None
    """image -> position of its class, in files that say it; in others, folders do"""

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the seen classes, then the unseen classes."""
        return self.seen + self.unseen


def read_split_file(path: Path) -> SplitFile[str]:
    """Read and check a split file, YAML or JSON, with images listed by path, or one of CoOp's.

    Raises:
        InputError: the file is not valid; the message names the file, the key and the first wrong entry.
    """
    content = parse_split_file(path)
    if not is_coop(content):
        return checked(path, content, str)
    found = base_to_new(path, content)
    label_of = found.pop("label_of")
    return replace(checked(path, found, str), label_of=label_of)


def parse_split_file(path: Path) -> Mapping[Any, Any]:
    """Read a split file without checking its content.

    Raises:
        InputError: the file is missing, or neither YAML nor JSON with keys.
    """
    text = read_text(require_file(path, "split file", "data.splits names a YAML or JSON file"), "split file")
    try:
        content = parse(text) or {}
    except ValueError as error:
        raise InputError(f"split file {path} cannot be read: {error}; write YAML or JSON") from error
    if not isinstance(content, dict):
        raise InputError(f"split file {path} holds no keys; write `seen: [...]` and `unseen: [...]`")
    return content


def checked(path: Path, content: Mapping[Any, Any], kind: type[Image]) -> SplitFile[Image]:
    """Check the content of a split file whose images are listed by path (``kind`` str) or by row number (int).

    Raises:
        InputError: the content is not valid; the message names the file, the key and the first wrong entry.
    """
    known = [field.name for field in fields(SplitFile) if field.name != "label_of"]
    for key in content:
        if key not in known:
            near = get_close_matches(str(key)[:100], known, 1, 0.0)
            raise InputError(
                f"{path}: unknown key {shown(key)}; did you mean {near[0]!r}? (keys are {', '.join(known)})"
            )
    for key in ("seen", "unseen"):
        if not content.get(key):
            raise InputError(f"{path}: {key} is missing or empty; list the names of the {key} classes")
    given = [key for key in known[:5] if content.get(key) is not None]
    values: dict[str, Any] = _numbers(path, content)
    for key in given:
        values[key] = entries(path, key, content[key], str if key in CLASSES else kind)
    split = SplitFile[Image](**values)
    _check_classes(path, split)
    _check_images(path, split, content)
    return split


def entries(path: Path, key: str, found: Any, kind: type[str] | type[int]) -> tuple[Any, ...]:
    """Check the list under a key of a split file: distinct names, paths or row numbers.

    Raises:
        InputError: the value is not such a list.
    """
    if not isinstance(found, list):
        raise InputError(f"{path}: {key} is not a list; write `{key}: [first, second]`")
    for entry in found:
        if kind is str and not isinstance(entry, str):
            raise InputError(f"{path}: {key}: {shown(entry)} is not a name; put it in quotes")
        if kind is int and (type(entry) is not int or not 0 <= entry < 2**63):
            raise InputError(f"{path}: {key}: {shown(entry)} is not a row number; count images from 0")
    if key in CLASSES and kind is str:
        require_names(found, f"{path}: {key}")
    if (twice := _twice(found)) is not None:
        raise InputError(f"{path}: {key}: {twice!r} occurs twice; list it once")
    return tuple(found)


def by_class(
    plan: SplitFile[Any],
    labels: Int64[Array, " n"],
    trainval: Int64[Array, " m"],
    test_seen: Int64[Array, " s"],
    file: Path,
) -> Splits:
    """Make the splits of a split file: all images of unseen classes are test images; trainval is divided by class.

    Args:
        plan: content of the split file.
        labels: positions in ``plan.classes``, or -1 for images of other classes.
        trainval: rows of the training images of seen classes.
        test_seen: rows of the test images of seen classes.
        file: path of the split file, for messages.

    Raises:
        InputError: a class has no image to train or test on.
    """
    unseen = np.flatnonzero(labels >= len(plan.seen))
    require_images(trainval, unseen, labels, plan, file)
    if plan.val is None:
        train, val = divide(trainval, labels)
    else:
        classes = [composed(name) for name in plan.classes]
        is_val = np.isin(labels[trainval], [classes.index(composed(name)) for name in plan.val])
        train, val = trainval[~is_val], trainval[is_val]
    return Splits(trainval, test_seen, unseen, train, val)


def require_images(
    trained: Int64[Array, " m"],
    unseen: Int64[Array, " u"],
    labels: Int64[Array, " n"],
    plan: SplitFile[Any],
    file: Path,
) -> None:
    """Refuse splits with a seen class without training images, or with an unseen class without images.

    Raises:
        InputError: there is such a class.
    """
    of_seen, of_unseen, seen = np.unique(labels[trained]), np.unique(labels[unseen]), len(plan.seen)
    present = {*of_seen[of_seen < seen].tolist(), *of_unseen[of_unseen >= seen].tolist()}
    for label, name in enumerate(plan.classes):
        if label not in present:
            raise InputError(f"{file}: class {name!r} has no image to train or test on; add images")


def tested(images: Iterable[Image], labels: Int64[Array, " n"], plan: SplitFile[Any]) -> Bool[Array, " n"]:
    """Choose the test images: the first ``test_fraction`` of every class by hash, rounded, and never all."""
    texts = (f"{plan.seed} {image}".encode(errors="surrogateescape") for image in images)
    rank = np.array([hashlib.sha256(text).hexdigest() for text in texts])
    chosen = np.zeros(len(rank), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = min(max(1, round(plan.test_fraction * len(rows))), len(rows) - 1)
        chosen[rows[np.argsort(rank[rows])][:count]] = True
    return chosen


def _numbers(path: Path, content: Mapping[Any, Any]) -> dict[str, Any]:
    fraction, seed = content.get("test_fraction"), content.get("seed")
    if fraction is not None and not (isinstance(fraction, float) and 0 < fraction < 1):
        raise InputError(f"{path}: test_fraction is {shown(fraction)}; give a number between 0 and 1")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise InputError(f"{path}: seed is {shown(seed)}; give a whole number")
    given = {"test_fraction": fraction, "seed": seed}
    return {key: value for key, value in given.items() if value is not None}


def _check_classes(path: Path, split: SplitFile[Any]) -> None:
    if twice := _twice(split.classes):
        raise InputError(f"{path}: class {twice!r} is both seen and unseen; list it once")
    seen = {composed(name) for name in split.seen}
    for name in split.val or ():
        if composed(name) not in seen:
            raise InputError(f"{path}: val: {name!r} is not a seen class; list only classes of `seen`")
    if split.val is not None and not 0 < len(split.val) < len(split.seen):
        raise InputError(f"{path}: val lists none or all of the seen classes; leave out `val` or list some of them")


def _check_images(path: Path, split: SplitFile[Any], content: Mapping[Any, Any]) -> None:
    if (split.train is None) != (split.test is None):
        given, absent = ("train", "test") if split.test is None else ("test", "train")
        raise InputError(f"{path}: {given} is given without {absent}; give both, or test_fraction instead")
    if split.train is not None and split.test is not None:
        for key in ("test_fraction", "seed"):
            if key in content:
                raise InputError(f"{path}: {key} has no effect with train and test; give either the lists or {key}")
        if (twice := _twice(split.train + split.test)) is not None:
            raise InputError(f"{path}: {twice!r} is in both train and test; list it in one of them")


def _twice(entries: Sequence[Any]) -> Any:
    """Return the first entry that occurs twice, compared in Unicode's normal form C; None if all are distinct."""
    forms: list[Hashable] = [composed(entry) if isinstance(entry, str) else entry for entry in entries]
    times = Counter(forms)
    return next((entry for entry, form in zip(entries, forms, strict=True) if times[form] > 1), None)
