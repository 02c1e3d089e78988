"""Tar files: images in folders, or shards of WebDataset; read in place, nothing is unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from zsl.errors import InputError
from zsl.features.decoding import MOST_BYTES, UNDECODED, suffixes
from zsl.features.sources.source import label_of
from zsl.files.source_file import composed

LABEL = ".cls"
"""suffix of the file with the class of an image in a shard of WebDataset"""
LONGEST = 1000
"""most bytes of such a file"""


@dataclass(frozen=True)
class Member:
    """Place of a file in a tar file."""

    archive: Path
    offset: int
    size: int

    def read(self) -> bytes:
        """Return the content."""
        if self.size > MOST_BYTES:
            raise OSError(f"larger than {MOST_BYTES >> 20} MiB")
        with self.archive.open("rb") as file:
            file.seek(self.offset)
            content = file.read(self.size)
        if len(content) < self.size:
            raise OSError("the tar file is cut")
        return content


class Tar:
    """Images of tar files, in the order of the files and, within each, by path.

    The class of an image is the content of the file ``.cls`` beside it, or else the first folder of its path. Names
    begin with that of the tar file where there are several.

    Raises:
        InputError: a file is no tar file, or is compressed, which would have to be read from the start for each image.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._members: list[Member] = []
        self.names: list[str] = []
        self.labels: list[str | None] = []
        for path in files:
            found = _members(path)
            classes = {name.removesuffix(LABEL): it for name, it in found.items() if name.endswith(LABEL)}
            for name in sorted(found):
                if PurePosixPath(name).suffix.lower() in suffixes() | set(UNDECODED):
                    self._members.append(found[name])
                    self.names.append(f"{path.name}/{name}" if len(files) > 1 else name)
                    beside = classes.get(name[: len(name) - len(PurePosixPath(name).suffix)])
                    self.labels.append(label_of(name) if beside is None else _text(beside))

    def read(self, number: int) -> bytes:
        """Return the content of an image."""
        return self._members[number].read()


def _members(path: Path) -> dict[str, Member]:
    found: dict[str, Member] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for info in archive:
                name = composed(info.name.removeprefix("./"))
                if not info.isreg() or info.issparse() or any(part[:1] == "." for part in name.split("/")):
                    continue
                if name in found:
                    raise InputError(f"{path}: holds {name!r} twice; write it again")
                found[name] = Member(path, info.offset_data, info.size)
            end = Member(path, archive.offset, tarfile.BLOCKSIZE).read()
        if any(end):  # tarfile takes a damaged heading for the end
            raise OSError(f"the heading of a file is damaged, {archive.offset} bytes from the beginning")
    except InputError:
        raise
    except Exception as error:  # tarfile lets through what its parsers of numbers and texts raise
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); give a tar file without compression") from error
    return found


def _text(member: Member) -> str | None:
    return member.read().decode(errors="replace").strip() or None if member.size <= LONGEST else None
