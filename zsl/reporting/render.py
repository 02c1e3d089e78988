"""Output formats: sheets as terminal table, Markdown and LaTeX; rows as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from zsl.data.fingerprint import short_fingerprint
from zsl.errors import printable
from zsl.files import escaping
from zsl.reporting.layout import Cell, Sheet, chosen_columns, narrow
from zsl.reporting.table import Row
from zsl.reporting.wording import options

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def terminal(sheets: Sequence[Sheet], console: Console) -> None:
    """Print sheets; a sheet that is too wide for the terminal is divided, and text is folded, never truncated."""
    from rich.text import Text

    for sheet in sheets:
        fits = console.measure(_grid(sheet)).maximum < console.width
        for part in [sheet] if fits else narrow(sheet):
            console.print(Text(printable(part.title), "bold"), _grid(part))
            for note in (*part.notes, *(part.legend if console.color_system else ())):
                console.print(Text(printable(note), "dim"))
        console.print()


def _grid(sheet: Sheet) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, right in zip(sheet.header, _numeric(sheet), strict=True):
        grid.add_column(Text(printable(name)), justify="right" if right else "left", overflow="fold")
    for line, ends in zip(sheet.lines, _ends(sheet), strict=True):
        cells = (Text(printable(cell.text), "bold" if cell.best else "") for cell in line.cells)
        grid.add_row(*cells, end_section=ends)
    return grid


def markdown(sheets: Sequence[Sheet]) -> str:
    """Return sheets as Markdown: a heading, a pipe table and a list of notes for each."""
    parts = []
    for sheet in sheets:
        rule = ("---:" if right else "---" for right in _numeric(sheet))
        body = (_pipes(map(_markdown_cell, line.cells)) for line in sheet.lines)
        notes = [f"- {escaping.markdown_line(note)}" for note in (*sheet.notes, *sheet.legend)]
        header = _pipes(map(escaping.markdown, sheet.header))
        table = [f"## {escaping.markdown_line(sheet.title)}", "", header, _pipes(rule), *body]
        parts.append("\n".join([*table, *([""] if notes else []), *notes]))
    return "\n\n".join(parts) + "\n"


def latex(sheets: Sequence[Sheet]) -> str:
    """Return sheets as LaTeX tables with booktabs rules; a document needs ``\\usepackage{booktabs}`` and UTF-8."""
    parts = ["% \\usepackage{booktabs}"]
    for sheet in sheets:
        body = []
        for line, ends in zip(sheet.lines, _ends(sheet), strict=True):
            body.append(" & ".join(map(_latex_cell, line.cells)) + r" \\" + (r" \midrule" if ends else ""))
        notes = [rf"\par\footnotesize {escaping.latex(note)}" for note in (*sheet.notes, *sheet.legend)]
        columns = "".join("r" if right else "l" for right in _numeric(sheet))
        parts += [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escaping.latex(sheet.title)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(map(escaping.latex, sheet.header)) + r" \\ \midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *notes,
            r"\end{table}",
        ]
    return "\n".join(parts) + "\n"


def table_csv(rows: Sequence[Row], metrics: Sequence[str] = ()) -> str:
    """Return rows as CSV with unrounded ``NAME mean``, ``NAME std``, ``NAME ci95`` and ``NAME n`` of every metric.

    Args:
        rows: rows in the order of the table.
        metrics: metrics to include; all where empty.

    Raises:
        InputError: no row has one of the metrics.
    """
    every = sorted({name for row in rows for name in row.metrics})
    columns = chosen_columns(rows, metrics) if metrics else every
    words = ["method", "data", "data_title", "class_embedding", "correction", "setting"]
    words += ["protocol", "selection", "fingerprint"]
    parts = ("mean", "std", "ci95", "n")
    header = [*words, "options", "seeds", *(f"{name} {part}" for name in columns for part in parts)]
    table: list[list[object]] = [[*header]]
    for row, differing in zip(rows, options(rows), strict=True):
        of = row.key
        cells: list[object] = [of.method, of.data, of.data_title, of.class_embedding, of.correction, of.setting]
        cells += [
            of.protocol,
            of.policy,
            short_fingerprint(dict(of.fingerprints)),
            differing,
            " ".join(map(str, row.seeds)),
        ]
        for name in columns:
            summary = row.metrics.get(name)
            cells += ["", "", "", 0] if summary is None else [summary.mean, summary.std, summary.ci, summary.n]
        table.append(cells)
    return escaping.csv_text(table)


def _numeric(sheet: Sheet) -> list[bool]:
    return [i >= sheet.words for i in range(len(sheet.header))]


def _ends(sheet: Sheet) -> list[bool]:
    """Tell for each line whether it is the last of its block and another block follows."""
    return [line.block != after.block for line, after in pairwise(sheet.lines)] + [False]


def _pipes(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell) -> str:
    text = escaping.markdown(cell.text).strip()
    return f"**{text}**" if cell.best and text else text


def _latex_cell(cell: Cell) -> str:
    return rf"\textbf{{{escaping.latex(cell.text)}}}" if cell.best else escaping.latex(cell.text)
