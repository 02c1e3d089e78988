"""Pairs of MATLAB files, of versions 5 and 7.3, whose arrays or containers are not what they should be."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
import scipy.sparse

from tests.malformed.law import Case
from tests.malformed.places import NO_FILES, TOY, Arrays, Put, spoiled, toy

LOCS = ("trainval_loc", "test_seen_loc", "test_unseen_loc", "train_loc", "val_loc")
NUMBERS = (*LOCS, "att", "original_att", "features", "labels")
Change = Callable[[Arrays, Arrays], object]

KINDS: dict[str, Callable[[Any], Any]] = {
    "text": lambda a: "one two three",
    "cells of text": lambda a: np.array([[str(v)] for v in np.ravel(a)], dtype=object),
    "cells of numbers": lambda a: np.array([[float(v)] for v in np.ravel(a)], dtype=object),
    "a struct": lambda a: {"value": a},
    "sparse": lambda a: scipy.sparse.csc_matrix(np.asarray(a, float)),
    "complex": lambda a: np.asarray(a, float) + 1j,
    "empty": lambda a: np.zeros((0, 0)),
    "not a number": lambda a: np.full(np.shape(a), np.nan),
    "infinite": lambda a: np.full(np.shape(a), np.inf),
}
"""what every array of numbers is refused as"""
WHOLE: dict[str, Callable[[Any], Any]] = {
    "halves": lambda a: np.asarray(a, float) + 0.5,
    "zero": lambda a: np.zeros_like(a),
    "1e15": lambda a: np.full(np.shape(a), 1e15),
    "1e300": lambda a: np.full(np.shape(a), 1e300),
    "the largest of 64 bits": lambda a: np.full(np.shape(a), 2**64 - 1, dtype=np.uint64),
    "negative": lambda a: -np.asarray(a, float),
}
"""what numbers of images and classes are refused as besides"""


def _in(features: Arrays, splits: Arrays, key: str) -> Arrays:
    return features if key in ("features", "labels") else splits


def _case(name: str, change: Change, version: str, *says: str, status: int = 2, extra: tuple[str, ...] = ()) -> Case:
    def build(work: Path) -> list[str]:
        toy(work, change, version)
        return [*TOY, *extra]

    return Case(name, build, status, says)


def _replaced(key: str, make: Callable[[Any], Any]) -> Change:
    def change(features: Arrays, splits: Arrays) -> None:
        content = _in(features, splits, key)
        content[key] = make(content[key])

    return change


def arrays() -> Iterator[Case]:
    """One array of the pair is of another kind; every kind for three arrays, chosen by a seed."""
    generator = np.random.default_rng(0)
    for kind, make in KINDS.items():
        for key in generator.permutation(NUMBERS)[:4]:
            if (kind, key) in (("not a number", "original_att"), ("infinite", "original_att"), ("empty", "labels")):
                continue  # missing annotations are allowed; no labels are a matter of their number
            yield _case(f"mat 5: {key} is {kind}", _replaced(key, make), "5", ".mat: ")
        if kind in ("cells of text", "empty", "not a number", "infinite"):
            key = str(generator.choice(NUMBERS[:7]))
            yield _case(f"mat 7.3: {key} is {kind}", _replaced(key, make), "7.3" if key != "original_att" else "5")
    for kind, make in WHOLE.items():
        for key in generator.permutation((*LOCS, "labels"))[:3]:
            yield _case(f"mat 5: {key} is {kind}", _replaced(key, make), "5", ".mat: ")
    for key in LOCS:
        mask = _replaced(key, lambda a: np.isin(np.arange(1, 31), a)[:, None])
        yield _case(f"mat 5: {key} is a mask", mask, "5", f"{key} holds Booleans", f"find({key})")
    for key in ("att", "original_att", "features"):
        cube = _replaced(key, lambda a: np.stack([a, a], axis=2))
        yield _case(f"mat 5: {key} has three dimensions", cube, "5", ".mat: ")
        yield _case(f"mat 7.3: {key} has three dimensions", cube, "7.3", ".mat: ")
    for key in NUMBERS:
        if key not in ("train_loc", "val_loc", "original_att"):
            yield _case(f"mat 5: no {key}", lambda f, s, key=key: _in(f, s, key).pop(key), "5", f"{key!r} is missing")
    yield _case("mat 5: train_loc without val_loc", lambda f, s: s.pop("val_loc"), "5", "is given alone")
    yield _case("mat 5: a label of 1e15 in no split", _label_in_no_split, "5", status=0)
    yield _case(
        "mat 5: features beyond 32 bits", _replaced("features", lambda a: a * 1e300), "5", "not finite in float32"
    )


def _label_in_no_split(features: Arrays, splits: Arrays) -> None:
    features["features"] = np.column_stack([features["features"], np.ones(4)])
    features["labels"] = np.vstack([features["labels"], [[1e15]]])


def tag(kind: int, content: bytes, size: int | None = None) -> bytes:
    """An element of a MATLAB 5 file; ``size`` is what it claims."""
    return struct.pack("<2I", kind, len(content) if size is None else size) + content + bytes(-len(content) % 8)


def variable(name: str, kind: int, shape: tuple[int, ...], body: bytes, size: int | None = None) -> bytes:
    """A variable of the class number ``kind``."""
    head = tag(6, struct.pack("<2I", kind, 0)) + tag(5, struct.pack(f"<{len(shape)}i", *shape)) + tag(1, name.encode())
    return tag(14, head + body, size)


def nested(depth: int) -> bytes:
    """Cells within cells, the outermost called allclasses_names."""
    body = variable("", 6, (1, 1), tag(9, struct.pack("<d", 1.0)))
    heads = []
    for level in range(depth):
        name = b"allclasses_names" if level == depth - 1 else b""
        head = tag(6, struct.pack("<2I", 1, 0)) + tag(5, struct.pack("<2i", 1, 1)) + tag(1, name)
        heads.append(head)
    parts, size = [], len(body)
    for head in heads:
        parts.append(struct.pack("<2I", 14, len(head) + size) + head)
        size += 8 + len(head)
    return b"".join(reversed(parts)) + body


def container(*elements: bytes) -> bytes:
    """A MATLAB 5 file."""
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + b"".join(elements)


def _hdf5(make: Callable[[h5py.File], object]) -> Put:
    def put(path: Path) -> None:
        path.unlink(missing_ok=True)
        with h5py.File(path, "w") as file:
            file["labels"] = np.ones((1, 30))
            make(file)

    return put


def _elsewhere(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((30, 4), "f8")
    layout[:] = h5py.VirtualSource("other.mat", "features", (30, 4))
    file.create_virtual_dataset("features", layout)


CUT = {"half": 0.5, "the header alone": 0.02, "all but the end": 0.97}
CONTAINERS: dict[str, Put | bytes] = {
    "empty": b"",
    "text": b"features labels\n" * 40,
    "version 4 of 2^31 rows": struct.pack("<5i", 0, 2**31 - 1, 2**31 - 1, 0, 9) + b"features\0",
    "an element of 4 GiB": container(variable("features", 6, (4, 30), tag(9, bytes(960), 2**32 - 1), 2**32 - 1)),
    "10^18 numbers": container(variable("features", 6, (10**9, 10**9), tag(9, bytes(64)))),
    "negative shape": container(variable("features", 6, (-4, 30), tag(9, bytes(64)))),
    "no shape": container(variable("features", 6, (), tag(9, bytes(64)))),
    "a function": container(variable("features", 16, (1, 1), b"")),
    "an object": container(variable("features", 3, (1, 1), b"")),
    "a string": container(variable("features", 17, (1, 1), b"")),
    "damaged compression": container(tag(15, b"x\x9c" + bytes(40))),
    "compression cut short": container(tag(15, zlib.compress(variable("features", 6, (4, 30), bytes(968)))[:30])),
    "HDF5 in name only": b"\x89HDF\r\n\x1a\n" + bytes(600),
    "HDF5: a group": _hdf5(lambda f: f.create_group("features")),
    "HDF5: complex": _hdf5(lambda f: f.create_dataset("features", data=np.ones((30, 4), complex))),
    "HDF5: text": _hdf5(lambda f: f.create_dataset("features", data="text")),
    "HDF5: nothing": _hdf5(lambda f: f.create_dataset("features", data=h5py.Empty("f8"))),
    "HDF5: 58 TiB never written": _hdf5(lambda f: f.create_dataset("features", (8 * 10**6, 10**6), "f8", chunks=True)),
    "HDF5: another file": _hdf5(lambda f: f.__setitem__("features", h5py.ExternalLink("other.mat", "features"))),
    "HDF5: a path": _hdf5(lambda f: f.__setitem__("features", h5py.SoftLink("/labels"))),
    "HDF5: a path to itself": _hdf5(lambda f: f.__setitem__("features", h5py.SoftLink("/features"))),
    "HDF5: a virtual array": _hdf5(_elsewhere),
    "HDF5: bytes of another file": _hdf5(
        lambda f: f.create_dataset("features", (30, 4), "f8", external=[("/etc/hostname", 0, 960)])
    ),
    "HDF5: references": _hdf5(lambda f: f.create_dataset("features", data=[f["labels"].ref], dtype=h5py.ref_dtype)),
}


def containers() -> Iterator[Case]:
    """The feature file is no regular file, no MATLAB file, or one whose headers lie."""
    for name, put in {**{name: put for name, (put, _) in NO_FILES.items()}, **CONTAINERS}.items():
        for file in ("res101.mat", "att_splits.mat") if name in NO_FILES else ("res101.mat",):
            yield _container(f"{file}: {name}", file, put)
    yield _container("att_splits.mat: cells within cells", "att_splits.mat", _with_names(100_000))
    yield _container("att_splits.mat: a cell in a cell", "att_splits.mat", _with_names(2))
    for version in ("5", "7.3"):
        for name, share in CUT.items():
            yield _changed(f"mat {version}: {name}", version, partial(_cut, share), 2)
        for seed in range(8):
            generator = np.random.default_rng(seed)
            region = range(128, 700) if version == "5" else range(512, 3000)
            yield _changed(
                f"mat {version}: spoiled {seed}", version, lambda data, g=generator, r=region: spoiled(data, g, r), None
            )


def _cut(share: float, data: bytes) -> bytes:
    return data[: int(share * len(data))]


def _container(name: str, file: str, put: Put | bytes) -> Case:
    def build(work: Path) -> list[str]:
        path = toy(work) / file
        if isinstance(put, bytes):
            path.write_bytes(put)
        else:
            path.unlink()
            put(path)
        return TOY

    return Case(name, build, says=[file])


def _with_names(depth: int) -> Put:
    def put(path: Path) -> None:
        scratch = path.with_name("scratch.mat")
        scipy.io.savemat(scratch, {"att": np.ones((3, 6))} | {key: np.ones((2, 1)) for key in LOCS})
        path.write_bytes(scratch.read_bytes() + nested(depth))
        scratch.unlink()

    return put


def _changed(name: str, version: str, change: Callable[[bytes], bytes], status: int | None) -> Case:
    def build(work: Path) -> list[str]:
        path = toy(work, version=version) / "res101.mat"
        path.write_bytes(change(path.read_bytes()))
        return TOY

    return Case(name, build, status)


def cases() -> Iterator[Case]:
    """All of them."""
    yield from arrays()
    yield from containers()
