"""Seen, unseen and validation classes for data without splits: drawn at random, or listed in files of names."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zsl.data.class_names import find_name, read_names, require_names, suggest_name
from zsl.datasets.array_labels import read_labels
from zsl.errors import InputError
from zsl.features.store import MANIFEST, open_store
from zsl.files.atomic import write_text
from zsl.files.source_file import locate


def class_names(source: str) -> tuple[str, ...]:
    """Read class names from a folder with one folder per class, a store of features, a text file, or a file of labels.

    Raises:
        InputError: the source is none of these, or has fewer than three classes.
    """
    place = locate(source)
    if (place / MANIFEST).is_file():
        names = open_store(place).classes
    elif place.is_dir():
        names = tuple(sorted(path.name for path in place.iterdir() if path.is_dir() and path.name[0] != "."))
        require_names(names, f"data splits {source}")
    elif place.suffix.lower() == ".txt":
        names = read_names(place, key="data splits")
    else:
        labels, names = read_labels(place, None)
        names = tuple(names[label] for label in np.unique(labels[labels >= 0]))
    if len(names) < 3:
        raise InputError(
            f"data splits {source}: has {len(names)} classes; give at least three, one unseen and two seen classes"
        )
    return names


def divide_classes(names: Sequence[str], unseen: str, val: str, seed: int) -> dict[str, list[str]]:
    """Divide classes into ``seen`` and ``unseen``, and take ``val`` from the seen classes; all in alphabetical order.

    Args:
        names: all classes; the result does not depend on their order.
        unseen: a share of all classes, between 0 and 1, or a text file of names, one per line.
        val: a share of the seen classes, or a text file of names, one per line.
        seed: the random seed.

    Raises:
        InputError: a share or the seed is out of range, a file cannot be read or lists a name that is not a class, or
            one of the three lists would be empty.
    """
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed}: give a whole number from 0 to {2**32 - 1}")
    generator = np.random.default_rng(seed)
    order = [sorted(names)[i] for i in generator.permutation(len(names))]
    is_unseen = set(_chosen("--unseen", unseen, order, len(names) - 2))
    seen = [name for name in order if name not in is_unseen]
    is_val = set(_chosen("--val", val, seen, len(seen) - 1))
    return {"seen": sorted(seen), "unseen": sorted(is_unseen), "val": sorted(is_val)}


def write_split_file(path: Path, classes: dict[str, list[str]], heading: str) -> None:
    """Write a split file for ``data=image_folder`` and ``data=arrays``; an existing file is not overwritten.

    Raises:
        InputError: the path exists already, or cannot be written.
    """
    if os.path.lexists(path):
        raise InputError(f"data splits: {path} exists already; give a new file, or remove it")
    # a JSON string is a YAML string even if it looks like a number, a date, or a Boolean
    lists = [f"{key}:\n" + "".join(f"- {json.dumps(n, ensure_ascii=False)}\n" for n in classes[key]) for key in classes]
    write_text(path, f"# {heading}\n" + "".join(lists))


def _chosen(option: str, asked: str, names: Sequence[str], most: int) -> list[str]:
    """Return the names listed in a file, or the first share of all names: at least one, at most ``most``."""
    try:
        share = float(asked)
    except ValueError:
        return _listed(option, asked, names, most)
    if not 0 < share < 1:
        raise InputError(f"{option} {asked}: give a share between 0 and 1, or a file of class names")
    return list(names[: min(max(1, round(share * len(names))), most)])


def _listed(option: str, file: str, names: Sequence[str], most: int) -> list[str]:
    found = []
    for name in read_names(file, key=option):
        own = find_name(name, names)
        if own is None:
            where = "a class" if option == "--unseen" else "a seen class"
            raise InputError(f"{option} {file}: {name!r} is not {where}; {suggest_name(name, names, 'remove it')}")
        found.append(own)
    if len(found) > most:
        raise InputError(f"{option} {file}: lists {len(found)} of {len(names)} classes; list at most {most}")
    return found
