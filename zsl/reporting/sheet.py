"""Tables as texts: sheets with a title, a header, lines of cells and notes, and their parts for narrow places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Cell:
    """Text of a cell, whether it is bold, and its unrounded value if it is a number."""

    text: str
    best: bool = False
    value: float | None = None


@dataclass(frozen=True)
class Line:
    """One row of a table as cells; lines of one ``block`` are comparable with each other."""

    block: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Sheet:
    """One table with its title and notes."""

    title: str
    header: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    legend: tuple[str, ...]
    """notes on bold numbers, for formats that can show them"""
    numeric: tuple[bool, ...]
    """for each column whether it holds numbers, which stand at its right edge"""
    hints: tuple[str, ...] = ()
    """how to get what the table lacks, for formats that are read on a screen"""


def numbers_after(words: int, header: Sequence[str]) -> tuple[bool, ...]:
    """Return `Sheet.numeric` of a table that begins with this many columns of text."""
    return tuple(j >= words for j in range(len(header)))


def narrow(sheet: Sheet) -> list[Sheet]:
    """Divide a sheet for narrow terminals, by block and by the metrics that lines have; shared text becomes a title."""
    groups: dict[tuple[int, tuple[bool, ...]], list[Line]] = defaultdict(list)
    for line in sheet.lines:
        has = tuple(bool(cell.text) for cell, number in zip(line.cells, sheet.numeric, strict=True) if number)
        groups[line.block, has].append(line)
    parts = [
        without_shared(replace(sheet, lines=tuple(lines), notes=(), legend=(), hints=())) for lines in groups.values()
    ]
    return [*parts[:-1], replace(parts[-1], notes=sheet.notes, legend=sheet.legend, hints=sheet.hints)]


def without_shared(sheet: Sheet) -> Sheet:
    """Move text that all lines share to the title, and leave out empty columns."""
    columns = [[line.cells[j].text for line in sheet.lines] for j in range(len(sheet.header))]
    shared = [j for j in range(1, len(columns)) if not sheet.numeric[j] and len(set(columns[j])) == 1]
    title = " · ".join([sheet.title, *filter(None, (columns[j][0] for j in shared))])
    return replace(part(sheet, [j for j, texts in enumerate(columns) if j not in shared and any(texts)]), title=title)


def part(sheet: Sheet, kept: Sequence[int]) -> Sheet:
    """Return a sheet of some of its columns."""
    return replace(
        sheet,
        header=tuple(sheet.header[j] for j in kept),
        lines=tuple(Line(line.block, tuple(line.cells[j] for j in kept)) for line in sheet.lines),
        numeric=tuple(sheet.numeric[j] for j in kept),
    )
