"""Image folders with files that are no images, too large ones, and what a class folder may hold besides."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests.malformed.law import Case
from tests.malformed.places import BIRDS, Put, birds, spoiled


def encoded(form: str, mode: str = "RGB", side: int = 40, **options: object) -> bytes:
    """A small picture as a file of a format."""
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A grey PNG file that claims to be so large, with no more pixels than fit into a few bytes."""
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def large(side: int) -> bytes:
    """A black picture of one bit a pixel, whole."""
    rows = zlib.compress((b"\0" + bytes(side // 8)) * side, 1)
    return png(side, side, chunk(b"IDAT", rows))


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(called) (w) file closefile\nshowpage\n%%EOF\n"


def commented() -> bytes:
    """A picture with a comment of 80 MB, compressed."""
    comment = chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(80_000_000), 1))
    return png(8, 8, comment, chunk(b"IDAT", zlib.compress(b"\0\0" * 8)))


WRONG: dict[str, tuple[bytes | Put, str]] = {
    "empty": (b"", "is empty"),
    "text": (b"GIF, honestly", "is not an image"),
    "a web page": (b"<!DOCTYPE html><html>", "is not an image"),
    "a drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image"),
    "PostScript": (EPS, "is not an image"),
    "12,000 × 12,000": (lambda path: path.write_bytes(large(12_000)), "million pixels"),
    "20,000 × 20,000 by its header": (png(20_000, 20_000, chunk(b"IDAT", zlib.compress(b"\0" * 9))), "million pixels"),
    "2^31 × 2^31 by its header": (png(2**31 - 1, 2**31 - 1, chunk(b"IDAT", b"")), "0.png"),
    "a GIF of 65,535 × 65,535": (b"GIF89a" + struct.pack("<2H3B", 65535, 65535, 0, 0, 0) + b";", "0.png"),
    "no pixels": (png(0, 0), "0.png"),
    "a comment of 80 MB": (lambda path: path.write_bytes(commented()), "cannot be decoded"),
    "32 bits": (encoded("TIFF", "I"), "32 bits"),
    "floating point": (encoded("TIFF", "F"), "32 bits"),
    "a map of floating point": (b"Pf\n2 2\n-1.0\n" + bytes(16), "0.png"),
    "a grey map without end": (b"P5\n99999 99999\n255\n", "million pixels"),
    "a map of letters": (b"P2\nx y\n255\n", "0.png"),
}
HALVES = ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM")


def _instead(content: bytes | Put) -> Callable[[Path], object]:
    """In place of one image of Bobolink."""

    def change(root: Path) -> None:
        path = root / "Bobolink" / "0.png"
        path.unlink()
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content(path)

    return change


def _case(name: str, change: Callable[[Path], object], status: int | None, *says: str) -> Case:
    def build(work: Path) -> list[str]:
        change(birds(work))
        return BIRDS

    return Case(name, build, status, says)


def _only(make: Put) -> Callable[[Path], object]:
    """The one thing in the folder of Bobolink."""

    def change(root: Path) -> None:
        for path in (root / "Bobolink").iterdir():
            path.unlink()
        make(root / "Bobolink")

    return change


def _bytes_as_name(folder: Path) -> None:
    path = os.fsencode(folder) + b"/\xff\x1b[31m.heic"
    Path(os.fsdecode(path)).write_bytes(b"")


def _nested(folder: Path) -> None:
    (folder / "imgs").mkdir()
    (folder / "imgs" / "0.png").write_bytes(encoded("PNG"))


def cases() -> Iterator[Case]:
    """Unreadable images, halves of images, damage at random, and folders without images."""
    for name, (content, says) in WRONG.items():
        yield _case(f"image: {name}", _instead(content), 2, says, "Bobolink/0.png", "data.on_unreadable=skip")
    for form in HALVES:
        content = encoded(form)
        yield _case(f"image: half of a {form}", _instead(content[: len(content) // 2]), 2, "Bobolink/0.png")
    yield _case("class folder: empty", _only(lambda folder: None), 2, "no image in it")
    yield _case("class folder: pipe", _only(lambda f: os.mkfifo(f / "0.png")), 2, "no image in it", "no regular file")
    yield _case("class folder: a link to nothing", _only(lambda f: (f / "0.png").symlink_to("x")), 2, "no image in it")
    yield _case("class folder: a device", _only(lambda f: (f / "0.png").symlink_to("/dev/zero")), 2, "no image in it")
    yield _case("class folder: a folder", _only(lambda f: (f / "0.png").mkdir()), 2, "a folder with 0 images")
    yield _case("class folder: images in a folder", _only(_nested), 2, "imgs/ (a folder with 1 images)")
    yield _case("class folder: macOS", _only(lambda f: (f / "._0.png").write_bytes(b"\0\5\x16\7")), 2, "no image in it")
    yield _case("class folder: bytes as a name", _only(_bytes_as_name), 2, "no image in it")
    yield Case("image folder: a file", _root_is_a_file, says=["no such folder"])
    generator = np.random.default_rng(7)
    for form in HALVES:
        damaged = spoiled(encoded(form), generator, range(4, 120))
        yield _case(f"image: spoiled {form}", _instead(damaged[:-40]), None)


def _root_is_a_file(work: Path) -> list[str]:
    birds(work)
    (work / "file").write_bytes(b"")
    return ["data.root=file" if word == "data.root=birds" else word for word in BIRDS]
