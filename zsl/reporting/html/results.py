"""The table: the same cells and notes as in the terminal, to be sorted and filtered."""

from __future__ import annotations

from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.section import Section
from zsl.reporting.layout import Sheet
from zsl.reporting.schema import DAGGER

WARNING = "warning: "


def section(gathered: Gathered) -> Section:
    """A table for test images and one for validation classes."""
    tables = [
        {
            "title": " · ".join([sheet.title, *(sheet.lines[0].cells[j].text for j in shared)]),
            "header": [sheet.header[j] for j in kept],
            "words": sum(j < sheet.words for j in kept),
            "rows": [
                (number, [line.cells[j] for j in kept]) for (number, _), line in zip(own, sheet.lines, strict=True)
            ],
            "daggers": sum(name.endswith(DAGGER) for name in sheet.header),
            "notes": [note for note in (*sheet.notes, *sheet.legend) if not note.startswith(WARNING)],
            "warnings": [note.removeprefix(WARNING) for note in sheet.notes if note.startswith(WARNING)],
            "ends": _ends(sheet),
        }
        for sheet, (_, own) in zip(gathered.sheets, gathered.by_protocol(), strict=True)
        for kept, shared in [_columns(sheet)]
    ]
    lead = "A heading sorts, from best to worst and back. The name of a method leads to its configuration."
    return Section("results", "Results", lead, "results.html", {"tables": tables})


def _columns(sheet: Sheet) -> tuple[list[int], list[int]]:
    """Which columns stand in the table, and which hold one word for all lines, which stands above it."""
    shared = [j for j in range(1, sheet.words) if len({line.cells[j].text for line in sheet.lines}) == 1]
    return [j for j in range(len(sheet.header)) if j not in shared], shared


def _ends(sheet: Sheet) -> list[bool]:
    """Which lines close a block that another one follows."""
    blocks = [line.block for line in sheet.lines]
    return [a != b for a, b in zip(blocks, [*blocks[1:], *blocks[-1:]], strict=True)]
