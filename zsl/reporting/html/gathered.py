"""What a page is about: rows of the table, the runs behind them, and how rows are called in figures."""

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
from zsl.reporting.layout import SECTIONS, Sheet
from zsl.reporting.table import Row, RowKey
from zsl.reporting.wording import options

Numbered: TypeAlias = tuple[int, Row]
"""a row and its number, which stands for it all over the page"""

DRAWN = 200
"""rows with figures of their own: a page on thousands of runs would be too large to open"""
MOST = 3
"""options in a row's name"""


@dataclass(frozen=True)
class Gathered:
    """Rows in the order of the table, every result by its path, and the table itself."""

    rows: Sequence[Row]
    results: Mapping[Path, Result]
    sheets: Sequence[Sheet]

    def runs(self, row: Row) -> list[Result]:
        """The results that count, one a seed."""
        return [self.results[path] for path in row.paths]

    def typical(self, row: Row) -> Result | None:
        """The run whose AUSUC is the median one (of an even number the lower), of those with a curve: the one drawn."""
        runs = [run for run in self.runs(row) if len(run.curve.get("u", ())) > 1]
        ranked = sorted(
            runs, key=lambda run: (run.metrics.get("AUSUC", run.metrics.get("AUSUC" + DAGGER, 0.0)), run.seed)
        )
        return ranked[(len(ranked) - 1) // 2] if ranked else None

    def standing(self, row: Row) -> tuple[bool, float]:
        """Sorts rows by H, or T1 where there is none, from best to worst, those chosen on the test set last."""
        metric = next((name for name in ("H", "H" + DAGGER, "T1", "T1" + DAGGER) if name in row.metrics), None)
        return row.key.policy == "test", -row.metrics[metric].mean if metric else 0.0

    @cached_property
    def drawn(self) -> list[Numbered]:
        """The rows with figures of their own, in the order of the table: all, of very many the `DRAWN` best."""
        ranked = sorted(enumerate(self.rows), key=lambda pair: self.standing(pair[1]))
        return sorted(ranked[:DRAWN], key=lambda pair: pair[0])

    @cached_property
    def names(self) -> list[str]:
        """What rows are called in figures: the method, and of all else what tells it from others on the same data."""
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
        """The rows of every sheet, under its title."""
        groups = {
            title: [(i, row) for i, row in enumerate(self.rows) if row.key.protocol == protocol]
            for protocol, title in SECTIONS.items()
        }
        return [(title, own) for title, own in groups.items() if own]

    def by_data(self) -> Iterator[tuple[str, list[Numbered]]]:
        """Rows that one figure may hold, under the name of their data set (and of their sheet, if there are two)."""
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
