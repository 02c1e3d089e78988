"""Emoji data set: the same concepts drawn by several vendors, fetched from a package registry in minutes.

Images are drawings (SVG, rendered on white), classes are Unicode emoji, and written descriptions are their short names
and emojilib's keywords. ``emoji/packages.json`` pins the packages; ``emoji/small.txt`` and ``emoji/full.txt`` list the
classes, their roles in three class splits, and their drawings (tables made by ``emoji_concepts``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache as remembered
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array
from PIL.Image import Image

from zsl.backbones.backbone import Backbone, identity
from zsl.data.dataset import Card, ClassDescriptions, Dataset, Splits
from zsl.data.duplicates import Duplicates, listed
from zsl.data.fingerprint import fingerprints
from zsl.data.pretraining import pretraining_notes
from zsl.datasets.emoji_concepts import SEEDS, code_of
from zsl.datasets.emoji_drawings import RENDERER, SIDE, picture, svg
from zsl.datasets.emoji_packages import fetch, packages, read_json
from zsl.errors import InputError
from zsl.features.cache import Entry, cached
from zsl.features.rows import FeatureRows

SPLITS = tuple(SEEDS)
VARIANTS = ("small", "full")
NOTE = (
    "the backbone has seen ImageNet photographs of many of these concepts: unseen means unseen by the mapping from "
    "drawings to class embeddings, not by the network that makes the features"
)


@dataclass(frozen=True)
class Row:
    """Row of a table of classes: code points, readable name, category, role per split, drawing per style."""

    code: str
    name: str
    category: str
    roles: Mapping[str, str]
    drawings: Mapping[str, str]


@remembered
def classes(variant: str) -> tuple[Row, ...]:
    """Read the committed table ``small`` or ``full``.

    Raises:
        InputError: there is no such variant.
    """
    _choose("variant", variant, VARIANTS)
    header, *lines = (files("zsl.datasets") / "emoji" / f"{variant}.txt").read_text("utf-8").splitlines()
    columns = header.split("\t")
    styles = columns[3 + len(SPLITS) :]
    rows = []
    for line in lines:
        row = dict(zip(columns, line.split("\t"), strict=True))
        drawings = {style: row[style] for style in styles if row[style] != "-"}
        rows.append(Row(row["code"], row["name"], row["category"], {s: row[s] for s in SPLITS}, drawings))
    return tuple(rows)


def styles(variant: str) -> tuple[str, ...]:
    """Return the styles of a variant, in the order of the table's columns."""
    drawn = {style for row in classes(variant) for style in row.drawings}
    return tuple(style for style in packages() if style in drawn)


def load(cache: str | Path, *, variant: str, split: str, held_out: str, backbone: Backbone) -> Dataset:
    """Load the emoji data set, and prepare it first if it is not in the cache.

    With C^s and C^u the seen and unseen classes of class split ``split`` (``a``, ``b`` or ``c``; a fifth is unseen):
    ``test_seen`` are the drawings of C^s in the style ``held_out``, and ``trainval`` the drawings of C^s in all other
    styles, so that methods are trained on some vendors and tested on another. ``test_unseen`` are all drawings of C^u:
    these classes are unseen in every style, and T1 over one drawing per class would be too noisy. ``train`` and ``val``
    divide ``trainval`` by the validation classes of the split (a fifth of C^s).

    Raises:
        InputError: an argument has an unknown value, a package or the registry is missing, or the cache cannot be
            written.
    """
    _choose("split", split, SPLITS)
    _choose("held_out", held_out, styles(variant))
    table = classes(variant)
    keywords = _keywords(table, Path(cache).expanduser())
    entries = _styles(cache, variant, backbone)
    features = np.concatenate([entry.arrays["features"] for entry in entries])
    labels = np.array([i for style in styles(variant) for i, row in enumerate(table) if style in row.drawings])
    drawn_as = np.array([style for style in styles(variant) for row in table if style in row.drawings])
    splits = divide(np.array([row.roles[split] for row in table])[labels], drawn_as == held_out)
    _require_different([row.tobytes() for entry in entries for row in entry.arrays["pictures"]], labels, splits, table)
    names = tuple(row.name for row in table)
    trained = pretraining_notes(identity(backbone), names, np.array([row.roles[split] != "unseen" for row in table]))
    return Dataset(
        name="emoji" if variant == "small" else f"emoji_{variant}",
        features=features,
        labels=labels,
        classes=ClassDescriptions(names, texts={"keywords": keywords}),
        splits=splits,
        card=_card(variant, split, held_out, trained),
        fingerprints=fingerprints(features, labels, splits),
        picture=lambda row: _drawing(Path(cache).expanduser(), str(drawn_as[row]), table[labels[row]]),
        images=tuple(
            f"{style}/{row.drawings[style]}" for style in styles(variant) for row in table if style in row.drawings
        ),
    )


def divide(roles: Array, held_out: Array) -> Splits:
    """Make the splits from the role of every image's class (train, val, unseen) and whether its style is held out."""
    unseen = roles == "unseen"
    trainval = ~unseen & ~held_out

    def rows(mask: Array) -> Array:
        return np.flatnonzero(mask).astype(np.int64)

    return Splits(
        trainval=rows(trainval),
        test_seen=rows(~unseen & held_out),
        test_unseen=rows(unseen),
        train=rows(trainval & (roles == "train")),
        val=rows(trainval & (roles == "val")),
    )


def prepare(cache: str | Path, *, variant: str, backbone: Backbone) -> Float32[Array, "n d"]:
    """Compute θ of all drawings of a variant, style by style, in the order of the table.

    Tarballs, features of whole styles, and features of single drawings (after an interruption) are reused from the
    cache. Progress is shown on a terminal.

    Raises:
        InputError: a package or the registry is missing, or the cache cannot be written.
    """
    return np.concatenate([entry.arrays["features"] for entry in _styles(cache, variant, backbone)])


def _styles(cache: str | Path, variant: str, backbone: Backbone) -> list[Entry]:
    root = Path(cache).expanduser()
    return [_style(style, variant, backbone, root) for style in styles(variant)]


def _require_different(pictures: list[bytes], labels: Array, splits: Splits, table: tuple[Row, ...]) -> None:
    """Refuse drawings that are both in training and in test, or in two classes, as in other releases of a package."""
    if leaks := Duplicates.of(pictures, labels, splits).leaks:
        which = listed(leaks, lambda row: table[labels[row]].name)
        raise InputError(
            f"emoji: {len(leaks)} drawings are both in training and in test, or in two classes: {which}; remove them "
            "from the table"
        )


def _style(style: str, variant: str, backbone: Backbone, root: Path) -> Entry:
    """Return the features of the drawings of a style, and the SHA-256 of every picture."""
    package = packages()[style]
    names = [row.drawings[style] for row in classes(variant) if style in row.drawings]
    source = {
        "package": package.integrity,
        "drawings": names,
        "rendered": [RENDERER, SIDE],
        "backbone": [backbone.name, backbone.transform],
    }

    def build() -> Entry:
        icons = read_json(fetch(package, root / "emoji" / "packages"), "icons.json")
        pictures = [picture(svg(icons, name)) for name in names]
        digests = np.array([list(bytes.fromhex(it.digest)) for it in pictures], dtype=np.uint8)
        features = FeatureRows(root, backbone)(pictures, style)
        return Entry({"features": features, "pictures": digests}, {"style": style})

    digest = hashlib.sha256(json.dumps(source).encode()).hexdigest()
    return cached(root, f"emoji/{style}-{digest[:16]}", source, build)


def _drawing(root: Path, style: str, row: Row) -> Image:
    return picture(svg(_icons(root, style), row.drawings[style])).open()


@remembered
def _icons(root: Path, style: str) -> Mapping[str, Any]:
    """Return the drawings of a style, read from its package in the cache, or fetched."""
    found: Mapping[str, Any] = read_json(fetch(packages()[style], root / "emoji" / "packages"), "icons.json")
    return found


def _keywords(table: tuple[Row, ...], root: Path) -> tuple[str, ...]:
    """Return emojilib's keywords of every class without its name, which comes first, joined by commas."""
    tarball = fetch(packages()["emojilib"], root / "emoji" / "packages")
    known = {code_of(emoji): words for emoji, words in read_json(tarball, "dist/emoji-en-US.json").items()}
    return tuple(", ".join(word.replace("_", " ") for word in known[row.code][1:]) or row.name for row in table)


def _card(variant: str, split: str, held_out: str, trained: tuple[str, ...]) -> Card:
    return Card(
        title=f"Emoji {variant}, class split {split}",
        licences=tuple(packages()[name].attribution for name in (*styles(variant), "emojilib")),
        notes=(
            f"test images of seen classes are those of the style {held_out}, which training does not see",
            NOTE,
            *trained,
        ),
    )


def _choose(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"data.{key}={value} is unknown for emoji; choose one of {', '.join(choices)}")
