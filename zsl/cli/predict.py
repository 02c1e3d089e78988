"""``zsl predict``: classify photographs or features with a saved model."""

from __future__ import annotations

import argparse
from pathlib import Path

from zsl.errors import InputError

HELP = "classify photographs, folders of photographs, or features with a saved model"
EPILOG = """examples:
  zsl predict runs/birds/model photographs/
  zsl predict runs/birds/model a.jpg b.jpg --labels 'barn owl,snowy owl,tawny owl'
  zsl predict runs/birds/model photographs/ --add-labels new.txt --top-k 3 --output answers.csv
  zsl predict runs/birds/model photographs/ --html sheet.html

A model is the folder model/ of a run with save.model=true. --labels restricts the answers to the given classes,
--add-labels adds classes to those that the model knows; new classes are embedded by the model's class embedding. Either
is a list separated by commas, or a file with one name on each line, optionally followed by a tab and a description."""
FORMATS = ("table", "csv", "jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl predict``."""
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="folder of a saved model, or of the run that saved it"
    )
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="images, folders of images, or a .npy of features"
    )
    parser.add_argument("--labels", metavar="NAMES|FILE", help="the classes to choose among")
    parser.add_argument("--add-labels", metavar="NAMES|FILE", help="classes in addition to those that the model knows")
    parser.add_argument("--top-k", type=int, default=1, metavar="K", help="answers for each image (default: 1)")
    parser.add_argument("--format", choices=FORMATS, help="output format (default: by the ending of FILE, else table)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the answers to FILE")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with every image and its answers")
    parser.add_argument("--skip-unreadable", action="store_true", help="list broken images and skip them")
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter


def main(arguments: argparse.Namespace) -> int:
    """Predict, and print or write the answers; return the exit status.

    Raises:
        InputError: the model, an image or a label cannot be used, or a file cannot be written.
    """
    for path in (arguments.model, *arguments.paths):
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; correct the path")
    from zsl.cli.answers import predict
    from zsl.prediction.inputs import labels

    for option, given in (("--labels", arguments.labels), ("--add-labels", arguments.add_labels)):
        if given is not None:
            labels(given, option)
    return predict(arguments)
