"""What can lie under the name of a file without being one that can be read, and the command lines that read files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.datasets.matfiles import content, write

Put = Callable[[Path], object]
"""makes something under a path"""

NO_FILES: Mapping[str, tuple[Put, str]] = {
    "pipe": (os.mkfifo, "a named pipe, not a file"),
    "folder": (Path.mkdir, "a folder, not a file"),
    "no file": (lambda path: None, "no such file"),
    "link to nothing": (lambda path: path.symlink_to("nowhere"), "a link to a file that does not exist"),
    "link to itself": (lambda path: path.symlink_to(path), "cannot be read"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), "a device, not a file"),
}
"""name -> what makes it, what the message says of it"""

MATRIX = ["train", "data=synthetic", "method=eszsl", "class_embedding=matrix", "class_embedding.path=phi.npy"]
TOY = ["train", "data=xlsa17", "data.name=toy", "data.root=toy", "method=eszsl", "paths.output=runs/toy"]
BIRDS = ["train", "data=image_folder", "data.root=birds", "data.splits=split.json", "paths.output=runs/birds"]
CLASSES = ("Barn_Swallow", "Bobolink", "Cactus_Wren", "Gadwall", "Le_Conte_Sparrow")

Arrays = dict[str, Any]


def toy(work: Path, change: Callable[[Arrays, Arrays], object] = lambda f, s: None, version: str = "5") -> Path:
    """A pair of MATLAB files that can be trained on, but for what ``change`` does to their arrays."""
    features, splits = content()
    change(features, splits)
    return write(work / "toy", features, splits, version)


def birds(work: Path, split: str | bytes | None = None) -> Path:
    """Two small images for each of five classes, and a split file."""
    for label, name in enumerate(CLASSES):
        (work / "birds" / name).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (8, 8), (40 * label, 90 * i, 7)).save(work / "birds" / name / f"{i}.png")
    if split is None:
        split = f'{{"seen": {list(CLASSES[:3])}, "unseen": {list(CLASSES[3:])}}}'.replace("'", '"')
    (work / "split.json").write_bytes(split if isinstance(split, bytes) else split.encode())
    return work / "birds"


def spoiled(data: bytes, generator: np.random.Generator, region: Sequence[int] | range | None = None) -> bytes:
    """The data with one to four bytes changed, within ``region`` of positions if it is given."""
    changed = bytearray(data)
    places = range(len(data)) if region is None else region
    for place in generator.choice(len(places), int(generator.integers(1, 5))):
        changed[places[place]] ^= int(generator.integers(1, 256))
    return bytes(changed)
