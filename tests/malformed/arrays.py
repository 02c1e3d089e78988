"""``.npy`` files that are none, lie, or hold something else than numbers."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.malformed.law import Case
from tests.malformed.places import BIRDS, MATRIX, NO_FILES, Put, birds, spoiled

ROWS = 20
"""classes of the synthetic toy world"""


def header(text: str, version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    """What a ``.npy`` file begins with."""
    body = text.encode()
    size = struct.pack("<H" if version[0] == 1 else "<I", len(body) if length is None else length)
    return b"\x93NUMPY" + bytes(version) + size + body


def claim(shape: str, descr: str = "'<f8'", order: str = "False") -> bytes:
    """A header that says this, and eight numbers."""
    return header(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n") + bytes(64)


def saved(array: Any) -> bytes:
    """As numpy.save writes it, pickles included."""
    file = io.BytesIO()
    np.save(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


def zipped(save: Any) -> bytes:
    """As numpy.savez writes it."""
    file = io.BytesIO()
    save(file, phi=np.ones((ROWS, 3)))
    return file.getvalue()


GOOD = saved(np.ones((ROWS, 3)))
RECORDS = np.zeros(ROWS, dtype=[("a", "<f8"), ("b", "<i4")])
WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not a .npy file"),
    "text": (b"1 2 3\n" * 50, "not a .npy file"),
    "savez": (zipped(np.savez), "a zip archive"),
    "savez_compressed": (zipped(np.savez_compressed), "a zip archive"),
    "magic alone": (b"\x93NUMPY", "header is damaged"),
    "magic and version": (b"\x93NUMPY\x01\x00", "header is damaged"),
    "version 9": (header("{}", (1, 0)).replace(b"\x01\x00", b"\x09\x09", 1), "header is damaged"),
    "version 3": (b"\x93NUMPY\x03\x00" + GOOD[8:], "header is damaged"),
    "header of 4 GiB": (header("{}", (2, 0), 2**32 - 1), "header is damaged"),
    "header longer than the file": (header("{}", length=60_000), "header is damaged"),
    "unclosed header": (header("{'descr': '<f8', 'fortran_order': False, 'shape': (20, 3"), "header is damaged"),
    "unclosed text": (header("{'descr': '<f8"), "header is damaged"),
    "unclosed triple quote": (header("{'descr': '''<f8"), "header is damaged"),
    "brackets": (header("(" * 9000), "header is damaged"),
    "dictionary of dictionaries": (header("{1:" * 3000 + "1" + "}" * 3000), "header is damaged"),
    "a call": (header("__import__('os').system('touch called')"), "header is damaged"),
    "a number of 9,000 digits": (claim(f"({'9' * 9000}, 3)"), "header is damaged"),
    "no shape": (header("{'descr': '<f8', 'fortran_order': False}"), "header is damaged"),
    "a key too many": (header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}"), "header is damaged"),
    "58 TiB": (claim("(20, 400000000000)"), "58 TiB"),
    "more than a machine can count": (claim("(20, 10**30)".replace("10**30", "1" + "0" * 30)), "damaged"),
    "negative length": (claim("(-20, 3)"), "damaged"),
    "two negative lengths": (claim("(-20, -3)"), "damaged"),
    "shape of text": (claim("('20', 3)"), "header is damaged"),
    "shape of truth values": (claim("(True, 8)"), "damaged"),
    "order of text": (claim("(20, 3)", order="'yes'"), "header is damaged"),
    "unknown type": (claim("(20, 3)", "'<q9'"), "header is damaged"),
    "type of lists": (claim("(20, 3)", "[[[]]]"), "header is damaged"),
    "numbers of no bytes": (claim("(20, 3)", "'|V0'"), "records"),
    "text of no bytes": (claim("(20, 3000000000)", "'<U0'"), "text"),
    "objects": (saved(np.array([{"a": 1}] * ROWS, dtype=object)), "Python objects"),
    "complex": (saved(np.ones((ROWS, 3), complex)), "complex numbers"),
    "text array": (saved([["a", "b"]] * ROWS), "text"),
    "bytes array": (saved([[b"a", b"b"]] * ROWS), "bytes"),
    "dates": (saved(np.zeros((ROWS, 2), "M8[s]")), "dates"),
    "durations": (saved(np.zeros((ROWS, 2), "m8[s]")), "timedelta"),
    "records": (saved(RECORDS), "records"),
    "one byte short": (GOOD[:-1], "the file holds"),
    "half": (GOOD[: len(GOOD) // 2], "the file holds"),
    "two arrays": (GOOD + GOOD, "the file holds"),
    "one row": (saved(np.ones((1, 3))), "20 classes"),
    "a vector": (saved(np.ones(ROWS)), "one row per class"),
    "a number": (saved(3.0), "one row per class"),
    "three dimensions": (saved(np.ones((ROWS, 3, 1))), "one row per class"),
    "no column": (saved(np.ones((ROWS, 0))), "one row per class"),
    "not a number": (saved(np.full((ROWS, 3), np.nan)), "not finite"),
    "infinite": (saved(np.full((ROWS, 3), -np.inf)), "not finite"),
    "beyond doubles": (saved(np.full((ROWS, 3), np.finfo(np.longdouble).max)), "not finite"),
}


def _put(content: bytes) -> Put:
    return lambda path: path.write_bytes(content)


def cases() -> Iterator[Case]:
    """Every one as class embedding, a third of them as attributes of images, and damage at random."""
    everything = {name: (_put(content), says) for name, (content, says) in WRONG.items()} | dict(NO_FILES)
    for number, (name, (put, says)) in enumerate(everything.items()):
        yield _matrix(f"matrix: {name}", put, says)
        if number % 4 == 0:
            yield _attributes(f"attributes.npy: {name}", put)
    generator = np.random.default_rng(12)
    for number in range(12):
        yield _matrix(f"matrix: spoiled header {number}", _put(spoiled(GOOD, generator, range(128))), "", None)


def _matrix(name: str, put: Put, says: str, status: int | None = 2) -> Case:
    def build(work: Path) -> list[str]:
        put(work / "phi.npy")
        return [*MATRIX, "paths.output=runs/matrix"]

    return Case(name, build, status, [says, *(["phi.npy"] if status else [])])


def _attributes(name: str, put: Put) -> Case:
    def build(work: Path) -> list[str]:
        birds(work)
        put(work / "attributes.npy")
        return [*BIRDS, "class_embedding=attributes", "data.attributes=attributes.npy"]

    return Case(name, build, says=["attributes.npy"])
