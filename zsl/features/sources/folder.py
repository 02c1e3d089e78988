"""Folders of images at any depth; the first folder of a path is the class."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from zsl.errors import InputError, printable
from zsl.features.decoding import MOST_BYTES, UNDECODED, suffixes
from zsl.features.sources.source import label_of
from zsl.files.regular_file import read_bytes
from zsl.files.source_file import composed

log = logging.getLogger(__name__)

NAMED = 12
"""files that are not used which a message names before it counts the others"""


class Folder:
    """Files with the suffix of an image, sorted by path; names that begin with a dot are left out.

    Photographs in formats that are not decoded count as images, so that they are reported as unreadable.

    Raises:
        InputError: the folder cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        images: list[tuple[str, Path]] = []
        others: list[str] = []
        for path in _files(root):
            name = path.relative_to(root).as_posix()
            if path.suffix.lower() in suffixes() or path.suffix.lower() in UNDECODED:
                images.append((composed(name), path))
            else:
                others.append(printable(name))
        if others:
            more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
            log.warning("not used, for their suffix is of no known image: %s%s", ", ".join(others[:NAMED]), more)
        self._paths = [path for _, path in sorted(images)]
        self.names = [name for name, _ in sorted(images)]
        self.labels = [label_of(name) for name in self.names]

    def read(self, number: int) -> bytes:
        """Return the content of a file."""
        try:
            return read_bytes(self._paths[number], MOST_BYTES)
        except ValueError as error:
            raise OSError(str(error)) from error


def _files(root: Path) -> list[Path]:
    """Return all files below a folder; links are followed, but no folder is entered twice."""
    found: list[Path] = []
    entered: set[tuple[int, int]] = set()

    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename}: {error.strerror}; make it readable") from error

    for place, folders, files in os.walk(root, onerror=fail, followlinks=True):
        stat = Path(place).stat()
        if (stat.st_dev, stat.st_ino) in entered:
            folders.clear()
            continue
        entered.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(name for name in folders if name[0] != ".")
        found += [Path(place) / name for name in sorted(files) if name[0] != "."]
    return found
