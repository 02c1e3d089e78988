"""Choice of a source of images by what lies at a path."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from zsl.errors import InputError
from zsl.features.sources.folder import Folder
from zsl.features.sources.source import Source
from zsl.features.sources.tables import HuggingFace, Parquet
from zsl.features.sources.tar import Tar
from zsl.files.source_file import composed, locate


def open_source(images: str | Path) -> Source:
    """Open what lies at a path.

    A folder is a data set of Hugging Face (``save_to_disk``) where it holds ``state.json`` or ``dataset_dict.json``,
    tar or Parquet files where it holds no images but such files, and otherwise a folder of images at any depth.

    Raises:
        InputError: there is nothing, no image in it, or two images have one name.
    """
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
