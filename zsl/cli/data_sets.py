"""Implementation of ``zsl data``: data sets are loaded, printed, checked, exported and split."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from zsl.config.compose import compose
from zsl.data.dataset import Dataset
from zsl.data.fingerprint import backbone_fingerprint, verified_fingerprints
from zsl.errors import printable
from zsl.features.cache import verifying


def prepare(name: str, overrides: Sequence[str]) -> None:
    """Read or build a data set once, so that later runs open it from the cache."""
    dataset = _load(name, overrides)
    title, images, classes = printable(dataset.card.title), len(dataset.labels), len(dataset.classes.names)
    Console().print(Text(f"{title}: {images} images, {classes} classes, ready"))


def inspect(name: str, overrides: Sequence[str]) -> None:
    """Print sizes, splits, licences, notes and fingerprints of a data set."""
    dataset = _load(name, overrides)
    console = Console(soft_wrap=True)
    console.print(Text(printable(dataset.card.title), "bold"))
    seen, parts = dataset.seen(), dataset.splits.parts()
    n, d = dataset.features.shape
    console.print(f"{n} images, {d} features each; {seen.sum()} seen and {(~seen).sum()} unseen classes")
    rows = {
        name: f"{len(part)} images of {len(np.unique(dataset.labels[part]))} classes" for name, part in parts.items()
    }
    prints = {**dataset.fingerprints, **backbone_fingerprint(dataset)}
    for name in (key for key in ("features", "labels", *parts, "backbone") if key in prints):
        console.print(f"{name:<12} {rows.get(name, ''):<28} SHA-256 {prints[name]}", highlight=False)
    for kind, matrix in dataset.classes.matrices.items():
        console.print(f"class description {kind}: {matrix.shape[1]} dimensions")
    for kind in dataset.classes.texts:
        console.print(f"class description {kind}: text")
    for heading, lines in (("licences and attribution", dataset.card.licences), ("notes", dataset.card.notes)):
        if lines:
            console.print(f"[bold]{heading}[/]")
            for line in lines:
                console.print(Text(f"  {printable(line)}"))


def verify(name: str, overrides: Sequence[str]) -> None:
    """Verify cache checksums, cache sources, splits, and fingerprints (recomputed from the arrays) of a data set.

    Nothing is built or repaired.

    Raises:
        InputError: something differs, or the data set was never prepared.
    """
    with verifying():
        dataset = _load(name, overrides)
    verified_fingerprints(dataset)
    title = printable(dataset.card.title)
    Console().print(Text(f"{title}: cache whole, splits audited, {len(dataset.fingerprints)} fingerprints verified"))


def export(name: str, output: Path, form: str, overrides: Sequence[str]) -> None:
    """Write a data set as files, read them back, and print the command that uses them.

    Raises:
        InputError: the data set cannot be loaded, the folder exists, or the format cannot hold the data set.
    """
    from zsl.config.build import load_source
    from zsl.config.checking import plain
    from zsl.config.data_sets import load_data
    from zsl.config.settings import ClassEmbeddingKeys, DataKeys
    from zsl.datasets import export as exporting
    from zsl.runs.console import show_log

    show_log()
    cfg = compose([f"data={name}", *overrides])
    data, phi = plain(cfg, "data", DataKeys), None
    dataset = load_data(data)
    if form == "xlsa17" and "att" not in dataset.classes.matrices:
        phi = load_source(data, plain(cfg, "class_embedding", ClassEmbeddingKeys)).phi
    keys = exporting.export(dataset, output, form, phi)
    given = {"name": dataset.name, "root": str(output), **keys, "scale": data["scale"]}
    words = " ".join(shlex.quote(f"data.{key}={_written(value)}") for key, value in given.items())
    lost = [*(set(dataset.classes.matrices) - {"att", "original_att"}), *dataset.classes.texts]
    note = f"; xlsa17 has no place for {', '.join(lost)}" if form == "xlsa17" and lost else ""
    made = "; att holds the class embedding" if phi is not None else ""
    Console(soft_wrap=True).print(
        Text(
            printable(
                f"{dataset.card.title}: written to {output}, read back with the same fingerprints{made}{note}; use it "
                f"with zsl train data={form} {words}"
            )
        )
    )


def splits(arguments: argparse.Namespace) -> None:
    """Split classes into seen, validation and unseen ones, and write the split file.

    Raises:
        InputError: the classes cannot be read or split, or the file exists.
    """
    from zsl.datasets.class_splits import class_names, divide_classes, write_split_file

    names = class_names(arguments.classes)
    divided = divide_classes(names, arguments.unseen, arguments.val, arguments.seed)
    how = f"--unseen {arguments.unseen} --val {arguments.val} --seed {arguments.seed}"
    write_split_file(Path(arguments.file), divided, printable(f"zsl data splits {arguments.classes} {how}"))
    sizes = f"{len(divided['seen'])} seen classes, {len(divided['val'])} of them for validation"
    text = f"{arguments.file}: {sizes}, and {len(divided['unseen'])} unseen classes"
    Console(soft_wrap=True).print(Text(printable(text)))


def _written(value: Any) -> str:
    """Return a value as it is written on the command line."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{item}" for key, item in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _load(name: str, overrides: Sequence[str]) -> Dataset:
    from zsl.config.checking import plain
    from zsl.config.data_sets import load_data
    from zsl.config.settings import DataKeys
    from zsl.runs.console import show_log

    show_log()
    return load_data(plain(compose([f"data={name}", *overrides]), "data", DataKeys))
