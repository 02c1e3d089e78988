"""Content of a page: rows of the table, their runs, and names of rows in figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from zsl.data.fingerprint import short_fingerprint
from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.reporting.layout import SECTIONS
from zsl.reporting.sheet import Sheet
from zsl.reporting.table import Row, RowKey
from zsl.reporting.wording import options

Numbered: TypeAlias = tuple[int, Row]
"""number of a row, which identifies it on the page, and the row"""

MOST_PLOTTED = 200
"""greatest number of rows with figures of their own, to limit the size of the page"""
MOST = 3
"""greatest number of options in the name of a row"""


@dataclass(frozen=True)
class Gathered:
    """Rows in the order of the table, every result by its path, and the table itself."""

    rows: Sequence[Row]
    results: Mapping[Path, Result]
    sheets: Sequence[Sheet]

    def runs(self, row: Row) -> list[Result]:
        """Return the results of a row, one per seed."""
        return [self.results[path] for path in row.paths]

    def typical(self, row: Row) -> Result | None:
        """Return the run with the median AUSUC (the lower of two) among those with a curve, or None."""
        runs = [run for run in self.runs(row) if len(run.curve.get("u", ())) > 1]
        ranked = sorted(
            runs, key=lambda run: (run.metrics.get("AUSUC", run.metrics.get("AUSUC" + DAGGER, 0.0)), run.seed)
        )
        return ranked[(len(ranked) - 1) // 2] if ranked else None

    def sort_key(self, row: Row) -> tuple[bool, float]:
        """Return a key that sorts rows by H, or T1 without H, best first, and rows chosen on the test set last."""
        metric = next((name for name in ("H", "H" + DAGGER, "T1", "T1" + DAGGER) if name in row.metrics), None)
        return row.key.policy == "test", -row.metrics[metric].mean if metric else 0.0

    @cached_property
    def plotted(self) -> list[Numbered]:
        """Rows with figures of their own in the order of the table: the best `MOST_PLOTTED`."""
        ranked = sorted(enumerate(self.rows), key=lambda pair: self.sort_key(pair[1]))
        return sorted(ranked[:MOST_PLOTTED], key=lambda pair: pair[0])

    @cached_property
    def names(self) -> list[str]:
        """Names of rows in figures: the method, and what distinguishes the row from others on the same data."""
        groups = defaultdict(list)
        for i, row in enumerate(self.rows):
            groups[row.key.protocol, row.key.data_title].append(i)
        names = [""] * len(self.rows)
        for group in groups.values():
            own = [self.rows[i] for i in group]
            for i, name in zip(group, _names(own), strict=True):
                names[i] = name
        return names

    def by_protocol(self) -> list[tuple[str, list[Numbered]]]:
        """Return the title and the rows of every sheet."""
        groups = {
            title: [(i, row) for i, row in enumerate(self.rows) if row.key.protocol == protocol]
            for protocol, title in SECTIONS.items()
        }
        return [(title, own) for title, own in groups.items() if own]

    def by_data(self) -> Iterator[tuple[str, list[Numbered]]]:
        """Yield the title and the rows of every data set, per sheet; such rows may share a figure."""
        sheets = self.by_protocol()
        for words, rows in sheets:
            groups = defaultdict(list)
            for number, row in rows:
                groups[row.key.data_title].append((number, row))
            for title, own in groups.items():
                yield f"{title}: {words}" if len(sheets) > 1 else title, own


def _names(rows: Sequence[Row]) -> list[str]:
    of = [row.key for row in rows]
    parts = [[one.method if one.correction == "none" else f"{one.method} + {one.correction}"] for one in of]
    for values in (
        [one.class_embedding for one in of],
        [one.setting for one in of],
        [_selection(one) for one in of],
        [short_fingerprint(dict(one.fingerprints)) for one in of] if _ambiguous(of) else [""],
    ):
        if len(set(values)) > 1:
            for words, value in zip(parts, values, strict=True):
                words.append(value)
    for words, differing in zip(parts, options(rows, MOST), strict=True):
        words.append(differing)
    return [" · ".join(filter(None, words)) for words in parts]


def _selection(of: RowKey) -> str:
    return f"chosen on test {DAGGER}" if of.policy == "test" else of.policy


def _ambiguous(of: Sequence[RowKey]) -> bool:
    looks = Counter(
        (one.method, one.class_embedding, one.correction, one.setting, one.policy, one.config) for one in of
    )
    return max(looks.values()) > 1
