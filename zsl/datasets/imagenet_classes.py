"""Lists of ImageNet's classes, and sets of unseen ones: files as distributed, and sets that are computed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray as Array

from zsl.errors import InputError, shortened
from zsl.features.cache import Entry, cached, key_part
from zsl.files import matlab
from zsl.files.regular_file import distinct_keys
from zsl.files.source_file import read_text, require_file

WNID = re.compile(r"n\d{8}")
SETS = {"2-hops": "hops2", "3-hops": "hops3", "all": "all"} | {
    f"{which}_populated_{count}": f"{which[0]}p{count}" for which in ("most", "least") for count in (500, 1000, 5000)
}
"""name of a set of unseen classes -> key of a split file of MATLAB"""
SEEN, VAL = "train_classes", "val_classes"


@dataclass(frozen=True)
class ClassList:
    """Classes in the order in which files number them from 1."""

    wnids: tuple[str, ...]
    words: tuple[str, ...] | None = None
    vectors: Float64[Array, "classes k"] | None = None
    has_vector: Bool[Array, " classes"] | None = None


@dataclass(frozen=True)
class ClassSets:
    """Positions of seen, validation and unseen classes; ``unseen`` holds the sets that a file lists."""

    seen: Int64[Array, " s"]
    val: Int64[Array, " v"] | None = None
    unseen: Mapping[str, Int64[Array, " u"]] = field(default_factory=dict)


def read_class_list(path: Path, cache: Path) -> ClassList:
    """Read ``ImageNet_w2v.mat`` [Changpinyo2016]: ``wnids``, and optionally ``words``, ``w2v`` and ``no_w2v_loc``.

    ``w2v`` is classes × k. ``no_w2v_loc`` are the numbers of classes without a vector; a row of zeros is none either.
    The content is kept in ``cache``: cells of MATLAB's files take long to read.

    Raises:
        InputError: the file is missing or damaged, an entry of ``wnids`` is not a wnid or occurs twice, or the other
            variables do not have one entry a class.
    """
    file = require_file(path, "data.classes", "give a .mat file with wnids, such as ImageNet_w2v.mat, or null")
    key = f"imagenet/{key_part(file.stem)}-{hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:12]}"
    arrays = cached(cache.expanduser(), key, {}, lambda: _converted(file), [file]).arrays
    wnids, words = (tuple(arrays[name].tobytes().decode().splitlines()) for name in ("wnids", "words"))
    has = np.asarray(arrays["has_vector"])
    return ClassList(wnids, words or None, np.asarray(arrays["w2v"]) if len(has) else None, has if len(has) else None)


def _converted(file: Path) -> Entry:
    place = f"data.classes {file}"
    found = matlab.read(file, ("w2v", "no_w2v_loc"), ("wnids", "words"))
    if "wnids" not in found:
        raise InputError(f"{place}: key 'wnids' is missing; give the file that lists all classes")
    texts = {key: [" ".join(str(text).split()) for text in found.get(key, ())] for key in ("wnids", "words")}
    wnids, words = texts["wnids"], texts["words"]
    _require_wnids(wnids, f"{place}: wnids")
    if words and (len(words) != len(wnids) or not all(words)):
        raise InputError(f"{place}: {len(words)} words for {len(wnids)} wnids, or an empty one; give words of each")
    vectors, has = np.zeros((0, 0)), np.zeros(0, dtype=np.bool_)
    if "w2v" in found:
        vectors = found["w2v"].astype(np.float64)
        if vectors.ndim != 2 or len(vectors) != len(wnids):
            shape = " × ".join(map(str, vectors.shape))
            raise InputError(f"{place}: w2v is {shape} for {len(wnids)} wnids; give one row a class")
        has = np.asarray(np.isfinite(vectors).all(axis=1) & vectors.any(axis=1))
        has[_positions(found.get("no_w2v_loc", np.zeros(0)), len(wnids), f"{place}: no_w2v_loc")] = False
    encoded = {key: np.frombuffer("\n".join(lines).encode(), dtype=np.uint8) for key, lines in texts.items()}
    return Entry({**encoded, "w2v": vectors, "has_vector": has}, {})


def read_class_sets(path: Path, wnids: dict[str, int], extend: bool = False) -> ClassSets:
    """Read sets of classes: ``ImageNet_splits.mat`` [Xian2018], or JSON with lists of wnids.

    The MATLAB file holds numbers of classes counted from 1: ``train_classes`` and ``val_classes``, which together are
    the seen ones, and sets of unseen ones, whose keys are the values of :data:`SETS`. JSON holds ``train``, the seen
    classes, optionally ``val``, those of them for validation, and sets under the names of :data:`SETS`, as
    ``imagenet-testsets.json`` of [Kampffmeyer2019] does.

    Args:
        path: of the file.
        wnids: class -> position.
        extend: add classes of a JSON file to ``wnids`` that it lacks, instead of refusing them.

    Raises:
        InputError: the file is missing or damaged, has no seen classes, or names a class that is not in ``wnids``.
    """
    file = require_file(path, "data.splits", "give ImageNet_splits.mat or a .json file of wnids, or null")
    if file.suffix.lower() == ".json":
        return _of_json(file, wnids, extend)
    if extend:
        raise InputError(
            f"data.splits {file}: holds numbers of classes; give the list of classes that they count with "
            "data.classes, or a .json file of wnids"
        )
    found = {
        key: _positions(value, len(wnids), f"data.splits {file}: {key}")
        for key, value in matlab.read(file, (SEEN, VAL, *SETS.values())).items()
    }
    if SEEN not in found or VAL not in found:
        raise InputError(f"data.splits {file}: {SEEN} or {VAL} is missing; give the file of ImageNet's class splits")
    sets = {name: found[key] for name, key in SETS.items() if key in found}
    return ClassSets(np.concatenate([found[SEEN], found[VAL]]), found[VAL], sets)


def unseen_classes(
    name: str, sets: ClassSets, images: Int64[Array, " classes"], edges: Int64[Array, " classes"] | None
) -> tuple[Int64[Array, " u"], str]:
    """Return the unseen classes of a set, and where they are from: the split file, or computed.

    N-hops are computed as the other classes at most N - 1 is-a edges away from a seen class: the distributed sets count
    the seen class as the first hop. ``most_populated_N`` and ``least_populated_N`` are the N classes with the most and
    with the fewest images, of classes with any; of equal ones the first in the list. Computed sets are parts of the set
    ``all`` of the split file, or else of all classes that are not seen.

    Args:
        name: of the set.
        sets: seen classes, and the sets that the split file lists.
        images: number of images of every class.
        edges: number of is-a edges from every class to the nearest seen one, -1 where there is no path; None where
            there is no WordNet.

    Raises:
        InputError: there is no such set, it needs WordNet and there is none, or it has no class,
            or a seen one.
    """
    if name in sets.unseen:
        found = sets.unseen[name]
        if (both := np.isin(found, sets.seen)).any():
            raise InputError(f"data.unseen={name}: {both.sum()} classes are seen ones too; correct data.splits")
        return found, "as in the split file"
    others = np.setdiff1d(np.arange(len(images)), sets.seen)
    if "all" in sets.unseen:
        others = np.intersect1d(others, sets.unseen["all"])
    hops, populated = re.fullmatch(r"(\d)-hops", name), re.fullmatch(r"(most|least)_populated_(\d{1,5})", name)
    if name == "all":
        found = others
    elif hops:
        if edges is None:
            raise InputError(
                f"data.unseen={name}: needs the split file that lists it, or WordNet to compute it; set data.splits or "
                "data.wordnet"
            )
        found = others[(edges[others] >= 0) & (edges[others] < int(hops[1]))]
    elif populated:
        with_images = others[images[others] > 0]
        order = np.argsort(images[with_images] * (-1 if populated[1] == "most" else 1), kind="stable")
        found = np.sort(with_images[order[: int(populated[2])]])
    else:
        raise InputError(f"data.unseen={shortened(name, 60)}: choose one of {', '.join(SETS)}")
    if not len(found):
        raise InputError(f"data.unseen={name}: no class is in this set; check data.splits and data.features")
    return found, "computed"


def _of_json(file: Path, wnids: dict[str, int], extend: bool) -> ClassSets:
    try:
        content = json.loads(read_text(file, "data.splits"), object_pairs_hook=distinct_keys)
    except (ValueError, RecursionError) as error:
        raise InputError(f"data.splits {file}: not JSON ({error}); give lists of wnids") from error
    if not isinstance(content, dict) or not isinstance(content.get("train"), list):
        raise InputError(
            f"data.splits {file}: has no list 'train' of seen classes; give train, and sets such as 2-hops"
        )
    found = {}
    for name in ("train", "val", *SETS):
        if name in content:
            place, listed = f"data.splits {file}: {name}", content[name]
            if not isinstance(listed, list) or not all(isinstance(wnid, str) for wnid in listed):
                raise InputError(f'{place}: is not a list of wnids; write ["n01440764", …]')
            _require_wnids(listed, place)
            if extend:
                for wnid in listed:
                    wnids.setdefault(wnid, len(wnids))
            if unknown := [wnid for wnid in listed if wnid not in wnids]:
                raise InputError(f"{place}: {unknown[0]} is not in data.classes; give the list of this split")
            found[name] = np.array([wnids[wnid] for wnid in listed], dtype=np.int64)
    train, val = found.pop("train"), found.pop("val", None)
    if val is not None and not np.isin(val, train).all():
        raise InputError(
            f"data.splits {file}: val has classes that are not in train; give those of train for validation"
        )
    return ClassSets(train, val, found)


def _require_wnids(wnids: Sequence[str], place: str) -> None:
    if bad := [wnid for wnid in wnids if not WNID.fullmatch(wnid)]:
        raise InputError(f"{place}: {shortened(bad[0], 60)!r} is not a wnid; give n and eight digits, as in n01440764")
    if len(set(wnids)) < len(wnids):
        twice = next(wnid for i, wnid in enumerate(wnids) if wnid in wnids[:i])
        raise InputError(f"{place}: {twice} occurs twice; list every class once")


def _positions(numbers: Array, count: int, place: str) -> Int64[Array, " n"]:
    flat = numbers.ravel()
    bad = ~((flat >= 1) & (flat <= count) & (flat == np.round(flat)))
    if bad.any():
        raise InputError(f"{place}: {flat[bad][0]} is not the number of a class; give numbers from 1 to {count}")
    if len(np.unique(flat)) < len(flat):
        raise InputError(f"{place}: a class occurs twice; list every class once")
    return flat.astype(np.int64) - 1
