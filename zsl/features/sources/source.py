"""Interface of sources of images, and the choice of one by what lies at a path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from zsl.errors import InputError
from zsl.files.source_file import composed, locate


class Source(Protocol):
    """Images by number, in an order that depends on their names alone.

    Attributes:
        names: of the images, all different.
        labels: name of the class of every image, None where it is not known.
    """

    @property
    def names(self) -> Sequence[str]:
        """Return the names of all images."""
        ...

    @property
    def labels(self) -> Sequence[str | None]:
        """Return the classes of all images."""
        ...

    def read(self, number: int) -> bytes:
        """Return the content of the file of an image; safe to call from several threads.

        Raises:
            OSError: the content cannot be read.
        """
        ...


def open_source(images: str | Path) -> Source:
    """Open what lies at a path.

    A folder is a data set of Hugging Face (``save_to_disk``) where it holds ``state.json`` or ``dataset_dict.json``,
    tar or Parquet files where it holds no images but such files, and otherwise a folder of images at any depth.

    Raises:
        InputError: there is nothing, no image in it, or two images have one name.
    """
    from zsl.features.sources.folder import Folder
    from zsl.features.sources.tables import HuggingFace, Parquet
    from zsl.features.sources.tar import Tar

    place = locate(images)
    files = sorted(path for path in place.iterdir() if path.name[0] != ".") if place.is_dir() else [place]
    kinds = {path.suffix.lower() for path in files if path.is_file()}
    found: Source
    if any((place / name).is_file() for name in HuggingFace.FILES):
        found = HuggingFace(place)
    elif not place.exists():
        raise InputError(f"{images}: no such file or folder; give a folder of images, tar or Parquet files")
    elif ".tar" in kinds and kinds <= {".tar", ".json", ".txt", ".md", ".yaml"}:
        found = Tar([path for path in files if path.suffix.lower() == ".tar"])
    elif ".parquet" in kinds:
        found = Parquet([path for path in files if path.suffix.lower() == ".parquet"])
    elif place.is_dir():
        found = Folder(place)
    else:
        raise InputError(f"{images}: of no known kind; give a folder of images, a .tar or a .parquet file")
    if not found.names:
        raise InputError(f"{images}: no image in it; give a folder of images, tar or Parquet files")
    name, times = Counter(map(composed, found.names)).most_common(1)[0]
    if times > 1:
        raise InputError(f"{images}: {times} images are called {name!r}, or look the same; rename them")
    return found


def label_of(name: str) -> str | None:
    """Return the first folder of a path with slashes, None where there is none."""
    folder, slash, _ = name.partition("/")
    return folder if slash else None
