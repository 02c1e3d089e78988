"""Split files of CoOp [Zhou2022], read as splits into base (seen) and new (unseen) classes.

The file is JSON with the lists ``train``, ``val`` and ``test`` of [path, label, class name]. Classes are sorted by
label, and the first half of them, rounded up, is the base classes, as in the published base-to-new protocol. Base
classes are trained on images of ``train`` and tested on images of ``test``; new classes are tested on images of
``test``. Images of ``val``, and training images of new classes, are not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from zsl.errors import InputError
from zsl.files.plain_yaml import shown
from zsl.files.source_file import composed

PARTS = ("train", "val", "test")


def is_coop(content: Mapping[Any, Any]) -> bool:
    """Return whether the content of a split file has the keys of CoOp's files."""
    return set(content) <= set(PARTS) and {"train", "test"} <= set(content)


def base_to_new(path: Path, content: Mapping[Any, Any]) -> dict[str, Any]:
    """Return ``seen``, ``unseen``, ``train``, ``test`` and ``label_of``, the class of every image that is used.

    Raises:
        InputError: an entry is no [path, label, class name], an image occurs twice, or a class has two names or labels.
    """
    parts = {part: list(_entries(path, part, content.get(part, []))) for part in PARTS}
    names: dict[int, str] = {}
    of: dict[str, str] = {}
    for part, entries in parts.items():
        for image, label, name in entries:
            if names.setdefault(label, name) != name:
                raise InputError(f"{path}: label {label} is {shown(names[label])} and {shown(name)}; give it one name")
            if image in of:
                raise InputError(f"{path}: {shown(image)} is in {of[image]} and in {part}; list it once")
            of[image] = part
    classes = [names[label] for label in sorted(names)]
    if len(classes) < 2:
        raise InputError(f"{path}: has {len(classes)} class; two are needed, one to train and one to test on")
    base = (len(classes) + 1) // 2
    place = {label: i for i, label in enumerate(sorted(names))}
    label_of = {
        image: place[label]
        for part in ("train", "test")
        for image, label, _ in parts[part]
        if part == "test" or place[label] < base
    }
    seen = {part: [image for image, label, _ in parts[part] if place[label] < base] for part in ("train", "test")}
    return {"seen": classes[:base], "unseen": classes[base:], **seen, "label_of": label_of}


def _entries(path: Path, part: str, found: Any) -> Iterator[tuple[str, int, str]]:
    if not isinstance(found, list):
        raise InputError(f"{path}: {part} is not a list; write [[path, label, class name], …]")
    for entry in found:
        if not (isinstance(entry, list) and [type(value) for value in entry] == [str, int, str]):
            raise InputError(f"{path}: {part}: {shown(entry)} is not [path, label, class name]")
        image = PurePosixPath(composed(entry[0]))
        if image.is_absolute() or ".." in image.parts:
            raise InputError(f"{path}: {part}: {shown(entry[0])} leaves the folder of the images; give a path below it")
        yield str(image), entry[1], entry[2]
