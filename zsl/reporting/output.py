"""Output of sheets: to the terminal or a file, in one of four formats. Slow imports are made on use."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zsl.errors import InputError, printable

if TYPE_CHECKING:
    from rich.console import Console

    from zsl.reporting.sheet import Sheet

log = logging.getLogger(__name__)

FORMATS = ("terminal", "markdown", "csv", "latex")
ENDINGS = {".md": "markdown", ".csv": "csv", ".tex": "latex"}
UNBOUNDED = 10_000
"""width in characters for files and pipes, so that no text is folded"""


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose runs and output."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="folder with runs, or a result.json")
    parser.add_argument("--format", choices=FORMATS, help="format (default: by the suffix of FILE, else terminal)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to this file instead of the terminal")
    parser.add_argument("--caption", metavar="LATEX", help="caption of the LaTeX table, used as it is")
    parser.add_argument("--label", metavar="LABEL", help="label of the LaTeX table (default: tab:results)")


def form_of(args: argparse.Namespace) -> str:
    """Return the format that is asked for, or else that of the suffix of the file."""
    return args.format or (ENDINGS.get(args.output.suffix, "terminal") if args.output else "terminal")


def deliver(made: Sequence[Sheet], as_csv: Callable[[], str], args: argparse.Namespace, console: Console | None) -> int:
    """Show or write these sheets in the requested format; return exit code 0.

    Warnings are also logged where the table is written to a file, or is CSV, which has no notes.

    Args:
        made: the sheets.
        as_csv: function that returns the table as CSV.
        args: arguments of `add_output_arguments`.
        console: terminal to print to; standard output by default.

    Raises:
        InputError: a file cannot be written.
    """
    from rich.console import Console

    from zsl.files.atomic import write_text
    from zsl.reporting.layout import WARNING
    from zsl.reporting.render import terminal

    form = form_of(args)
    if form != "latex" and (args.caption or args.label):
        raise InputError("--caption, --label: are of LaTeX tables; add --format latex, or --output FILE.tex")
    console = console or Console()
    if form == "terminal" and not args.output and console.is_terminal:
        terminal(made, console)
        return 0
    text = as_csv() if form == "csv" else written(made, form, args.caption, args.label)
    if args.output:
        write_text(args.output, text)
    else:
        console.file.write(text)
    if form == "csv" or args.output:
        for note in dict.fromkeys(note for sheet in made for note in sheet.notes if note.startswith(WARNING)):
            log.warning("%s", printable(note.removeprefix(WARNING)))
    return 0


def written(made: Sequence[Sheet], form: str, caption: str | None = None, label: str | None = None) -> str:
    """Return these sheets as text in one of `FORMATS` other than CSV; caption and label are of LaTeX."""
    import io

    from rich.console import Console

    from zsl.reporting.render import LABEL, latex, markdown, terminal

    if form == "markdown":
        return markdown(made)
    if form == "latex":
        return latex(made, caption, label or LABEL)
    page = Console(file=io.StringIO(), width=UNBOUNDED, color_system=None)
    with page.capture() as capture:
        terminal(made, page)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
