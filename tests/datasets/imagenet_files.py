"""A world of ImageNet's true shape in files of the distributed layout: few images a class, few features, a small tree.

Sizes are those of the real sets: 1,000 seen classes and 20,842 others, of which 497 have no word vector.
``python -m tests.datasets.imagenet_files FOLDER`` writes them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
from numpy import ndarray as Array

LICENCE = "  1 This database is made up.  \n  2 WordNet 3.0 Copyright 2006 by Princeton University.  \n"


@dataclass(frozen=True)
class Shape:
    """Numbers of classes, and of classes in the sets that the split file lists."""

    seen: int = 1000
    others: int = 20_842
    bare: int = 497
    val: int = 250
    hops2: int = 1509
    hops3: int = 7678
    populated: tuple[int, ...] = (500, 1000, 5000)
    features: int = 24
    vectors: int = 12
    every: int = 16
    """of the other classes, one of so many has images"""


SMALL = Shape(8, 30, 3, 2, 6, 12, (5,), 6, 4, 1)


@dataclass(frozen=True)
class World:
    """What the files hold; classes are counted from 0."""

    wnids: tuple[str, ...]
    lemmas: tuple[tuple[str, ...], ...]
    parent: Array
    """class -> parent, a class with a smaller number; -1 for the root"""
    vectors: Array
    bare: Array
    sets: dict[str, Array]
    train: tuple[Array, Array]
    """features and labels"""
    val: tuple[Array, Array]
    unseen: tuple[Array, Array]


def world(shape: Shape = SMALL, seed: int = 0) -> World:
    """Draw a world in which features are linear in word vectors, so that methods can learn something."""
    rng = np.random.default_rng(seed)
    count = shape.seen + shape.others
    order = rng.permutation(count)  # class order[i] is the i-th node of the tree
    parent = np.full(count, -1)
    for i in range(1, count):
        parent[order[i]] = order[rng.integers(max(0, i // 12), i // 6 + 1) if i > 5 else 0]
    lemmas = tuple(("crane",) if i in (1, 2) else (f"word{i} common", f"Latin{i}")[: 1 + i % 2] for i in range(count))
    wnids = tuple(f"n{offset:08d}" for offset in offsets(lemmas, parent))
    bare = np.sort(rng.choice(np.arange(shape.seen, count), shape.bare, replace=False))
    vectors = rng.standard_normal((count, shape.vectors))
    vectors[bare] = 0
    A = rng.standard_normal((shape.vectors, shape.features))

    def images(labels: Array) -> tuple[Array, Array]:
        noise = rng.standard_normal((len(labels), shape.features))
        return (vectors[labels] @ A + 4 * noise).astype(np.float32), labels

    every = np.setdiff1d(np.arange(shape.seen, count), bare)
    shuffled = rng.permutation(every)
    seen = rng.permutation(shape.seen)
    sets = {"hops2": shuffled[: shape.hops2], "hops3": shuffled[: shape.hops3], "all": every}
    for size in shape.populated:
        sets |= {f"mp{size}": rng.permutation(every)[:size], f"lp{size}": rng.permutation(every)[:size]}
    sets |= {"train_classes": seen[shape.val :], "val_classes": seen[: shape.val]}
    return World(
        wnids,
        lemmas,
        parent,
        vectors,
        bare,
        sets,
        images(rng.permutation(np.repeat(np.arange(shape.seen), 3))),
        images(np.arange(shape.seen)),
        images(rng.permutation(np.repeat(np.arange(shape.seen, count, shape.every), 2))),
    )


def write(folder: Path, made: World, *, cells: bool = True) -> Path:
    """Write the files of a world as they are distributed, and WordNet's ``data.noun`` below ``wordnet``.

    Without ``cells`` the list of classes is a file of MATLAB 5 without words: cells of HDF5 take 2 ms each to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_wordnet(folder / "wordnet", made.lemmas, made.parent)
    classes: dict[str, Any] = {"w2v": made.vectors, "no_w2v_loc": made.bare[:, None] + 1.0}
    if cells:
        words = [lemmas[0] if len(lemmas) == 1 else list(lemmas) for lemmas in made.lemmas]
        write_hdf5(folder / "ImageNet_w2v.mat", classes | {"wnids": list(made.wnids), "words": words})
    else:
        wnids = np.array(made.wnids, dtype=object)[:, None]
        scipy.io.savemat(str(folder / "ImageNet_w2v.mat"), classes | {"wnids": wnids})
    scipy.io.savemat(
        str(folder / "ImageNet_splits.mat"), {key: ids[None].astype(np.uint16) + 1 for key, ids in made.sets.items()}
    )
    x, y = made.train
    x_val, y_val = made.val
    write_hdf5(  # one matrix is images × features, the other features × images, as in the released file
        folder / "ILSVRC2012_res101_feature.mat",
        {"features": x, "labels": y[:, None] + 1.0, "features_val": x_val.T, "labels_val": y_val[:, None] + 1.0},
    )
    x, y = made.unseen
    write_hdf5(folder / "res101_1crop_all.mat", {"features": x.T, "labels": y[:, None] + 1.0})
    return folder


def write_json(path: Path, made: World) -> Path:
    """Write the sets as lists of wnids."""
    names = {"2-hops": "hops2", "3-hops": "hops3", "all": "all"}
    lists = {name: made.sets[key] for name, key in names.items()}
    lists["train"] = np.concatenate([made.sets["train_classes"], made.sets["val_classes"]])
    path.write_text(json.dumps({name: [made.wnids[i] for i in ids] for name, ids in lists.items()}))
    return path


def offsets(lemmas: tuple[tuple[str, ...], ...], parent: Array) -> Array:
    """The places of synsets in the file, which are their numbers."""
    sizes = [len(_line(0, lemma, 0 if up >= 0 else None)) for lemma, up in zip(lemmas, parent, strict=True)]
    return len(LICENCE) + np.cumsum([0, *sizes[:-1]])


def write_wordnet(folder: Path, lemmas: tuple[tuple[str, ...], ...], parent: Array) -> Path:
    """Write a file of nouns in the format of WordNet; every third edge is that of an instance."""
    folder.mkdir(parents=True, exist_ok=True)
    at = offsets(lemmas, parent)
    lines = (_line(at[i], lemma, at[parent[i]] if parent[i] >= 0 else None) for i, lemma in enumerate(lemmas))
    (folder / "data.noun").write_text(LICENCE + "".join(lines))
    return folder


def _line(offset: int, lemmas: tuple[str, ...], parent: int | None) -> str:
    words = " ".join(f"{lemma.replace(' ', '_')} 0" for lemma in lemmas)
    pointers = "000" if parent is None else f"002 @ {parent:08d} n 0000 %p {parent:08d} n 0000"
    return f"{offset:08d} 03 n {len(lemmas):02x} {words} {pointers} | the gloss of {lemmas[0]}  \n"


def write_hdf5(path: Path, arrays: dict[str, Any]) -> None:
    """Write a file as MATLAB 7.3: reversed axes, cells of text and cells of cells of text, a 512-byte header."""
    with h5py.File(path, "w", userblock_size=512) as file:
        refs = file.create_group("#refs#")

        def cells(node: Any, items: list[Any]) -> None:
            names = []
            for item in items:
                if isinstance(item, str):
                    made = refs.create_dataset(str(len(refs)), data=np.array([[ord(c)] for c in item], np.uint16))
                else:
                    made = refs.create_dataset(str(len(refs)), (1, len(item)), dtype=h5py.ref_dtype)
                    cells(made, item)
                names.append(made.ref)
            node[...] = np.array(names, dtype=object)[None]

        for name, array in arrays.items():
            if isinstance(array, list):
                cells(file.create_dataset(name, (1, len(array)), dtype=h5py.ref_dtype), array)
            else:
                file.create_dataset(name, data=np.asarray(array).T, chunks=True, compression="gzip")
    with path.open("r+b") as handle:
        handle.write(b"MATLAB 7.3 MAT-file".ljust(512))


if __name__ == "__main__":
    write(Path(sys.argv[1]), world(Shape()), cells=False)
