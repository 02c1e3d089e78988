"""The split file of an image folder, read and checked; ``image_folder`` says what it may hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from zsl.data.class_names import require_names
from zsl.errors import InputError
from zsl.files.plain_yaml import parse, shown
from zsl.files.source_file import composed, read_text, require_file

CLASSES = ("seen", "unseen", "val")
"""keys that hold names of classes"""


@dataclass(frozen=True)
class SplitFile:
    """Which classes are seen, unseen and for validation; which images of seen classes are trained and tested on."""

    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    val: tuple[str, ...] | None = None
    train: tuple[str, ...] | None = None
    test: tuple[str, ...] | None = None
    test_fraction: float = 0.2
    seed: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """Seen, then unseen classes."""
        return self.seen + self.unseen


def read_split_file(path: Path) -> SplitFile:
    """The split file, YAML or JSON.

    Raises:
        InputError: naming the file, the key and the first entry that is wrong.
    """
    content = _parse(path)
    known = [field.name for field in fields(SplitFile)]
    for key in content:
        if key not in known:
            near = get_close_matches(str(key)[:100], known, 1, 0.0)
            raise InputError(
                f"{path}: unknown key {shown(key)}; did you mean {near[0]!r}? (keys are {', '.join(known)})"
            )
    for key in ("seen", "unseen"):
        if not content.get(key):
            raise InputError(f"{path}: {key} is missing or empty; list the names of the {key} classes")
    lists = {key: _names(path, key, content[key]) for key in known[:5] if content.get(key) is not None}
    split = SplitFile(**lists, **_numbers(path, content))  # type: ignore[arg-type]
    _check_classes(path, split)
    _check_images(path, split, content)
    return split


def _parse(path: Path) -> dict[Any, Any]:
    text = read_text(require_file(path, "split file", "data.splits names a YAML or JSON file"), "split file")
    try:
        content = parse(text) or {}
    except ValueError as error:
        raise InputError(f"split file {path} cannot be read: {error}; write YAML or JSON") from error
    if not isinstance(content, dict):
        raise InputError(f"split file {path} holds no keys; write `seen: [...]` and `unseen: [...]`")
    return content


def _names(path: Path, key: str, entries: Any) -> tuple[str, ...]:
    if not isinstance(entries, list):
        raise InputError(f"{path}: {key} is not a list; write `{key}: [first, second]`")
    for entry in entries:
        if not isinstance(entry, str):
            raise InputError(f"{path}: {key}: {shown(entry)} is not a name; put it in quotes")
    if key in CLASSES:
        require_names(entries, f"{path}: {key}")
    if twice := _twice(entries):
        raise InputError(f"{path}: {key}: {twice!r} stands twice; list it once")
    return tuple(entries)


def _numbers(path: Path, content: dict[Any, Any]) -> dict[str, float | int]:
    fraction, seed = content.get("test_fraction"), content.get("seed")
    if fraction is not None and not (isinstance(fraction, float) and 0 < fraction < 1):
        raise InputError(f"{path}: test_fraction is {shown(fraction)}; give a number between 0 and 1")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise InputError(f"{path}: seed is {shown(seed)}; give a whole number")
    given = {"test_fraction": fraction, "seed": seed}
    return {key: value for key, value in given.items() if value is not None}


def _check_classes(path: Path, split: SplitFile) -> None:
    if twice := _twice(split.classes):
        raise InputError(f"{path}: class {twice!r} is both seen and unseen; it can be only one")
    seen = {composed(name) for name in split.seen}
    for name in split.val or ():
        if composed(name) not in seen:
            raise InputError(f"{path}: val: {name!r} is not a seen class; validation classes are taken from `seen`")
    if split.val is not None and not 0 < len(split.val) < len(split.seen):
        raise InputError(f"{path}: val holds none or all of the seen classes; leave out `val` or list some of them")


def _check_images(path: Path, split: SplitFile, content: dict[Any, Any]) -> None:
    if (split.train is None) != (split.test is None):
        given, absent = ("train", "test") if split.test is None else ("test", "train")
        raise InputError(f"{path}: {given} is given without {absent}; give both, or neither and a test_fraction")
    if split.train is not None and split.test is not None:
        for key in ("test_fraction", "seed"):
            if key in content:
                raise InputError(f"{path}: {key} has no meaning beside train and test; give either the lists or {key}")
        if twice := _twice(split.train + split.test):
            raise InputError(f"{path}: {twice!r} is in both train and test; an image can be in only one")


def _twice(entries: Sequence[str]) -> str | None:
    times = Counter(map(composed, entries))
    return next((entry for entry in entries if times[composed(entry)] > 1), None)
