"""Tables of numbers by name, one row an answer to a question: to the terminal or a file, in one of four formats."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from zsl.errors import printable
from zsl.files.atomic import write_text
from zsl.files.escaping import csv_text, markdown

Cell = str | float | int | None
Row = Mapping[str, Cell]
FORMATS = ("table", "markdown", "csv", "json")
ENDINGS = {".md": "markdown", ".csv": "csv", ".json": "json"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose the format and the file."""
    parser.add_argument("--format", choices=FORMATS, help="format (default: by the suffix of FILE, else table)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to this file instead of the terminal")


def deliver(rows: Sequence[Row], notes: Sequence[str], arguments: argparse.Namespace) -> int:
    """Write the rows in the format that is asked for, and print notes below a table; return exit code 0.

    Raises:
        InputError: the file cannot be written.
    """
    form = arguments.format or (ENDINGS.get(arguments.output.suffix, "table") if arguments.output else "table")
    text = written(rows, notes, form)
    if arguments.output:
        write_text(arguments.output, text)
    else:
        sys.stdout.write(text)
    return 0


def written(rows: Sequence[Row], notes: Sequence[str], form: str) -> str:
    """Return rows as text; CSV and JSON have all digits and no notes, and a number that is not defined is empty."""
    heading = list(dict.fromkeys(name for row in rows for name in row))
    if form == "csv":
        return csv_text([heading, *([_plain(row.get(name)) for name in heading] for row in rows)])
    if form == "json":
        found = [{name: _plain(value) for name, value in row.items()} for row in rows]
        return json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    cells = [heading, *([_shown(row.get(name)) for name in heading] for row in rows)]
    numeric = [all(not isinstance(row.get(name), str) for row in rows) for name in heading]
    if form == "markdown":
        rule = ["---:" if number else "---" for number in numeric]
        escaped = [[markdown(cell) for cell in line] for line in cells]
        lines = [f"| {' | '.join(line)} |" for line in (escaped[0], rule, *escaped[1:])]
        return "\n".join([*lines, *(f"\n{markdown(note)}" for note in notes)]) + "\n"
    cells = [[printable(cell) for cell in line] for line in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in cells
    ]
    return "\n".join([*lines, *map(printable, notes)]) + "\n"


def _plain(value: Cell) -> Cell:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(value: Cell) -> str:
    if isinstance(value, float):
        size = abs(value)
        return "" if math.isnan(value) else f"{value:.{1 if size >= 10 else 2 if size >= 1 else 3}f}"
    return "" if value is None else str(value)
