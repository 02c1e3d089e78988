"""Section with the table of results, divided by data set, with sorting and filtering."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeAlias

from zsl.outputs.schema import DAGGER
from zsl.reporting.html.gathered import MOST_PLOTTED, Gathered
from zsl.reporting.html.section import Section
from zsl.reporting.sheet import Line, Sheet

WARNING = "warning: "
FOLDED = ("options", "chosen")
"""columns of long texts, which the reader unfolds"""

NumberedLine: TypeAlias = tuple[int, Line]
"""number of a row, and its line of the sheet"""


def section(gathered: Gathered) -> Section:
    """Return every sheet with its warnings and notes."""
    sheets = []
    few = [f"figures of single rows are shown for the best {MOST_PLOTTED} of {len(gathered.rows)} rows, by H or T1"]
    for sheet, (_, own) in zip(gathered.sheets, gathered.by_protocol(), strict=True):
        groups = defaultdict(list)
        for (number, row), line in zip(own, sheet.lines, strict=True):
            groups[row.key.data_title].append((number, line))
        notes = (*sheet.notes, *sheet.legend, *sheet.hints, *few * (len(gathered.rows) > MOST_PLOTTED))
        sheets.append(
            {
                "title": sheet.title,
                "tables": [_table(title, sheet, group) for title, group in groups.items()],
                "notes": [note for note in notes if not note.startswith(WARNING)],
                "warnings": [note.removeprefix(WARNING) for note in notes if note.startswith(WARNING)],
            }
        )
    lead = "Click a heading to sort, again to reverse the order. The name of a method links to its configuration."
    return Section("results", "Results", lead, "results.html", {"sheets": sheets})


def _table(title: str, sheet: Sheet, lines: Sequence[NumberedLine]) -> dict[str, Any]:
    """Return a table without empty columns of numbers; text that all lines share moves to its caption."""
    columns = [[line.cells[j].text for _, line in lines] for j in range(len(sheet.header))]
    data = sheet.header.index("data") if "data" in sheet.header else None
    words = [j for j in range(1, len(columns)) if not sheet.numeric[j]]
    shared = [j for j in words if j == data or (len(set(columns[j])) == 1 and sheet.header[j] not in FOLDED)]
    kept = [j for j, texts in enumerate(columns) if j not in shared and any(texts)]
    blocks = [line.block for _, line in lines]
    return {
        "title": title,
        "shared": [f"{sheet.header[j]}: {columns[j][0]}" for j in shared if j != data and columns[j][0]],
        "columns": [_column(sheet.header[j], sheet.numeric[j]) for j in kept],
        "daggers": sum(sheet.header[j].endswith(DAGGER) for j in kept),
        "first_dagger": next((place for place, j in enumerate(kept) if sheet.header[j].endswith(DAGGER)), None),
        "rows": [(number, [line.cells[j] for j in kept]) for number, line in lines],
        "ends": [a != b for a, b in zip(blocks, [*blocks[1:], blocks[-1]], strict=True)],
    }


def _column(name: str, numeric: bool) -> dict[str, Any]:
    return {"name": name, "numeric": numeric, "dagger": name.endswith(DAGGER), "folded": name in FOLDED}
