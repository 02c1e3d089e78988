"""The option ``--config-dir``, which names a folder of the user's own choices for one command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from zsl.config.plugins import FLAG

HELP = "folder of choices of your own, laid out like conf/, such as DIR/method/mine.yaml"


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """Add the option to the parser of a command."""
    parser.add_argument(FLAG, "-cd", metavar="DIR", help=HELP)


def split(words: Sequence[str], parser: argparse.ArgumentParser) -> tuple[str | None, list[str]]:
    """Return the folder and the other words of a command line, in their order; ``parser`` reports a missing folder."""
    add_config_dir(parser)
    found, rest = parser.parse_known_args(list(words))
    return found.config_dir, rest
