"""Standard benchmark files: a feature file and a split file in MATLAB's format, as released with [Xian2018]."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int64
from numpy import ndarray as Array

from zsl.backbones.imagenet import imagenet1k
from zsl.data.class_names import read_names, require_names, suggest_name
from zsl.data.dataset import Card, ClassDescriptions, Dataset, Splits
from zsl.data.fingerprint import fingerprints, sha256
from zsl.data.pretraining import pretraining_notes
from zsl.data.splits import SplitsOrigin, audit, check_rows, divide
from zsl.datasets.known_splits import KNOWN_SPLITS, digest
from zsl.datasets.unused_classes import without_unused
from zsl.errors import InputError
from zsl.features.cache import Entry, cached, key_part
from zsl.files import matlab
from zsl.files.source_file import composed, locate, read_text, require_file, require_file_name

log = logging.getLogger(__name__)

LOCS = ("trainval_loc", "test_seen_loc", "test_unseen_loc", "train_loc", "val_loc")
SPLIT_KEYS = (*LOCS, "att", "original_att")
LARGEST = 2**53
"""a double represents every integer up to this one exactly"""
PUBLISHED = {
    "res101": (2048, "imagenet1k (ResNet-101 of the published features)"),
    "resnet_fc1000": (1000, "imagenet1k (ResNet whose 1,000 logits these features are)"),
}
"""features file of a release, without its suffix -> length of the features, and what their backbone was trained on"""


def load(
    *,
    name: str,
    root: str | Path,
    cache: str | Path,
    features: str = "res101.mat",
    splits: str = "att_splits.mat",
    distractors: bool = False,
    class_names: str | Path | None = None,
) -> Dataset:
    """Read one data set of the xlsa17 layout.

    ``features`` (relative to ``root``) has ``features`` (d × n) and ``labels`` (n × 1, counted from 1); ``splits`` has
    ``att`` (k × classes), ``trainval_loc``, ``test_seen_loc``, ``test_unseen_loc`` (image numbers counted from 1) and
    optionally ``original_att``, ``allclasses_names``, ``train_loc``, ``val_loc``. Indices are counted from 1 in these
    files only. The released ``train_loc`` and ``val_loc`` contain images of ``test_seen_loc``, so both are intersected
    with ``trainval_loc``. If they are missing (PS v2), ``valclasses1.txt`` in the folder of the split file lists the
    validation classes; without that file, a fixed quarter of the seen classes are validation classes.

    A class with an embedding but without an image in any split is removed, with a note; ``distractors=True`` keeps
    such classes as candidate labels.

    Features of the names and lengths of `PUBLISHED` are noted to come from a backbone trained on ImageNet-1k.

    ``class_names`` is a text file of names, one per line in the order of the columns of ``att``, for split files
    without ``allclasses_names``, or to replace them.

    Raises:
        InputError: ``name`` cannot be in a file name, a file is missing or damaged, a key is missing, shapes or
            splits are inconsistent, or a class has images but no embedding.
    """
    if not isinstance(distractors, bool):
        raise InputError(f"data.distractors={distractors}: must be true or false")
    require_file_name("data.name", name)
    root = locate(root)
    if not root.is_dir():
        raise InputError(f"data.root={root}: no such folder; set data.root, or ZSL_DATA_ROOT for the short forms")
    feature_file, split_file = root / features, root / splits
    entry = _features(feature_file, Path(cache).expanduser(), name)
    x, labels = entry.arrays["features"], np.asarray(entry.arrays["labels"])
    raw = _read_splits(split_file)
    names, notes = _names(raw, split_file, class_names), []

    origin = SplitsOrigin(str(split_file), {loc.removesuffix("_loc"): loc for loc in LOCS}, base=1)
    for loc in LOCS:
        if loc in raw:
            check_rows(loc.removesuffix("_loc"), raw[loc], len(labels), origin)
    trainval = raw["trainval_loc"]
    train, val, note = _divide(raw, split_file.parent, names, trainval, labels)
    notes += note
    parts = Splits(trainval, raw["test_seen_loc"], raw["test_unseen_loc"], train, val)
    audit(parts, labels, origin)

    used = np.unique(labels[np.concatenate([parts.trainval, parts.test_seen, parts.test_unseen])])
    _check_embedded(used, raw["att"], names, split_file)
    classes = ClassDescriptions(names, {key: raw[key].T for key in ("att", "original_att") if key in raw})
    labels = np.where(labels < len(names), labels, -1)
    classes, labels, unused = without_unused(classes, labels, used, distractors)
    notes += unused
    if unused:
        log.info("%s: %s", name, unused[0])
    notes += _pretraining(feature_file, x, classes.names, np.isin(np.arange(len(classes.names)), labels[trainval]))
    known = KNOWN_SPLITS.get(digest(raw))
    title = known or f"{name}, unrecognised split file, {raw['att'].shape[0]} attributes"
    prints = fingerprints(x, labels, parts, known=entry.meta["sha256"])
    return Dataset(name, x, labels, classes, parts, Card(title, notes=tuple(notes)), prints)


def _pretraining(
    file: Path, x: Float32[Array, "n d"], names: Sequence[str], seen: Bool[Array, " classes"]
) -> tuple[str, ...]:
    """Return the notes on pretraining of published features; none for other ones."""
    length, stated = PUBLISHED.get(file.stem, (0, ""))
    if x.shape[1] != length:
        return ()
    return pretraining_notes({"pretraining": stated, "labels": imagenet1k()}, names, seen)


def _features(path: Path, cache: Path, name: str) -> Entry:
    path = require_file(path, "", "check data.root and data.features")
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    key = f"xlsa17/{key_part(name)}-{key_part(path.stem)}-{place[:12]}"
    return cached(cache, key, {}, lambda: _convert(path), [path])


def _convert(path: Path) -> Entry:
    content = matlab.read(path, ("features", "labels"))
    for key in ("features", "labels"):
        _require(content, key, path)
    # The file is column-major d × n, so its transpose is already n × d in memory order, and this makes one copy only.
    with np.errstate(over="ignore", invalid="ignore"):
        x = np.ascontiguousarray(content["features"].T, dtype=np.float32)
    labels = _whole(content["labels"], "labels", path) - 1
    if x.ndim != 2 or x.shape[0] != len(labels) or x.size == 0:
        shape = " × ".join(map(str, content["features"].shape))
        raise InputError(f"{path}: features are {shape} but there are {len(labels)} labels; features must be d × n")
    for row in range(0, len(x), 4096):
        bad = ~np.isfinite(x[row : row + 4096]).all(axis=1)
        if bad.any():
            raise InputError(
                f"{path}: features of image {row + int(bad.argmax()) + 1} are not finite in float32; extract them again"
            )
    if labels.min() < 0:
        raise InputError(
            f"{path}: label {labels.min() + 1} of image {labels.argmin() + 1} is out of range; count labels from 1"
        )
    return Entry({"features": x, "labels": labels}, {"sha256": sha256(x)})


def _read_splits(path: Path) -> dict[str, Array]:
    raw = matlab.read(path, SPLIT_KEYS, ("allclasses_names",))
    for key in ("att", *LOCS[:3]):
        _require(raw, key, path)
    if ("train_loc" in raw) != ("val_loc" in raw):
        lone = "train_loc" if "train_loc" in raw else "val_loc"
        raise InputError(f"{path}: {lone} is given alone; give both train_loc and val_loc, or neither")
    for key in LOCS:
        if key in raw:
            if raw[key].dtype.kind == "b":
                raise InputError(f"{path}: {key} holds Booleans; save the numbers of the images, find({key})")
            raw[key] = _whole(raw[key], key, path) - 1
    for key in ("att", "original_att"):
        if key in raw:
            raw[key] = np.atleast_2d(np.asarray(raw[key], dtype=np.float64))
            if raw[key].ndim != 2 or not raw[key].size:
                shape = " × ".join(map(str, raw[key].shape))
                raise InputError(f"{path}: {key} is {shape}; give attributes × classes, one column per class")
    if "original_att" in raw and raw["original_att"].shape[1] != raw["att"].shape[1]:
        raise InputError(
            f"{path}: att has {raw['att'].shape[1]} classes and original_att {raw['original_att'].shape[1]}; "
            "give one column per class in both"
        )
    return raw


def _require(content: Mapping[str, Array], key: str, path: Path) -> None:
    if key not in content:
        raise InputError(f"{path}: key {key!r} is missing; is it the other file of the pair?")


def _whole(values: Array, key: str, path: Path) -> Int64[Array, " n"]:
    flat = values.ravel()
    if flat.dtype.kind == "f":
        bad = ~(np.isfinite(flat) & (flat == np.round(flat)))
        if bad.any():
            raise InputError(f"{path}: {key} entry {int(bad.argmax()) + 1} is {flat[bad][0]}, not a whole number")
    large = np.abs(flat.astype(np.float64)) > LARGEST
    if large.any():
        raise InputError(
            f"{path}: {key} entry {int(large.argmax()) + 1} is {flat[large][0]}; give numbers counted from 1"
        )
    return flat.astype(np.int64)


def _names(raw: Mapping[str, Array], path: Path, given: str | Path | None) -> tuple[str, ...]:
    count = raw["att"].shape[1]
    if given is not None:
        return read_names(given, count)
    if "allclasses_names" not in raw:
        return tuple(f"class {i + 1}" for i in range(count))
    names = tuple(str(name).strip() for name in raw["allclasses_names"])
    if len(names) != count:
        raise InputError(f"{path}: {len(names)} allclasses_names but {count} columns in att; give one name per column")
    require_names(names, f"{path}: allclasses_names")
    return names


def _check_embedded(used: Int64[Array, " c"], att: Array, names: tuple[str, ...], path: Path) -> None:
    beyond = used[used >= len(names)]
    if len(beyond):
        raise InputError(
            f"{path}: class {beyond[0] + 1} has images but no embedding: att has {len(names)} columns; add its column"
        )
    bare = [i for i in used if not np.isfinite(att[:, i]).all() or not att[:, i].any()]
    if bare:
        raise InputError(
            f"{path}: class {names[bare[0]]!r} has images but no embedding: column {bare[0] + 1} of att is zero or "
            "not finite; fill it in"
        )


def _divide(
    raw: Mapping[str, Array], folder: Path, names: tuple[str, ...], trainval: Array, labels: Array
) -> tuple[Array, Array, list[str]]:
    if "train_loc" in raw:
        train, val = (trainval[np.isin(trainval, raw[key])] for key in ("train_loc", "val_loc"))
        return train, val, []
    listed = folder / "valclasses1.txt"
    if os.path.lexists(listed):
        listed = require_file(listed, "validation classes", "give a list of classes, or remove it")
        lines = read_text(listed, "validation classes").splitlines()
        wanted = {composed(line.strip()) for line in lines if line.strip()}
        composed_names = [composed(name) for name in names]
        unknown = sorted(wanted.difference(composed_names))
        if unknown:
            offer = suggest_name(unknown[0], names, "correct or remove the list")
            raise InputError(f"{listed}: {unknown[0]!r} is not a class of the split file; {offer}")
        is_val = np.isin(labels[trainval], [i for i, name in enumerate(composed_names) if name in wanted])
        return trainval[~is_val], trainval[is_val], [f"validation classes are those of {listed.name}"]
    train, val = divide(trainval, labels)
    held = len(np.unique(labels[val]))
    return train, val, [f"no train_loc and val_loc: a fixed quarter of the seen classes ({held}) serves for validation"]
