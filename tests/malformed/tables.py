"""Text that people write: split files, tables of attributes, word vectors."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.malformed.law import Case
from tests.malformed.places import BIRDS, CLASSES, NO_FILES, TOY, Put, birds, spoiled, toy

SEEN, UNSEEN = list(CLASSES[:3]), list(CLASSES[3:])
GOOD = {"seen": SEEN, "unseen": UNSEEN}


def bomb(levels: int = 40, width: int = 9) -> str:
    """A few lines of YAML whose aliases stand for ``width`` to the power of ``levels`` words."""
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join([*lines, f"seen: *a{levels - 1}", f"unseen: [{', '.join(UNSEEN)}]"])


def merging(levels: int = 30, width: int = 9) -> str:
    """The same with keys that are merged."""
    lines = ["m0: &m0 {k: 1}"]
    lines += [f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * width)}]}}" for i in range(1, levels)]
    return "\n".join([*lines, f"seen: [{', '.join(SEEN)}]", f"unseen: [{', '.join(UNSEEN)}]"])


def _split(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


SPLITS: dict[str, tuple[str | bytes, str]] = {
    "aliases": (bomb(), "unknown key"),
    "aliases in a list": (bomb().replace("seen: *", "unused: *"), "unknown key"),
    "aliases as names": ("\n".join(f"seen: &{c} [*{c}]" for c in "ab"), "cannot be read"),
    "merged keys": (merging(), "unknown key 'm0'"),
    "100,000 brackets": ("seen: " + "[" * 100_000, "nested too deeply"),
    "100,000 brackets of JSON": ('{"seen": ' + "[" * 100_000, "nested too deeply"),
    "100,000 indentations": ("\n".join(" " * i + "a:" for i in range(3000)), "nested too deeply"),
    "a call": ("seen: !!python/object/apply:os.system ['touch called']\nunseen: [a]", "cannot be read"),
    "a module": ("seen: !!python/name:os.system\nunseen: [a]", "cannot be read"),
    "an own tag": ("seen: !x [a]\nunseen: [b]", "cannot be read"),
    "bytes": ("seen: [!!binary aGk=]\nunseen: [a]", "not a name"),
    "two documents": ("seen: [a]\n---\nunseen: [b]", "cannot be read"),
    "a key that is a list": ("? [a, b]\n: 1\n", "cannot be read"),
    "a tab": ("seen:\n\t- a\n", "cannot be read"),
    "a key twice": (f'{{"seen": {json.dumps(SEEN)}, "seen": ["a"], "unseen": ["b"]}}', "occurs twice"),
    "latin-1": ("seen: [Zébre]\nunseen: [a]".encode("latin-1"), "line 1 is not utf-8"),
    "half of UTF-16": (_split().encode("utf-16")[:-1], "not utf-16"),
    "zeros": (bytes(500), "cannot be read"),
    "control characters": ("seen: [\x1b[31m]\n", "cannot be read"),
    "an escaped control character": (_split(seen=["\x1b[31m", "a"]), "control character"),
    "half a character": (_split(seen=["\ud800", "a"]), "control character"),
    "a number of 10,000 digits": ('{"seen": ["a"], "unseen": ["b"], "seed": ' + "1" * 10_000 + "}", "cannot be read"),
    "the same in YAML": (f"seen: [a]\nunseen: [b]\nseed: {'1' * 10_000}\n", "cannot be read"),
    "a seed of 1,000 digits": (_split(seed=10**1000, test_fraction="x"), "test_fraction"),
    "a name of 10,000 letters": (_split(seen=["a" * 10_000, "b"]), "10000 characters"),
    "a key of 10,000 letters": (_split(**{"a" * 10_000: 1}), "unknown key"),
    "text": ("these are my classes", "holds no keys"),
    "a number": ("3", "holds no keys"),
    "not a number": (_split(test_fraction=float("nan")), "test_fraction"),
    "infinite": (_split(test_fraction=float("inf")), "test_fraction"),
    "lists within lists": (_split(seen=[[[["a"]]], "b"]), "is not a name"),
    "truth values": ("seen: [yes, no]\nunseen: [a]", "is not a name"),
    "dates": ("seen: [2020-01-01, a]\nunseen: [b]", "has no folder"),
    "a folder above": (_split(unseen=["../birds/Gadwall"]), "has no folder"),
    "an absolute path": (_split(unseen=["/etc"]), "has no folder"),
    "this folder": (_split(unseen=["."]), "has no folder"),
    "nothing in a list": (_split(unseen=[None]), "is not a name"),
    "empty name": (_split(unseen=[""]), "is empty"),
    "markup": (_split(unseen=["[/bold]"]), "'[/bold]' has no folder"),
    "another spelling": (_split(unseen=["cactus wren"], seen=SEEN[:2]), "did you mean 'Cactus_Wren'?"),
    "an image above": (_split(train=["../split.json"], test=["Bobolink/0.png"]), "no image"),
    "10,000 images": (_split(train=[f"a/{i}.png" for i in range(10_000)], test=["Bobolink/0.png"]), "no image"),
}
ROWS = "".join(f"{name},1,2\n" for name in CLASSES)
TABLES: dict[str, tuple[str | bytes, str]] = {
    "latin-1": ("class,größe,b\n".encode("latin-1") + ROWS.encode(), "line 1 is not utf-8"),
    "zeros": (bytes(300), "attributes"),
    "an open quote": ('class,a,b\n"Bobolink,1,2\n' + "x" * 200_000, "not a CSV file"),
    "nothing": ("", "no heading"),
    "a heading": ("class,a,b\n", "no line for class"),
    "a ragged line": ("class,a,b\n" + ROWS + "Extra,1\n", "has 1 numbers, not 2"),
    "words": ("class,a,b\n" + ROWS.replace("1", "many"), "give numbers"),
    "a formula": ("class,a,b\n" + ROWS.replace("1", "=1+1"), "give numbers"),
    "not a number": ("class,a,b\n" + ROWS.replace("1", "nan"), "not finite"),
    "beyond doubles": ("class,a,b\n" + ROWS.replace("1", "1e999"), "not finite"),
    "a number of 10,000 digits": ("class,a,b\n" + ROWS.replace("1", "9" * 10_000), "not finite"),
    "a name that is off": ("class,a,b\n" + ROWS.replace("Gadwall", "Gadwal"), "did you mean 'Gadwal'?"),
    "two lines that read the same": ("class,a,b\n" + ROWS + "Gadwall,3,4\n", "occurs twice"),
    "an escape sequence": ("class,a,b\n" + ROWS.replace("1", "\x1b[31m"), "give numbers"),
    "decimal commas beside commas": ("class,a,b\n" + ROWS.replace("1", "0,1"), "numbers, not 2"),
}
VECTORS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "has no words"),
    "pickle": (b"\x80\x04\x95\x10\x00\x00\x00cos\nsystem\n", "pickle"),
    "old pickle": (b"ccopy_reg\n_reconstructor\n", "pickle"),
    "zip": (b"PK\x03\x04" + bytes(300), "line 1 is not a word"),
    "UTF-16": ("name 1 2\n1 1 2\n".encode("utf-16"), "UTF-16"),
    "no line end": (b"a" * 9_000_000, "line 1 is not a word"),
    "10^24 words": (b"1000000000000000000000000 300\nname" + bytes(900), "line 2 is not a word"),
    "a count of 5,000 digits": (b"9" * 5000 + b" 3\nname" + bytes(900), "cannot be read"),
    "no columns": (b"3 0\nname" + bytes(900), "line 2 is not a word"),
    "words missing": (b"9 2\nname 1 2\n", "says 9 words"),
    "ragged": (b"name 1 2\nother 1 2 3\n1 1\n", "line 3"),
    "not a number": (b"name nan 2\n1 1 2\n", "not finite"),
    "beyond 32 bits": (b"name 1e39 2\n1 1 2\n", "not finite"),
    "cut gzip": (gzip.compress(b"name 1 2\n" * 900)[:30], "cannot be read"),
    "gzip in name only": (b"\x1f\x8b" + bytes(300), "cannot be read"),
    "zeros in gzip": (gzip.compress(bytes(9_000_000), 1), "line 1 is not a word"),
    "fastText, cut": (struct.pack("<2i", 793712314, 12) + bytes(40), "cannot be read"),
    "fastText, gzipped": (gzip.compress(struct.pack("<2i", 793712314, 12) + bytes(400)), "decompress"),
    "fastText, 2^31 words": (struct.pack("<14i", 793712314, *[1] * 13) + bytes(8) + b"\xff\xff\xff\x7f" * 9, "cannot"),
    "other words": (b"cat 1 2\ndog 3 4\n", "out of vocabulary"),
}


def cases() -> Iterator[Case]:
    """Each as the file that one names on the command line."""
    for name, (content, says) in SPLITS.items():
        yield _birds(f"split file: {name}", content, says)
    for name, (put, says) in NO_FILES.items():
        yield _birds(f"split file: {name}", put, says)
        yield _attributes(f"attributes.csv: {name}", put, says)
        yield _vectors(f"word vectors: {name}", put, says)
    for name, (text, says) in TABLES.items():
        yield _attributes(f"attributes.csv: {name}", _put(text), says)
    yield _attributes("attributes.xlsx", _put(b"PK\x03\x04" + bytes(300)), "ends in none of", "attributes.xlsx")
    for name, (data, says) in VECTORS.items():
        yield _vectors(f"word vectors: {name}", _put(data), says)
    generator = np.random.default_rng(3)
    whole = b"".join(b"name%d %f %f\n" % (i, i, -i) for i in range(40)) + b"name 1 2\n"
    for number in range(4):
        yield _vectors(f"word vectors: spoiled {number}", _put(spoiled(whole, generator)), "", status=None)


def _put(content: str | bytes) -> Put:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _birds(name: str, content: str | bytes | Put, says: str) -> Case:
    def build(work: Path) -> list[str]:
        birds(work)
        (work / "split.json").unlink()
        (content if callable(content) else _put(content))(work / "split.json")
        return BIRDS

    return Case(name, build, says=[says, "split.json"])


def _attributes(name: str, put: Put, says: str, file: str = "attributes.csv") -> Case:
    def build(work: Path) -> list[str]:
        birds(work)
        put(work / file)
        return [*BIRDS, "class_embedding=attributes", f"data.attributes={file}"]

    return Case(name, build, says=[says, file])


def _vectors(name: str, put: Put, says: str, status: int | None = 2) -> Case:
    def build(work: Path) -> list[str]:
        toy(work)
        put(work / "vectors")
        return [*TOY, "class_embedding=word2vec", "class_embedding.path=vectors"]

    return Case(name, build, status, [says])
