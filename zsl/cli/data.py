"""``zsl data``: prepare, inspect and verify a data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.text import Text

from zsl.config.compose import compose
from zsl.data.dataset import Dataset
from zsl.data.fingerprint import verified
from zsl.errors import printable
from zsl.features.cache import verifying


def prepare(name: str, overrides: Sequence[str]) -> None:
    """Read or build the data set once, so that later runs open it from the cache."""
    dataset = _load(name, overrides)
    title, images, classes = printable(dataset.card.title), len(dataset.labels), len(dataset.classes.names)
    Console().print(Text(f"{title}: {images} images, {classes} classes, ready"))


def inspect(name: str, overrides: Sequence[str]) -> None:
    """Show sizes, splits, licences, notes and fingerprints."""
    dataset = _load(name, overrides)
    console = Console(soft_wrap=True)
    console.print(Text(printable(dataset.card.title), "bold"))
    seen, parts = dataset.seen(), dataset.splits.parts()
    n, d = dataset.features.shape
    console.print(f"{n} images, {d} features each; {seen.sum()} seen and {(~seen).sum()} unseen classes")
    rows = {
        name: f"{len(part)} images of {len(np.unique(dataset.labels[part]))} classes" for name, part in parts.items()
    }
    for name in ("features", "labels", *parts):
        console.print(f"{name:<12} {rows.get(name, ''):<28} SHA-256 {dataset.fingerprints[name]}", highlight=False)
    for kind, matrix in dataset.classes.matrices.items():
        console.print(f"class description {kind}: {matrix.shape[1]} numbers a class")
    for kind in dataset.classes.texts:
        console.print(f"class description {kind}: text")
    for heading, lines in (("licences and attribution", dataset.card.licences), ("notes", dataset.card.notes)):
        if lines:
            console.print(f"[bold]{heading}[/]")
            for line in lines:
                console.print(Text(f"  {printable(line)}"))


def verify(name: str, overrides: Sequence[str]) -> None:
    """Hold the cache against its checksums and its sources, the splits against the audit, and every fingerprint
    against one computed anew from the arrays. Nothing is built or repaired.

    Raises:
        InputError: something differs, or was never prepared.
    """
    with verifying():
        dataset = _load(name, overrides)
    again = verified(dataset)
    title = printable(dataset.card.title)
    Console().print(Text(f"{title}: cache whole, splits audited, {len(again)} fingerprints verified"))


def _load(name: str, overrides: Sequence[str]) -> Dataset:
    from zsl.config.build import load_data
    from zsl.config.settings import DataKeys, plain
    from zsl.runs.console import show_log

    show_log()
    return load_data(plain(compose([f"data={name}", *overrides]), "data", DataKeys))
