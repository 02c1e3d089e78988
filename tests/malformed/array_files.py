"""Files of ``data=arrays`` and named class embeddings that are damaged, lie, or do not fit together."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from tests.datasets import array_files
from tests.datasets.array_files import FEATURES, LABELS, NAMES, SPLITS, embeddings, save, table
from tests.malformed.arrays import WRONG, saved
from tests.malformed.law import Case
from tests.malformed.places import NO_FILES, Put, spoiled

TRAIN = ["train", *array_files.overrides(), "method=eszsl", "paths.output=runs/arrays"]
SUFFIXES = (".npz", ".pt", ".safetensors", ".h5", ".parquet", ".csv")
CONTENT: dict[str, Callable[[Path], object]] = {
    "features": lambda path: _features(path),
    "labels": lambda path: _labels(path),
    "class_embeddings": lambda path: embeddings(path, range(len(NAMES))),
}
"""key -> what writes a good file of any suffix"""


class Call:
    """What runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("called"),)


def _features(path: Path) -> None:
    if path.suffix in (".csv", ".parquet"):
        table(path, list("abcd"), list(FEATURES.T))
    else:
        save(path, {"features": FEATURES})


def _labels(path: Path) -> None:
    if path.suffix in (".csv", ".parquet"):
        table(path, ["label"], [[NAMES[i] for i in LABELS]])
    else:
        save(path, {"labels": LABELS, "names": list(NAMES)})


def _few(path: Path) -> None:
    save(path, {"labels": LABELS[:-1], "names": list(NAMES)})


def _bytes(content: bytes | str) -> Put:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _bomb(path: Path) -> None:
    """A small archive whose array is of 64 GiB, as its headers say."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (2**24, 2**10)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("features.npy", head.getvalue() + bytes(10_000))


def _links(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["features"] = h5py.ExternalLink("/etc/passwd", "/x")


def _fill(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("features", (2**30, 2**20), np.float32)


def _safetensors(header: dict[str, Any] | bytes, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


CLAIM = {"features": {"dtype": "F32", "shape": [30, 4], "data_offsets": [0, 480]}}
HUGE = {"features": {"dtype": "F32", "shape": [2**40, 4], "data_offsets": [0, 2**44]}}
DAMAGE: dict[str, tuple[str, Put, str]] = {
    "npz, empty": (".npz", _bytes(b""), "not an archive of arrays"),
    "npz, no array": (".npz", lambda path: zipfile.ZipFile(path, "w").close(), "has no array 'features', but none"),
    "npz, objects": (".npz", lambda path: np.savez(path, features=np.array([Call()], object)), "Python objects"),
    "npz, of 64 GiB": (".npz", _bomb, "header of features says"),
    "npz, text": (".npz", lambda path: np.savez(path, features=np.array([["a"]] * 30)), "holds text"),
    "npz, no rows": (".npz", lambda path: np.savez(path, features=FEATURES[:0]), "shape (0, 4)"),
    "npz, many": (".npz", lambda path: np.savez(path, **{f"a{i}": FEATURES for i in range(20)}), "and 12 more"),
    "npz, a name with an escape": (".npz", lambda path: np.savez(path, **{"\x1b[31m": FEATURES, "b": FEATURES}), "x1b"),
    "pt, empty": (".pt", _bytes(b""), "without executing code from it"),
    "pt, pickle": (".pt", _bytes(pickle.dumps({"features": Call()})), "without executing code from it"),
    "pt, a call": (".pt", lambda path: torch.save({"features": Call()}, path), "without executing code from it"),
    "pt, a module": (".pt", lambda path: torch.save(torch.nn.Linear(2, 2), path), "without executing code from it"),
    "pt, a list": (".pt", lambda path: torch.save([torch.ones(2)], path), "is a list; save a tensor"),
    "pt, nested": (".pt", lambda path: torch.save({"features": {"x": torch.ones(2)}}, path), "features is a dict"),
    "pt, numbers as keys": (".pt", lambda path: torch.save({1: torch.ones(2)}, path), "is a dict; save a tensor"),
    "pt, complex": (".pt", lambda path: torch.save(torch.ones(30, 4, dtype=torch.complex64), path), "real numbers"),
    "pt, sparse": (".pt", lambda path: torch.save(torch.eye(30).to_sparse(), path), "not a dense tensor"),
    "pt, of no place": (".pt", lambda path: torch.save(torch.ones(30, 4, device="meta"), path), "not a dense tensor"),
    "pt, expanded": (".pt", lambda path: torch.save(torch.ones(1, 1).expand(10**8, 10**8), path), "claims more"),
    "safetensors, empty": (".safetensors", _bytes(b""), "cannot be read"),
    "safetensors, a header of 2^60": (".safetensors", _bytes(b"\xff" * 7 + b"\x0f{}"), "cannot be read"),
    "safetensors, a claim": (".safetensors", _bytes(_safetensors(CLAIM)), "cannot be read"),
    "safetensors, 16 TiB": (".safetensors", _bytes(_safetensors(HUGE)), "cannot be read"),
    "safetensors, brackets": (".safetensors", _bytes(_safetensors(b"[" * 100_000)), "cannot be read"),
    "h5, empty": (".h5", _bytes(b""), "cannot be read"),
    "h5, a link": (".h5", _links, "is a link to another object"),
    "h5, 4 PiB of nothing": (".h5", _fill, "which the file cannot hold"),
    "parquet, empty": (".parquet", _bytes(b""), "not a Parquet file"),
    "parquet, magic alone": (".parquet", _bytes(b"PAR1" * 3), "not a Parquet file"),
    "parquet, text": (".parquet", lambda path: table(path, ["a"], [["x"] * 30]), "holds string, not numbers"),
    "parquet, nothing": (".parquet", lambda path: table(path, ["a"], [[None] * 30]), "has empty cells"),
    "parquet, ragged": (
        ".parquet",
        lambda path: table(path, ["features"], [[[1.0] * (1 + i % 2) for i in range(30)]]),
        "differ in length",
    ),
    "csv, empty": (".csv", _bytes(b""), "no heading"),
    "csv, a heading": (".csv", _bytes("a,b\n"), "holds no numbers"),
    "csv, ragged": (".csv", _bytes("a,b\n1,2\n3\n"), "row 2 has 1 cells, the heading has 2"),
    "csv, words": (".csv", _bytes("a,b\n" + "1,x\n" * 30), "give numbers"),
    "csv, not a number": (".csv", _bytes("a,b\n" + "1,nan\n" * 30), "not finite"),
    "csv, latin-1": (".csv", _bytes("größe,b\n1,2\n".encode("latin-1")), "line 1 is not utf-8"),
    "csv, zeros": (".csv", _bytes(bytes(300)), "features.csv"),
    "csv, a heading twice": (".csv", _bytes("a,a\n1,2\n"), "two columns are called 'a'"),
    "xlsx": (".xlsx", _bytes(b"PK\x03\x04" + bytes(300)), "ends in none of"),
}
"""name -> suffix, what writes the features, what the message says"""


def cases() -> Iterator[Case]:
    """Every one as the file that a key of ``data`` names, and damage at random in every format."""
    for name, (suffix, put, says) in DAMAGE.items():
        yield _case(f"arrays: {name}", "features", suffix, put, says)
    for number, (name, (content, _)) in enumerate(WRONG.items()):
        if number % 4 == 1:
            yield _case(f"arrays, features.npy: {name}", "features", ".npy", _bytes(content), "")
    for number, (name, (make, says)) in enumerate(NO_FILES.items()):
        for key in ("features", "labels", "splits", "class_embeddings"):
            suffix = ".npz" if number % 2 else ".npy"
            yield _case(f"arrays, {key}: {name}", key, suffix, make, says)
    yield _case("arrays, labels: one too few", "labels", ".h5", _few, "29 labels", named=False)
    yield _case("arrays, labels: records", "labels", ".npy", _bytes(saved(np.zeros(30, "i4,i4"))), "records")
    yield _case("arrays, labels: dates", "labels", ".npy", _bytes(saved(np.zeros(30, "M8[s]"))), "dates")
    yield _case("arrays, labels: 2^63", "labels", ".npy", _bytes(saved(np.full(30, 2**64 - 1, "u8"))), "")
    yield _case("arrays, labels: infinite", "labels", ".npy", _bytes(saved(np.full(30, np.inf))), "not a whole number")
    yield _case("arrays, labels: escapes", "labels", ".npy", _bytes(saved(["\x1b[31m"] * 30)), "control character")
    yield _case("arrays, labels: empty", "labels", ".npy", _bytes(saved([""] * 30)), "is empty")
    rows = {key: part.tolist() for key, part in SPLITS.items()}
    for name, content, says in (
        ("beyond", {**rows, "trainval": [2**62]}, "out of range"),
        ("beyond 64 bits", {**rows, "trainval": [2**70]}, "is not a row number"),
        ("below", {**rows, "trainval": [-1]}, "is not a row number"),
        ("no list", {**rows, "trainval": 3}, "is not a list"),
        ("fractions", {**rows, "trainval": [0.5]}, "is not a row number"),
        ("empty", {**rows, "trainval": []}, "is empty"),
        ("no unseen", {key: rows[key] for key in ("trainval", "test_seen")}, "has no test_unseen"),
    ):
        yield _case(f"arrays, splits: {name}", "splits", ".json", _bytes(json.dumps(content)), says)
    for name, text, says in (
        ("too few", "class,a\n" + "".join(f"{name},1\n" for name in NAMES[1:]), "missing: 'Barn Swallow'"),
        ("too many", "class,a\nDodo,1\n" + "".join(f"{name},1\n" for name in NAMES), "too many: 'Dodo'"),
        ("infinite", "class,a\n" + "".join(f"{name},inf\n" for name in NAMES), "not finite"),
        ("twice", "class,a\n" + "".join(f"{name},1\n" for name in (*NAMES, NAMES[0])), "occurs twice"),
    ):
        yield _case(f"arrays, class embeddings: {name}", "class_embeddings", ".csv", _bytes(text), says)
    yield from _texts()
    yield from _divisions()
    generator = np.random.default_rng(7)
    for suffix in SUFFIXES:
        for key, good in CONTENT.items():
            for number in range(2):
                put = _spoiled(good, generator.integers(2**32), number)
                yield _case(f"arrays, {key}{suffix}: spoiled {number}", key, suffix, put, "", None)
    for suffix in SUFFIXES:
        yield _matrix(f"matrix{suffix}: spoiled", suffix, _spoiled(CONTENT["class_embeddings"], 5, 0))


TEXTS: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "no heading"),
    "latin-1": ("class,text\nBobolink,größe\n".encode("latin-1"), "line 2 is not utf-8"),
    "zeros": (bytes(300), "texts.csv"),
    "an open quote": ('class,text\n"Bobolink,x\n' + "x" * 200_000, "not a CSV file"),
    "too few": ("class,text\nBobolink,x\n", "missing: 'Barn Swallow'"),
    "an escape as a name": ("class,text\n\x1b[31m,x\n", "control character"),
    "an escape as a heading": ("class,\x1b[31m\nBobolink,x\n", "use one word, such as"),
    "an attribute as a heading": ("class,text.__class__\nBobolink,x\n", "use one word, such as"),
}


def _texts() -> Iterator[Case]:
    """Texts of classes, as a table and as a folder."""
    for name, (content, says) in TEXTS.items():
        yield _case(f"arrays, texts: {name}", "texts", ".csv", _bytes(content), says)
    for name, (put, says) in NO_FILES.items():
        if name != "folder":
            yield _case(f"arrays, texts: {name}", "texts", ".csv", put, says)
    yield _case("arrays, texts: an empty folder", "texts", "", Path.mkdir, "missing: 'Barn Swallow'")


def _divisions() -> Iterator[Case]:
    """Sources of class names that ``zsl data splits`` cannot divide."""
    for name, (put, says) in NO_FILES.items():
        if name != "folder":
            yield _division(name, "names.txt", put, says)
    yield _division("an empty folder", "images", Path.mkdir, "has 0 classes")
    yield _division("nothing", "names.txt", _bytes(""), "0 names")
    yield _division("two names", "names.txt", _bytes("a\nb\n"), "give at least three")
    yield _division("an escape", "names.txt", _bytes("a\nb\n\x1b[31m\n"), "control character")
    yield _division("objects", "y.npy", _bytes(saved(np.array([Call()], object))), "Python objects")
    yield _division("fractions", "y.npy", _bytes(saved(np.array([0.5, 1, 2]))), "not a whole number")
    yield _division("pictures", "y.png", _bytes(b"x"), "ends in none of")


def _division(name: str, file: str, put: Put, says: str) -> Case:
    def build(work: Path) -> list[str]:
        put(work / file)
        return ["data", "splits", file, "splits.yaml"]

    return Case(f"data splits: {name}", build, says=[says])


def _spoiled(good: Callable[[Path], object], seed: Any, number: int) -> Put:
    """The good file with a few bytes changed, anywhere or among the first."""

    def put(path: Path) -> None:
        good(path)
        content = path.read_bytes()
        region = range(min(len(content), 200)) if number else None
        path.write_bytes(spoiled(content, np.random.default_rng(int(seed)), region))

    return put


def _case(name: str, key: str, suffix: str, put: Put, says: str, status: int | None = 2, named: bool = True) -> Case:
    file = f"{key}{suffix}"

    def build(work: Path) -> list[str]:
        array_files.write(work / "arrays")
        (work / "arrays" / file).unlink(missing_ok=True)
        put(work / "arrays" / file)
        return [*TRAIN, f"data.{key}={file}"]

    return Case(name, build, status, [says, *([file] if status and named else [])])


def _matrix(name: str, suffix: str, put: Put) -> Case:
    def build(work: Path) -> list[str]:
        array_files.write(work / "arrays")
        put(work / f"phi{suffix}")
        return [*TRAIN, "class_embedding=matrix", f"class_embedding.path=phi{suffix}"]

    return Case(name, build, None, [])
