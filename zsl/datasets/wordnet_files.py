"""Files of WordNet 3.0: where they are installed, and their lines, from a folder or from the archive of NLTK."""

from __future__ import annotations

import lzma
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from zsl.errors import InputError
from zsl.files.regular_file import open_regular
from zsl.files.source_file import require_file

FILE = "data.noun"
VERSION = b"WordNet 3.0 Copyright"
LARGEST = 2**26
"""the largest number of bytes of a file, 64 MiB; that of nouns has 15"""
CURE = "give the folder with data.noun of WordNet 3.0 (Debian: apt install wordnet-base), or data.wordnet=none"
_DEBIAN = "/usr/share/wordnet"
_NLTK = ("~/nltk_data", "/usr/share/nltk_data", "/usr/local/share/nltk_data")
_BROKEN = (OSError, KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""what reading a damaged archive may raise"""


@dataclass(frozen=True)
class WordNetFiles:
    """The files of one WordNet, in a folder, or in ``wordnet.zip`` as NLTK downloads it."""

    place: Path
    key: str = "data.wordnet"
    """beginning of messages"""

    def has(self, name: str) -> bool:
        """Tell whether there is such a file."""
        try:
            with self._open(name):
                return True
        except _BROKEN:
            return False

    def is_right(self) -> bool:
        """Tell whether there are nouns, and those of version 3.0."""
        try:
            with self._open(FILE) as file:
                return VERSION in file.read(4096)
        except _BROKEN:
            return False

    def lines(self, name: str) -> list[str]:
        """Return the lines of a file.

        Raises:
            InputError: it is missing, cannot be read, or is too large.
        """
        try:
            with self._open(name) as file:
                content = file.read(LARGEST + 1)
        except _BROKEN as error:
            raise self.refused(name, f"cannot be read ({error})") from error
        if len(content) > LARGEST:
            raise self.refused(name, f"larger than {LARGEST >> 20} MiB")
        return content.decode("latin-1").splitlines()

    def refused(self, name: str, problem: str) -> InputError:
        """Return the error that a file is of no use."""
        return InputError(f"{self.key} {self.place / name}: {problem}; copy the file again")

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        if self.place.suffix != ".zip":
            with open_regular(self.place / name) as file:
                yield file
            return
        with (
            open_regular(self.place) as archive,
            zipfile.ZipFile(archive) as members,
            members.open(f"wordnet/{name}") as file,
        ):
            yield file


def installed(key: str = "data.wordnet") -> WordNetFiles | None:
    """Return the files of the WordNet 3.0 that is installed, or None.

    They are looked for in ``$WNSEARCHDIR`` and ``$WNHOME/dict``, the folder of Debian's package, and the corpora of
    NLTK in ``$NLTK_DATA`` and in its usual folders, unpacked or as ``wordnet.zip``. ``key`` begins messages about them.
    """
    named = [os.environ.get("WNSEARCHDIR"), os.environ["WNHOME"] + "/dict" if "WNHOME" in os.environ else None, _DEBIAN]
    corpora = [*os.environ.get("NLTK_DATA", "").split(os.pathsep), *_NLTK, f"{sys.prefix}/nltk_data"]
    named += [f"{folder}/corpora/wordnet{end}" for folder in corpora if folder for end in ("", ".zip")]
    found = (WordNetFiles(Path(place).expanduser(), key) for place in named if place)
    return next((files for files in found if files.is_right()), None)


def given_folder(folder: Path) -> WordNetFiles:
    """Return the files of a folder that ``data.wordnet`` names.

    Raises:
        InputError: the file of nouns is missing, or of another version.
    """
    file, files = require_file(folder / FILE, "data.wordnet", CURE), WordNetFiles(folder)
    if not files.is_right():
        raise InputError(f"data.wordnet {file}: is not WordNet 3.0, whose numbers ImageNet uses; {CURE}")
    return files
