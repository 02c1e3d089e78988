"""Malformed results of runs, each a genuine one with one fault."""

from __future__ import annotations

import functools
import json
import os
import random
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.malformed.genuine import HUGE, text_of
from tests.malformed.law import Case

READERS = (
    ("report", "run"),
    ("compare", "run", "--metric", "H"),
    ("hubness", "run"),
    ("report", "run", "--html", "x.html"),
)
"""commands that read results, by turns"""
ESCAPE = "\x1b[31m"

WRONG: dict[str, Sequence[Any]] = {
    "schema": (None, 99, "2", True),
    "method": (1, "", f"a{ESCAPE}b", "two\nlines", None),
    "data_title": ([], f"{ESCAPE}"),
    "setting": ("open", 3),
    "protocol": ("test", {}),
    "selection": ([], {"policy": "fixed"}),
    "selection.policy": ("validated", 0),
    "selection.gamma": ("1", HUGE, [1]),
    "selection.temperature": (-1,),
    "selection.trials": ({}, [1], [{}], [{"chosen": {}, "T1": "high"}], [{"chosen": {"gamma": HUGE}, "T1": 1}]),
    "seed": (-1, 1.5, 2**64, HUGE, "0", True),
    "metrics": ({}, [], {"T1": None}, {"T1": 101}, {"T1": True}, {"T1": HUGE}),
    "metrics.H": (99.9, "high"),
    "per_class": ([], {"T1": 3}, {"T1": {"a": -1}}),
    "curve.u": ([1], ["a"], [HUGE]),
    "hubness.ZSL.N1": ([-1], "many", [2**70] * 3),
    "fingerprints": ({}, {"features": "0"}),
    "fingerprints.features": ("g" * 64, 0),
    "card.images": (2**70, -1),
    "config": ([], "text", {"a": HUGE}),
    "overrides": ([1], "seed=1", {}),
    "versions": ({"torch": 2},),
    "commit": ("dirty", 0),
    "timings": ({"fit": -1}, {"fit": "long"}),
    "created": ("yesterday", 0, "2026-01-01"),
    "unknown": (1,),
}
"""dotted key of a result -> values that it cannot have"""


def cases() -> Iterator[Case]:
    """Yield every case; the order is fixed, and so is every draw."""
    turns = 0
    for key, values in WRONG.items():
        for number, value in enumerate(values):
            yield of_result(f"{key} {number}", functools.partial(_with, key, value), READERS[turns % len(READERS)])
            turns += 1
    for name, change in _TEXTS.items():
        yield of_result(name, change, READERS[turns % len(READERS)])
        turns += 1
    draws = random.Random(12)
    for number in range(16):
        share = draws.random()
        yield of_result(f"cut {number}", lambda text, share=share: text[: int(share * len(text))], READERS[number % 4])
    for number in range(8):
        share = draws.random()
        yield of_result(f"flipped {number}", functools.partial(_flipped, share), ("report", "run"), status=None)
    for name, place in _PLACES.items():
        for command in (("report", "run/result.json"), ("compare", "run", "--metric", "H")):
            yield Case(f"result is {name} {command[0]}", functools.partial(_placed, place, command))


def of_result(name: str, change: Callable[[str], str | bytes], command: Sequence[str], status: int | None = 2) -> Case:
    """A run whose result is a genuine one, changed as text."""

    def build(folder: Path) -> Sequence[str]:
        text = change(text_of("result"))
        (folder / "run").mkdir()
        (folder / "run" / "result.json").write_bytes(text if isinstance(text, bytes) else text.encode())
        return command

    return Case(f"result {name}", build, status, says=("result.json",) if status == 2 else ())


def _with(key: str, value: Any, text: str) -> str:
    record = json.loads(text)
    *parts, name = key.split(".")
    place = record
    for part in parts:
        place = place[part]
    place[name] = value
    return json.dumps(record) + "\n"


def _flipped(share: float, text: str) -> bytes:
    content = bytearray(text.encode())
    content[int(share * (len(content) - 1))] ^= 1 << int(share * 1000) % 7
    return bytes(content)


_TEXTS: dict[str, Callable[[str], str | bytes]] = {
    "empty": lambda _: "",
    "a byte short": lambda text: text[:-1],
    "a list": lambda _: "[]\n",
    "a number": lambda _: "1\n",
    "deep": lambda _: "[" * 100_000 + "]" * 100_000 + "\n",
    "deep config": lambda text: text.replace(
        '"config": {', '"config": {"a": ' + '{"b": ' * 5000 + "1" + "}" * 5000 + ", ", 1
    ),
    "key twice": lambda text: text.replace("{\n", '{\n"method": "other",\n', 1),
    "NaN": lambda text: _with("metrics.T1", float("nan"), text),
    "Infinity": lambda text: _with("metrics.AUSUC", float("inf"), text),
    "1e400": lambda text: text.replace('"seed": 0', '"seed": 1e400', 1),
    "digits": lambda text: text.replace('"seed": 0', f'"seed": {"9" * 5000}', 1),
    "byte order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "latin-1": lambda text: text.replace("eszsl", "é", 1).encode("latin-1"),
    "lone surrogate": lambda text: text.replace('"eszsl"', '"\\ud800"', 1),
    "lone surrogate in a class": lambda text: text.replace('"classes": ["', '"classes": ["\\udfff', 1),
    "lone surrogate in an override": lambda text: _with("overrides", ["a=\ud83d"], text),
    "lone surrogate in a key": lambda text: _with("config", {"\udc80": 1}, text),
    "count in config": lambda text: _with("config", {"method": {"epochs": [1, 2**63, HUGE]}}, text),
    "two documents": lambda text: text + text,
    "zeros": lambda text: text + "\0" * 100 + "\n",
    "Python": lambda text: text.replace('"', "'"),
    "YAML": lambda _: "method: eszsl\n",
}

_PLACES: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a socket": lambda path: _bind(path),
    "/dev/full": lambda path: path.symlink_to("/dev/full"),
    "2 GiB": lambda path: _of_size(path, 2**31),
    "1 TiB": lambda path: _of_size(path, 2**40),
}


def _of_size(path: Path, size: int) -> None:
    """Make a file of zeros that takes no place on the disk."""
    with path.open("wb") as file:
        file.truncate(size)


def _bind(path: Path) -> None:
    """Make a socket; the address of one may not be longer than some 100 bytes."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as it:
            it.bind(path.name)
    finally:
        os.chdir(before)


def _placed(place: Callable[[Path], object], command: Sequence[str], folder: Path) -> Sequence[str]:
    (folder / "run").mkdir()
    place(folder / "run" / "result.json")
    return command
