"""Output formats: sheets as terminal table, Markdown and LaTeX; rows as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from zsl.errors import InputError, printable
from zsl.files import escaping
from zsl.reporting.columns import ADDED, METRICS, OPTIONS, WORDS, chosen_metrics, column_names, described
from zsl.reporting.sheet import Cell, Sheet, narrow, part
from zsl.reporting.table import Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LABEL = "tab:results"
"""label of a LaTeX table by default"""
FOLDED = 12
"""greatest width in characters for which a narrow table leaves room in a column of text"""
GAP = 2
"""width in characters between two columns"""


def terminal(sheets: Sequence[Sheet], console: Console) -> None:
    """Print sheets; a sheet that is too wide for the terminal is divided, and text is folded, never truncated."""
    from rich.text import Text

    for sheet in sheets:
        fits = console.measure(_grid(sheet)).maximum < console.width
        for each in [sheet] if fits else _narrow(sheet, console.width):
            console.print(Text(printable(each.title), "bold"), _grid(each, stacked=not fits))
            for note in (*each.notes, *(each.legend if console.color_system else ()), *each.hints):
                console.print(Text(printable(note), "dim"))
        console.print()


def _narrow(sheet: Sheet, width: int) -> Iterator[Sheet]:
    """Yield parts of a sheet that have few enough columns for every number to stand on one line."""
    for own in narrow(sheet):
        widths = [_width(own, j) for j in range(len(own.header))]
        first = next((j for j, number in enumerate(own.numeric) if number), len(own.header))
        rest = sorted(range(first, len(own.header)), key=lambda j: not own.numeric[j])  # words after numbers come last
        pieces: list[list[int]] = [[]]
        for j in rest:
            if pieces[-1] and sum(widths[k] for k in (*range(first), *pieces[-1], j)) >= width:
                pieces.append([])
            pieces[-1].append(j)
        parts = [part(own, [*range(first), *piece]) for piece in pieces]
        yield from (replace(each, notes=(), legend=(), hints=()) for each in parts[:-1])
        yield parts[-1]


def _width(sheet: Sheet, column: int) -> int:
    """Return the width of a column: that of its numbers, or that to which its text is folded."""
    from rich.cells import cell_len

    words = printable(sheet.header[column]).split()
    longest = max(cell_len(text) for text in (*words, *(printable(line.cells[column].text) for line in sheet.lines)))
    return (longest if sheet.numeric[column] else min(longest, FOLDED)) + GAP


def _grid(sheet: Sheet, stacked: bool = False) -> Table:
    """Return a table; its headings have one word a line where they are ``stacked``."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, number in zip(sheet.header, sheet.numeric, strict=True):
        heading = printable(name).replace(" ", "\n") if stacked and number else printable(name)
        grid.add_column(Text(heading), justify="right" if number else "left", overflow="fold", no_wrap=number)
    for line, ends in zip(sheet.lines, _ends(sheet), strict=True):
        cells = (Text(printable(cell.text), "bold" if cell.best else "") for cell in line.cells)
        grid.add_row(*cells, end_section=ends)
    return grid


def markdown(sheets: Sequence[Sheet]) -> str:
    """Return sheets as Markdown: a heading, a pipe table and a list of notes for each."""
    parts = []
    for sheet in sheets:
        rule = ("---:" if right else "---" for right in sheet.numeric)
        body = (_pipes(map(_markdown_cell, line.cells)) for line in sheet.lines)
        notes = [f"- {escaping.markdown_line(note)}" for note in (*sheet.notes, *sheet.legend, *sheet.hints)]
        header = _pipes(map(escaping.markdown, sheet.header))
        table = [f"## {escaping.markdown_line(sheet.title)}", "", header, _pipes(rule), *body]
        parts.append("\n".join([*table, *([""] if notes else []), *notes]))
    return "\n\n".join(parts) + "\n"


def latex(sheets: Sequence[Sheet], caption: str | None = None, name: str = LABEL) -> str:
    """Return sheets as LaTeX tables with booktabs rules, scaled to the width of the text where they are wider.

    Args:
        sheets: the sheets.
        caption: LaTeX of the first caption, used as it is; by default the title of the sheet.
        name: label of the first table; the others are numbered, as ``tab:results-2``.

    Raises:
        InputError: braces of the caption are not closed, or the label has a character that LaTeX interprets.
    """
    if caption is not None and (depth := _open_braces(caption)):
        raise InputError(
            f"--caption: {abs(depth)} {'{' if depth > 0 else '}'} without its partner; it is LaTeX: add it"
        )
    if not re.fullmatch(r"[^\\{}#%~^$&\s]+", name):
        raise InputError(f"--label {name}: has a space or a character that LaTeX interprets; write one such as {LABEL}")
    parts = ["% needs \\usepackage{booktabs, graphicx} and UTF-8"]
    for i, sheet in enumerate(sheets, start=1):
        body = []
        for line, ends in zip(sheet.lines, _ends(sheet), strict=True):
            body.append(" & ".join(map(_latex_cell, line.cells)) + r" \\" + (r" \midrule" if ends else ""))
        notes = [rf"\par\footnotesize {escaping.latex(note)}" for note in (*sheet.notes, *sheet.legend)]
        columns = "".join("r" if right else "l" for right in sheet.numeric)
        parts += [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escaping.latex(sheet.title) if caption is None or i > 1 else ' '.join(caption.split())}}}",
            rf"\label{{{name if i == 1 else f'{name}-{i}'}}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(map(escaping.latex, sheet.header)) + r" \\ \midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            *notes,
            r"\end{table}",
        ]
    return "\n".join(parts) + "\n"


def _open_braces(text: str) -> int:
    """Return the number of braces that are opened and not closed, below 0 where one is closed that is not open."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            break
    return depth


def table_csv(rows: Sequence[Row], metrics: Sequence[str] = (), columns: Sequence[str] = ()) -> str:
    """Return rows as CSV with unrounded ``NAME mean``, ``NAME std``, ``NAME ci95`` and ``NAME n`` of every metric.

    Args:
        rows: rows in the order of the table.
        metrics: metrics to include; all where empty.
        columns: columns to include, in this order; all where empty, or where one begins with +.

    Raises:
        InputError: no row has one of the metrics.
    """
    present = sorted({name for row in rows for name in row.metrics})
    every = sorted(present, key=lambda name: METRICS.index(name) if name in METRICS else len(METRICS))
    if columns and not any(name.startswith(ADDED) for name in columns):
        names = column_names(rows, metrics, columns)
        if len({row.key.protocol for row in rows}) > 1:
            names = ["protocol", *names]
    else:
        shown = chosen_metrics(rows, metrics) if metrics else every
        names = [
            "method",
            "data",
            "φ",
            "correction",
            "setting",
            "protocol",
            "selection",
            OPTIONS,
            "seeds",
            *shown,
            "chosen",
            "pretraining",
            "fingerprint",
        ]
    parts = ("mean", "std", "ci95", "n")
    header: list[object] = []
    lines: list[list[object]] = [[] for _ in rows]
    for name in names:
        texts = _csv_words(rows, name)
        header += list(texts) or [f"{name} {part}" for part in parts]
        for i, (line, row) in enumerate(zip(lines, rows, strict=True)):
            summary = row.metrics.get(name)
            if texts:
                line += [own[i] for own in texts.values()]
            else:
                line += ["", "", "", 0] if summary is None else [summary.mean, summary.std, summary.ci, summary.n]
    return escaping.csv_text([header, *lines])


def _csv_words(rows: Sequence[Row], name: str) -> dict[str, list[str]]:
    """Return heading -> texts for a column that describes rows; nothing for a metric."""
    if name == "data":
        return {"data": [row.key.data for row in rows], "data_title": described(rows, name)}
    if name == "protocol":
        return {name: [row.key.protocol for row in rows]}
    if name == "seeds":
        return {name: [" ".join(map(str, row.seeds)) for row in rows]}
    return {"class_embedding" if name == "φ" else name: described(rows, name)} if name in WORDS else {}


def _ends(sheet: Sheet) -> list[bool]:
    """Tell for each line whether it is the last of its block and another block follows."""
    return [line.block != after.block for line, after in pairwise(sheet.lines)] + [False] * bool(sheet.lines)


def _pipes(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell) -> str:
    text = escaping.markdown(cell.text).strip()
    return f"**{text}**" if cell.best and text else text


def _latex_cell(cell: Cell) -> str:
    return rf"\textbf{{{escaping.latex(cell.text)}}}" if cell.best else escaping.latex(cell.text)
