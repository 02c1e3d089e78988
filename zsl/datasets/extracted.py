"""Features that ``zsl extract`` wrote, as a data set: a store of shards, and a split file.

Classes are those of the store (the folders of the images, or what their table says), images are named as in the store.
The split file is that of an image folder (:mod:`zsl.datasets.image_folder`); classes of the store that it does not list
are not used. Features stay on disk, in memory maps; of an encoder that gives several vectors of an image, θ(x) has them
side by side.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zsl.data.class_names import find_name, suggest_name
from zsl.data.dataset import Dataset
from zsl.data.duplicates import OnDuplicate, require_policy
from zsl.data.row_blocks import RowBlocks
from zsl.datasets.named_images import NamedImages, assembled, find_split_file
from zsl.datasets.split_file import read_split_file
from zsl.errors import InputError, printable
from zsl.features.store import FeatureStore, open_store
from zsl.files.source_file import composed, locate


def load(
    root: str | Path,
    splits: str | Path,
    *,
    on_duplicate: OnDuplicate = "refuse",
    attributes: str | Path | None = None,
    texts: str | Path | None = None,
) -> Dataset:
    """Load the store ``root`` with the split file ``splits`` (a path, or a path relative to ``root``).

    Duplicates, attributes and texts are treated as in :func:`zsl.datasets.image_folder.load`.

    Raises:
        InputError: store, split file, attributes or texts are missing, damaged or inconsistent, or an image is in a
            split in which it may not be.
    """
    require_policy(on_duplicate)
    folder = locate(root)
    if not folder.is_dir():
        raise InputError(f"data.root={root}: no such folder; give the folder that zsl extract wrote")
    store = open_store(folder)
    file = find_split_file(splits, folder)
    named = NamedImages(
        f"the images of {folder}",
        printable(folder.resolve().name),
        store.names,
        store.digests,
        _labels(store, file),
        store.left_out,
        store.backbone,
    )
    blocks = [block.reshape(len(block), -1) for block in store.features.blocks]
    features = RowBlocks(blocks) if len(blocks) > 1 else blocks[0]
    known = store.sha256 if store.features.ndim == 2 else None
    return assembled(named, file, on_duplicate, attributes, texts, lambda: features, known)


def _labels(store: FeatureStore, file: Path) -> np.ndarray:
    """Return the positions of the images' classes in the split file, -1 for classes that it does not list."""
    plan = read_split_file(file)
    if plan.label_of is not None:
        return np.array([plan.label_of.get(composed(name), -1) for name in store.names], dtype=np.int64)
    place = np.full(len(store.classes) + 1, -1)
    row = {name: i for i, name in enumerate(store.classes)}
    for label, name in enumerate(plan.classes):
        if (own := name if name in row else find_name(name, store.classes)) is None:
            offer = suggest_name(name, store.classes, "remove it from the list")
            raise InputError(f"{file}: class {name!r} has no image in the store; {offer}")
        place[row[own]] = label
    found: np.ndarray = place[store.labels]
    return found
