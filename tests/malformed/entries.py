"""Caches whose entries are damaged or in whose way something lies: such entries are built again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.malformed.law import Case
from tests.malformed.places import TOY, toy
from zsl.datasets.xlsa17 import load

CACHE = "runs/cache"
"""below the folder that the command may write to"""
Damage = Callable[[Path], object]


def _replaced(make: Damage) -> Damage:
    def damage(entry: Path) -> None:
        shutil.rmtree(entry)
        make(entry)

    return damage


def _file(name: str, make: Damage) -> Damage:
    def damage(entry: Path) -> None:
        (entry / name).unlink()
        make(entry / name)

    return damage


def _byte(position: int) -> Damage:
    def damage(entry: Path) -> None:
        content = bytearray((entry / "features.npy").read_bytes())
        content[position] ^= 32
        (entry / "features.npy").write_bytes(content)

    return damage


def _elsewhere(entry: Path) -> None:
    (entry.parent / "other").mkdir()
    entry.symlink_to("other")


DAMAGE: dict[str, Damage] = {
    "a file": _replaced(lambda entry: entry.write_bytes(b"")),
    "a link to nothing": _replaced(lambda entry: entry.symlink_to("nowhere")),
    "a link to itself": _replaced(lambda entry: entry.symlink_to(entry)),
    "a link to a folder": _replaced(_elsewhere),
    "a pipe": _replaced(os.mkfifo),
    "an empty folder": _replaced(Path.mkdir),
    "a record that is a pipe": _file("entry.json", os.mkfifo),
    "a record that is a folder": _file("entry.json", Path.mkdir),
    "a record of brackets": _file("entry.json", lambda path: path.write_text("[" * 100_000)),
    "a record of bytes": _file("entry.json", lambda path: path.write_bytes(b"\xff\xfe\x00")),
    "a record that is a list": _file("entry.json", lambda path: path.write_text("[1]")),
    "a record without checksums": _file("entry.json", lambda path: path.write_text(json.dumps({"schema": 1}))),
    "an array that is a pipe": _file("features.npy", os.mkfifo),
    "an array that is a device": _file("features.npy", lambda path: path.symlink_to("/dev/zero")),
    "an array that is a zip archive": _file("features.npy", lambda path: path.write_bytes(b"PK\x03\x04")),
    "an empty array": _file("features.npy", lambda path: path.write_bytes(b"")),
    "an array of objects": _file(
        "features.npy", lambda path: np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    ),
}
PLACES: dict[str, Damage] = {
    "a file": lambda path: path.write_bytes(b""),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


def cases() -> Iterator[Case]:
    """Damaged entries, bytes of a header, and places where no cache can be."""
    for name, damage in DAMAGE.items():
        yield _case(f"cache: {name}", damage)
    generator = np.random.default_rng(1)
    for position in sorted(generator.choice(128, 12, replace=False).tolist()):
        yield _case(f"cache: byte {position} of a header", _byte(position))
    for name, make in PLACES.items():
        yield Case(f"cache: {name} for the whole", _in_place(make), says=["cache"], environment={"ZSL_CACHE": "place"})
    environment = {"ZSL_CACHE": "x" * 300}
    yield Case("cache: a name of 300 letters", lambda work: toy(work) and TOY, says=["cache"], environment=environment)


def _case(name: str, damage: Damage) -> Case:
    def build(work: Path) -> list[str]:
        toy(work)
        load(name="toy", root=work / "toy", cache=work / CACHE)
        (entry,) = (path for path in (work / CACHE / "xlsa17").iterdir() if path.is_dir())
        damage(entry)
        return TOY

    return Case(name, build, 0, ["rebuilt"], {"ZSL_CACHE": f"{{folder}}/{CACHE}"})


def _in_place(make: Damage) -> Callable[[Path], list[str]]:
    def build(work: Path) -> list[str]:
        toy(work)
        make(work / "place")
        return TOY

    return build
