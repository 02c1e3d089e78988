"""Class names that break tables and terminals, lists of them, and names that would leave the cache."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.malformed.law import Case
from tests.malformed.places import NO_FILES, TOY, Arrays, Put, toy

REFUSED = {
    "an escape sequence": ("\x1b[31mred", "control character '\\x1b'"),
    "a line break": ("one\ntwo", "control character '\\n'"),
    "a carriage return": ("one\rtwo", "control character '\\r'"),
    "a tabulator": ("one\ttwo", "control character '\\t'"),
    "a bell": ("one\atwo", "control character '\\x07'"),
    "a C1 control": ("one\x9b31mtwo", "control character '\\x9b'"),
    "a line separator": ("one\u2028two", "control character '\\u2028'"),
    "a change of direction": ("one\u202etwo", "control character '\\u202e'"),
    "nothing": ("", "is empty"),
    "blanks": ("  ", "is empty"),
    "10,000 letters": ("a" * 10_000, "10000 characters"),
    "another's in another normal form": (unicodedata.normalize("NFD", "Zébre"), "occurs twice"),
}
KEPT = {"markup": "[/bold]", "more markup": "[red]x[/] [link=file:///]", "emoji": ":warning:", "backslash": "a\\"}
FILES = {
    "latin-1": ("Zébre\nb\nc\nd\ne\nf".encode("latin-1"), 2, "line 1 is not utf-8 (byte 0xe9)"),
    "too few": (b"a\nb\n", 2, "2 names, but there are 6 classes"),
    "too many": (b"\n".join(b"n%d" % i for i in range(5000)), 2, "5000 names"),
    "nothing": (b"", 2, "0 names"),
    "one twice": (b"a\nb\nc\nd\ne\na\n", 2, "'a' occurs twice"),
    "control characters": (b"a\nb\n\x1b[31mc\nd\ne\nf\n", 2, "control character"),
    "zeros": (bytes(60), 2, "names"),
    "half of UTF-16": ("a\nb\nc\nd\ne\nf".encode("utf-16")[:-1], 2, "not utf-16"),
    "byte order mark": ("\ufeffa\nb\nc\nd\ne\nf\n".encode(), 0, ""),
    "UTF-16": ("a\nb\nc\nd\ne\nf\n".encode("utf-16"), 0, ""),
    "numbers before names": (b"1 a\n2 b\n3 c\n4 d\n5 e\n6 f\n", 0, ""),
    "Windows line ends": (b"a\r\nb\r\nc\r\nd\r\ne\r\nf\r\n", 0, ""),
}
"""bytes of a list of class names, the status, and what is said"""
LISTS = {
    "latin-1": ("Zébre".encode("latin-1"), 2, "not utf-8"),
    "a class that is none": (b"nmae 3\n", 2, "did you mean 'name 3'?"),
    "byte order mark": ("\ufeffname 3\nname 4\n".encode(), 0, ""),
    "all seen classes": (b"name 1\nname 2\nname 3\nname 4\n", 2, "train"),
}
"""bytes of valclasses1.txt"""
PLACES = {
    "above": "../../x",
    "above by one": "..",
    "absolute": "/absolutely",
    "below": "a/b",
    "here": ".",
    "long": "x" * 300,
    "longer": "é" * 5000,
    "with controls": "a\x07b",
}
"""values of data.name"""


def cases() -> Iterator[Case]:
    """In the split file, in lists beside it, and as the name of the data set."""
    for version in ("5", "7.3"):
        for what, (name, says) in REFUSED.items():
            yield _named(f"names, mat {version}: {what}", name, version, 2, says)
    for what, name in KEPT.items():
        yield _named(f"names: {what}", name, "5", 0, name)
    for what, (put, says) in NO_FILES.items():
        yield _listed(f"class names: {what}", lambda work, put=put: put(work / "names.txt"), 2, says)
    for what, (content, status, says) in FILES.items():
        yield _listed(f"class names: {what}", lambda work, c=content: (work / "names.txt").write_bytes(c), status, says)
    for what, (put, _) in NO_FILES.items():
        if what != "no file":
            yield _validation(f"validation classes: {what}", lambda path, put=put: put(path), 2, "valclasses1.txt")
    for what, (content, status, says) in LISTS.items():
        yield _validation(f"validation classes: {what}", lambda path, c=content: path.write_bytes(c), status, says)
    for what, name in PLACES.items():
        yield Case(f"data.name: {what}", lambda work, name=name: _toy_called(work, name), says=["data.name="])


def _toy_called(work: Path, name: str) -> list[str]:
    toy(work)
    return [f"data.name={name!r}" if word == "data.name=toy" else word for word in TOY]


def _named(title: str, name: str, version: str, status: int, says: str) -> Case:
    """The name of a class that no split uses, which ``zsl data inspect`` shows."""

    def change(features: Arrays, splits: Arrays) -> None:
        splits["att"] = np.column_stack([splits["att"], np.ones(3)])
        splits["original_att"] = np.column_stack([splits["original_att"], np.ones(3)])
        names = ["Zébre", *(f"name {i}" for i in range(2, 7)), name]
        splits["allclasses_names"] = np.array([[name] for name in names], dtype=object)

    def build(work: Path) -> list[str]:
        toy(work, change, version)
        return ["data", "inspect", "xlsa17", "data.name=toy", "data.root=toy"]

    return Case(title, build, status, [says])


def _listed(title: str, put: Put, status: int, says: str) -> Case:
    def build(work: Path) -> list[str]:
        toy(work, lambda features, splits: splits.pop("allclasses_names"))
        put(work)
        return [*TOY, "data.class_names=names.txt"]

    return Case(title, build, status, [says])


def _validation(title: str, put: Put, status: int, says: str) -> Case:
    def build(work: Path) -> list[str]:
        root = toy(work, lambda features, splits: (splits.pop("train_loc"), splits.pop("val_loc")))
        put(root / "valclasses1.txt")
        return TOY

    return Case(title, build, status, [says])
