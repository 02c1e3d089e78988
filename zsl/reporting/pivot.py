"""Pivot of a table: methods as lines, data sets as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zsl.data.fingerprint import short_fingerprint
from zsl.errors import InputError
from zsl.files.escaping import csv_text
from zsl.reporting.best import block
from zsl.reporting.columns import OPTIONS, chosen_metrics, described, plain
from zsl.reporting.layout import MOST, SECTIONS, legend, notes, numbers, pretraining_cell
from zsl.reporting.sheet import Cell, Line, Sheet, numbers_after, without_shared
from zsl.reporting.table import Row
from zsl.reporting.wording import label, options, seeds

WORDS = ("method", "correction", "φ", "setting", "selection", OPTIONS, "seeds")
"""columns that describe a line"""


@dataclass(frozen=True)
class Pivot:
    """Numbers of rows of one protocol by line and by data set."""

    data: tuple[str, ...]
    """headings of the data sets"""
    metrics: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    """for each line the texts of `WORDS`"""
    rows: tuple[Mapping[int, int], ...]
    """for each line: position of a data set -> position of its row"""


def pivot_sheets(
    rows: Sequence[Row], metrics: Sequence[str], std: bool = False, columns: Sequence[str] = ()
) -> list[Sheet]:
    """Return a sheet of test numbers and one of validation numbers, with a column for each data set and metric.

    Args:
        rows: rows in the order of the table.
        metrics: metrics to show.
        std: whether standard deviations are shown.
        columns: columns of `WORDS` to show, in this order; by default those in which lines differ.

    Raises:
        InputError: no row has one of the metrics, or a column is none of `WORDS`.
    """
    words = _words(columns)
    return [
        _sheet(title, own, pivot(own, names, MOST), words, bool(columns), std)
        for protocol, title in SECTIONS.items()
        if (own := [row for row in rows if row.key.protocol == protocol])
        if (names := [name for name in chosen_metrics(rows, metrics) if any(name in row.metrics for row in own)])
    ]


def pivot_csv(rows: Sequence[Row], metrics: Sequence[str], columns: Sequence[str] = ()) -> str:
    """Return unrounded numbers as CSV: for each data set and metric the mean, std, ci95 and n.

    Raises:
        InputError: no row has one of the metrics, or a column is none of `WORDS`.
    """
    names, parts, words = chosen_metrics(rows, metrics), ("mean", "std", "ci95", "n"), _words(columns)
    found = [
        (protocol, own, pivot(own, names))
        for protocol in SECTIONS
        if (own := [row for row in rows if row.key.protocol == protocol])
    ]
    places = [(title, name) for title in dict.fromkeys(t for *_, each in found for t in each.data) for name in names]
    heads = ["class_embedding" if word == "φ" else word for word in words]
    figures = [f"{title} {name} {part}" for title, name in places for part in parts]
    table: list[list[object]] = [[*heads, "protocol", *figures, "pretraining"]]
    for protocol, own, each in found:
        for texts, line in zip(each.words, each.rows, strict=True):
            cells: list[object] = [*(texts[WORDS.index(word)] for word in words), protocol]
            by_title = {each.data[place]: own[i] for place, i in line.items()}
            for title, name in places:
                summary = by_title[title].metrics.get(name) if title in by_title else None
                cells += ["", "", "", 0] if summary is None else [summary.mean, summary.std, summary.ci, summary.n]
            table.append([*cells, pretraining_cell((title, row.pretraining) for title, row in by_title.items())])
    return csv_text(table)


def pivot(rows: Sequence[Row], metrics: Sequence[str], most: int | None = None) -> Pivot:
    """Return the lines of rows: those that are alike but for their data stand in one line.

    Rows of one line and one data set never meet in a cell: what tells them apart, at least their fingerprint, is named
    among the options.
    """
    rows_of = [i for i, row in enumerate(rows) if not row.metrics.keys().isdisjoint(metrics)]
    differing = options([rows[i] for i in rows_of], most, across_data=True)
    data = list(dict.fromkeys(_data(rows[i]) for i in rows_of))
    looks = [(*_look(rows[i]), text) for i, text in zip(rows_of, differing, strict=True)]
    places = [data.index(_data(rows[i])) for i in rows_of]
    together = Counter(zip(looks, places, strict=True))
    lines: dict[tuple[str, ...], dict[int, int]] = {}
    for i, look, place in zip(rows_of, looks, places, strict=True):
        if together[look, place] > 1:
            prints = f"fingerprint={short_fingerprint(dict(rows[i].key.fingerprints))}"
            look = (*look[:-1], " ".join(filter(None, [look[-1], prints])))
        lines.setdefault(look, {})[place] = i
    ordered = sorted(lines.items(), key=lambda item: item[0][_SETTING])
    return Pivot(
        tuple(_titles(data)),
        tuple(metrics),
        tuple((*look, _seeds([rows[i] for i in line.values()])) for look, line in ordered),
        tuple(line for _, line in ordered),
    )


_SETTING = WORDS.index("setting")


def _look(row: Row) -> tuple[str, ...]:
    return tuple(described([row], word)[0] for word in WORDS[: WORDS.index(OPTIONS)])


def _data(row: Row) -> tuple[str, tuple[tuple[str, str], ...]]:
    title, prints, _ = block(row.key)
    return title, prints


def _titles(data: Sequence[tuple[str, tuple[tuple[str, str], ...]]]) -> list[str]:
    counts = Counter(title for title, _ in data)
    return [title if counts[title] == 1 else f"{title} [{short_fingerprint(dict(prints))}]" for title, prints in data]


def _seeds(rows: Sequence[Row]) -> str:
    texts = {seeds(row.seeds) for row in rows}
    counts = sorted(len(row.seeds) for row in rows)
    return texts.pop() if len(texts) == 1 else f"{counts[0]}–{counts[-1]}" if counts[0] < counts[-1] else str(counts[0])


def _words(columns: Sequence[str]) -> list[str]:
    words = list(dict.fromkeys(map(plain, columns))) or list(WORDS)
    if wrong := [word for word in words if word not in WORDS]:
        raise InputError(f"--columns {wrong[0]}: --pivot names the metrics; choose from {', '.join(WORDS)}")
    return words


def _sheet(title: str, rows: Sequence[Row], found: Pivot, words: Sequence[str], asked: bool, std: bool) -> Sheet:
    cells = {name: numbers(rows, name, std) for name in found.metrics}
    # every metric of one data set stands beside the others, as in the tables of papers
    places = [
        (place, name)
        for place in range(len(found.data))
        for name in found.metrics
        if any(place in line and cells[name][line[place]].text for line in found.rows)
    ]
    alone = len(found.metrics) == 1
    header = [*words, *(found.data[place] + ("" if alone else f" {label(name)}") for place, name in places)]
    blocks = {setting: i for i, setting in enumerate(dict.fromkeys(texts[_SETTING] for texts in found.words))}
    lines = []
    for texts, line in zip(found.words, found.rows, strict=True):
        own = [Cell(texts[WORDS.index(word)]) for word in words]
        own += [cells[name][line[place]] if place in line else Cell("") for place, name in places]
        lines.append(Line(blocks[texts[_SETTING]], tuple(own)))
    bold = any(cell.best for line in lines for cell in line.cells)
    made = Sheet(
        ", ".join([*map(label, found.metrics), title]),
        tuple(header),
        tuple(lines),
        notes(rows, found.metrics, std),
        legend(rows, found.metrics, bold),
        numbers_after(len(words), header),
    )
    return made if asked else without_shared(replace(made, lines=_without_none(made)))


def _without_none(sheet: Sheet) -> tuple[Line, ...]:
    """Return lines without the correction where no line has one."""
    place = sheet.header.index("correction")
    if {line.cells[place].text for line in sheet.lines} != {"none"}:
        return sheet.lines
    return tuple(replace(line, cells=(*line.cells[:place], Cell(""), *line.cells[place + 1 :])) for line in sheet.lines)
