"""Images of an image folder: found, identified by a hash of their content, and checked before features are computed."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from zsl.data.class_names import find_name, suggest_name
from zsl.errors import InputError, printable
from zsl.features.decoding import MOST_BYTES, UNDECODED, decoded, suffixes
from zsl.features.rows import FeatureRows, Picture
from zsl.files.source_file import composed
from zsl.progress.progress import progress

log = logging.getLogger(__name__)

NAMED = 12
"""unreadable images, or unused files, that a message lists; further ones are only counted"""


@dataclass(frozen=True)
class ImageFile:
    """Image of the folder: path relative to the root, with slashes, class, and picture."""

    path: str
    label: int
    picture: Picture


def find_images(folder: Path, classes: Sequence[str], file: Path) -> tuple[list[ImageFile], dict[str, str], str]:
    """Find the images in the folders of ``classes``, class by class, sorted by path.

    Names that begin with a dot are ignored. Names are compared, and paths returned, in Unicode's normal form C.

    Returns:
        The images; path -> reason for photographs whose format is not decoded; and a note that counts and names the
        other files in the folders, which are not used ("" if there are none).

    Raises:
        InputError: a class has no folder, a folder has no image, or a file cannot be opened.
    """
    there = sorted(path.name for path in _listed(folder) if path.is_dir())
    images: list[tuple[str, int, Path]] = []
    others: list[str] = []
    undecoded: dict[str, str] = {}
    for label, name in enumerate(classes):
        if (own := find_name(name, there)) is None:
            offer = suggest_name(name, there, "make it, or remove the class from the list")
            raise InputError(f"{file}: class {name!r} has no folder in {folder}; {offer}")
        found = [path for path in _listed(folder / own) if not path.name.startswith(".")]
        files = [path for path in found if path.suffix.lower() in suffixes() and path.is_file()]
        photographs = [path for path in found if path.suffix.lower() in UNDECODED and path.is_file()]
        unused = [_described(path, folder) for path in found if path not in (*files, *photographs)]
        if not files:
            rest = [*(_described(path, folder) for path in photographs), *unused]
            what = f"no image in it, but {_counted(rest)}" if rest else "no image in it"
            raise InputError(
                f"image folder {folder / own}: {what}; put images directly into the folder of their class, "
                f"or remove the class from {file}"
            )
        images += [(composed(f"{own}/{path.name}"), label, path) for path in files]
        others += unused
        undecoded |= {
            composed(f"{own}/{path.name}"): f"is a {UNDECODED[path.suffix.lower()]} photograph, which is not decoded; "
            "convert it to JPEG"
            for path in photographs
        }
    if twice := [path for path, times in Counter(path for path, _, _ in images).items() if times > 1]:
        raise InputError(f"image folder {folder}: two images are called {twice[0]!r}, which look the same; rename one")
    read = [ImageFile(path, label, picture_of(at)) for path, label, at in progress(images, "reading", "images")]
    return read, undecoded, f"not used, for they are no images of a known suffix: {_counted(others)}" if others else ""


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"image folder {folder}: {error.strerror}; make it readable") from error


def _described(path: Path, folder: Path) -> str:
    name = printable(str(path.relative_to(folder)))
    if not path.is_dir():
        return name if path.is_file() else f"{name} (no regular file)"
    images = sum(inner.suffix.lower() in suffixes() for inner in _listed(path))
    return f"{name}/ (a folder with {images} images)"


def _counted(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} other{'s' * (len(names) > 1)}: {', '.join(names[:NAMED])}{more}"


def listed_images(folder: Path, label_of: Mapping[str, int], file: Path) -> list[ImageFile]:
    """Return the images that a split file lists with their classes, class by class, sorted by path.

    Raises:
        InputError: there is no such image in the folder, or it cannot be opened.
    """
    for path in label_of:
        if not (folder / path).is_file():
            raise InputError(f"{file}: no image {path!r} in {folder}; set data.root to the folder that paths begin in")
    order = progress(sorted(label_of, key=lambda path: (label_of[path], path)), "reading", "images")
    return [ImageFile(path, label_of[path], picture_of(folder / path)) for path in order]


def picture_of(path: Path) -> Picture:
    """Return an image file as a picture that is decoded on demand, identified by the SHA-256 of its content.

    Raises:
        InputError: the file cannot be read, or is larger than :data:`MOST_BYTES` bytes.
    """
    digest = _digest(path)
    return Picture(digest, partial(decode, path, digest))


def _digest(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"image {path}: larger than {MOST_BYTES >> 20} MiB; make it smaller or remove it")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"image {path}: {error.strerror}; make it readable or remove it") from error


def decode(path: Path, digest: str | None = None) -> Image.Image:
    """Decode an image, upright and in RGB on white; the format is recognised by content, not by suffix.

    Features are cached under ``digest``, so the content must still have that SHA-256.

    Raises:
        ValueError: the image cannot be decoded; the message is the reason.
        InputError: the content of the file no longer has the SHA-256 ``digest``.
    """
    content = path.read_bytes() if path.is_file() else b""
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise InputError(f"image {path}: changed while the folder was read; run again")
    return decoded(content)


def readable(
    images: Sequence[ImageFile], undecoded: Mapping[str, str], rows: FeatureRows, place: str, skip: bool, cure: str
) -> tuple[list[ImageFile], dict[str, str]]:
    """Return the images that can be decoded, and path -> reason for all others, including ``undecoded``.

    Images whose features are cached are not decoded again. ``place`` and ``cure`` begin and end the message.

    Raises:
        InputError: some images cannot be decoded, and ``skip`` is false; the message lists them.
    """
    fresh = [image for image in images if rows.stored(image.picture.digest) is None]
    reasons = dict(undecoded)
    for image in progress(fresh, "checking", "images"):
        try:
            image.picture.open()
        except InputError:
            raise
        except ValueError as error:
            reasons[image.path] = str(error)
    if reasons:
        found = [f"{path} {reason}" for path, reason in reasons.items()]
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        listed = f"{place}: {len(found)} unreadable: {'; '.join(found[:NAMED])}{more}"
        if not skip:
            raise InputError(f"{listed}; replace or remove them, or {cure}")
        log.warning("%s: left out", listed)
    return [image for image in images if image.path not in reasons], reasons
