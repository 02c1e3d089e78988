"""``zsl retrieve``: R@k, mAP and hubness of images and texts that search for each other by their embeddings."""

from __future__ import annotations

import argparse
from pathlib import Path

from zsl.errors import InputError
from zsl.reporting import figures

HELP = "retrieval among embeddings: image→text, text→image, image→image"
EPILOG = """files: .npy, .npz, .safetensors, .pt or HDF5, one row an image or a text. Groups are whole numbers or names,
one a row, in such a file or in a column of a table: rows of the same group belong together. Without groups, text i
belongs to image i; --text-groups alone holds the row of the image of every text, from 0; several may be equal.

examples:
  zsl retrieve images.npy texts.npy
  zsl retrieve images.npy texts.npy --text-groups image_of_text.csv correction=csls correction.k=10
  zsl retrieve images.safetensors --image-groups labels.npy --k 1,10,100 --output retrieval.csv

R@k is the share of queries that find a row of their group among the k best, mAP the mean of average precision over all
rows of the group. zsl list corrections shows the corrections; one that is transductive reads all queries together."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl retrieve``."""
    parser.add_argument("paths", nargs="+", metavar="FILE", help="embeddings of images, then those of texts, if any")
    parser.add_argument("--image-groups", type=Path, metavar="FILE", help="group of every image (default: its row)")
    parser.add_argument("--text-groups", type=Path, metavar="FILE", help="group of every text (default: its row)")
    parser.add_argument("--k", default="1,5,10", metavar="K,…", help="the k of R@k (default: 1,5,10)")
    parser.add_argument("--occurrences", type=int, default=10, metavar="K", help="k of hubness, N_k (default: 10)")
    figures.add_arguments(parser)
    parser.set_defaults(overrides=[])
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter


def main(arguments: argparse.Namespace) -> int:
    """Retrieve in every direction, and print or write one row for each; return the exit status.

    Raises:
        InputError: a file or the correction cannot be used, or a file cannot be written.
    """
    from zsl.api.retrieval import retrieve
    from zsl.cli.row_files import embeddings, groups
    from zsl.config.corrections import composed_correction

    files = [Path(word) for word in arguments.paths if "=" not in word or Path(word).exists()]
    if len(files) not in (1, 2):
        raise InputError(
            f"FILE: {len(files)} files; give the embeddings of images, and those of texts if there are any"
        )
    overrides = [word for word in (*arguments.paths, *arguments.overrides) if Path(word) not in files]
    correction = composed_correction(overrides)
    kind = "images", "texts"
    parts = [embeddings(path, name, name, f"{name[:-1]}_embeddings") for path, name in zip(files, kind, strict=False)]
    named = {"image_groups": arguments.image_groups, "text_groups": arguments.text_groups}
    found = retrieve(
        *parts,
        **{
            name: None if path is None else groups(path, f"--{name.replace('_', '-')}", "group", "image", "label")
            for name, path in named.items()
        },
        correction=correction,
        at=whole_numbers("--k", arguments.k),
        k=arguments.occurrences,
    )
    setting = "transductive" if correction.transductive else "inductive"
    shown = " ".join(word.removeprefix("correction")[1:] for word in overrides) or "none"
    rows = [{"direction": name, "correction": shown, "setting": setting, **metrics} for name, metrics in found.items()]
    notes = ["transductive: the correction reads all queries together"] if correction.transductive else []
    undefined = sum(int(metrics["undefined"]) for metrics in found.values())
    if undefined:
        notes.append(f"{undefined} queries have no row of their group to find; they are left out of R@k and mAP")
    return figures.deliver(rows, notes, arguments)


def whole_numbers(option: str, given: str) -> list[int]:
    """Return whole numbers of at least 1 that commas separate.

    Raises:
        InputError: a part is no such number.
    """
    parts = given.split(",")
    if not all(part.strip().isdecimal() and int(part) >= 1 for part in parts):
        raise InputError(f"{option} {given}: give whole numbers of at least 1, separated by commas")
    return [int(part) for part in parts]
