"""Layout of rows as sheets: columns, order and text of every cell, independent of the output format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from zsl.data.pretraining import OVERLAP, brief
from zsl.outputs.schema import DAGGER
from zsl.reporting.best import ONE_SEED, RULE, best, block, higher_is_better, highest, without_interval
from zsl.reporting.chance_notes import MARK, chance_notes
from zsl.reporting.columns import (
    ADDED,
    CALIBRATED,
    NOT_CALIBRATED,
    OPTIONS,
    WORDS,
    column_names,
    described,
    plain,
    require_metric,
)
from zsl.reporting.oracle_gap import gap_note, oracle_gaps
from zsl.reporting.sheet import Cell, Line, Sheet
from zsl.reporting.table import Row
from zsl.reporting.wording import figure, label

SECTIONS = {"final": "Test images (protocol final)", "tune": "Validation classes (protocol tune), not test numbers"}
"""protocol -> title of its table"""
FEW = 5
"""number of seeds (or pairs) below which a table warns"""
WARNING = "warning: "
"""prefix of a note that is also logged where the table is written to a file"""

MEAN_OF_H = "H: mean of the H of each seed, which differs from the harmonic mean of the mean u and s"

Pretraining: TypeAlias = Iterable[tuple[str, Iterable[str]]]
"""titles of data sets, and what their cards say of the pretraining of the backbones; a title may occur repeatedly"""

MOST = 6
"""greatest number of keys in a cell of options; CSV has all of them"""


def sheets(
    rows: Sequence[Row],
    metrics: Sequence[str] = (),
    std: bool = False,
    columns: Sequence[str] = (),
    most: int | None = MOST,
) -> list[Sheet]:
    """Return a sheet of test numbers and a sheet of validation numbers, without empty ones, in the order of the rows.

    Args:
        rows: rows in the order of the table.
        metrics: metrics to show; the default ones where empty.
        std: whether standard deviations are shown.
        columns: columns to show, as :func:`zsl.reporting.columns.column_names` takes them.
        most: greatest number of keys in a cell of options.

    Raises:
        InputError: no row has one of the metrics.
    """
    names = column_names(rows, metrics, columns)
    usual = not metrics and all(name.startswith(ADDED) for name in columns)
    return [
        _sheet(title, own, names, std, list(map(plain, columns)), most, usual)
        for protocol, title in SECTIONS.items()
        if (own := [row for row in rows if row.key.protocol == protocol])
    ]


def arrange(rows: Sequence[Row], sort: str | None = None) -> list[Row]:
    """Sort rows by data, features and setting, then by the metric ``sort`` from best to worst, or by `RowKey`.

    Raises:
        InputError: no row has the metric.
    """
    if sort is not None:
        require_metric(rows, sort)

    def rank(row: Row) -> tuple[bool, float]:
        if sort is None or sort not in row.metrics:
            return True, 0.0
        mean = row.metrics[sort].mean
        return False, -mean if higher_is_better(sort) else mean

    return sorted(rows, key=lambda row: (block(row.key), rank(row), row.key))


def _sheet(
    title: str,
    rows: Sequence[Row],
    names: Sequence[str],
    std: bool,
    asked: Sequence[str],
    most: int | None,
    usual: bool,
) -> Sheet:
    """Return a sheet; columns of words that were not ``asked`` for are left out where they say nothing."""
    words = {name: described(rows, name, most) for name in names if name in WORDS}
    nothing = {name for name, blank in (("correction", "none"), (OPTIONS, "")) if set(words.get(name, ())) <= {blank}}
    columns = [name for name in names if name not in WORDS and any(name in row.metrics for row in rows)]
    kept = [name for name in names if name in columns or (name in WORDS and (name in asked or name not in nothing))]
    cells = {name: list(map(Cell, texts)) for name, texts in words.items()}
    cells |= {name: numbers(rows, name, std) for name in columns}
    blocks = {key: i for i, key in enumerate(dict.fromkeys(block(row.key) for row in rows))}
    lines = tuple(Line(blocks[block(row.key)], tuple(cells[name][i] for name in kept)) for i, row in enumerate(rows))
    return Sheet(
        title,
        tuple(name if name in WORDS else label(name) for name in kept),
        lines,
        notes(rows, columns, std),
        legend(rows, columns, any(cell.best for line in lines for cell in line.cells)),
        tuple(name not in WORDS for name in kept),
        tuple(_hints(rows, kept, usual)),
    )


def numbers(rows: Sequence[Row], name: str, std: bool) -> list[Cell]:
    """Return the cells of a metric, empty where a row does not have it."""
    bold, cells = best(rows, name), []
    for i, row in enumerate(rows):
        summary = row.metrics.get(name)
        mark = MARK * (name in row.at_chance)
        text = "" if summary is None else figure(name, summary, len(row.seeds), std) + mark
        cells.append(Cell(text, i in bold, summary.mean if summary else None))
    return cells


def notes(rows: Sequence[Row], columns: Sequence[str], std: bool) -> tuple[str, ...]:
    """Return the notes below a table of these rows and metrics."""
    return (*_notes(rows, columns, std), *_few(rows, columns))


def pretraining_lines(known: Pretraining) -> list[str]:
    """Return notes below a table on the pretraining of backbones, each once; unseen classes among it are a warning."""
    stated = dict.fromkeys((title, note) for title, notes in known for note in notes)
    return [f"{WARNING if OVERLAP in note else ''}{title}: {note}" for title, note in stated]


def method_lines(known: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
    """Return notes below a table on methods, each once, given methods and what their runs say of them."""
    return list(dict.fromkeys(f"{method}: {note}" for method, notes in known for note in notes))


def statements(rows: Iterable[Row]) -> list[str]:
    """Return notes below a table of these rows on the pretraining of backbones and on methods."""
    known = list(rows)
    trained = pretraining_lines((row.key.data_title, row.pretraining) for row in known)
    return [*trained, *method_lines((row.key.method, row.notes) for row in known)]


def pretraining_cell(known: Pretraining) -> str:
    """Return the same for a cell of CSV, with the titles of data sets where there are several."""
    stated: dict[str, dict[str, None]] = defaultdict(dict)
    for title, notes in known:
        stated[title] |= dict.fromkeys(notes)
    named = len(stated) > 1
    return "; ".join(f"{title}: {brief(notes)}" if named else brief(notes) for title, notes in stated.items() if notes)


def legend(rows: Sequence[Row], columns: Sequence[str], bold: bool) -> tuple[str, ...]:
    """Return the notes on bold numbers."""
    alone = any(without_interval(rows, name) for name in columns if higher_is_better(name))
    return (RULE,) * bold + (ONE_SEED,) * alone


def _hints(rows: Sequence[Row], kept: Sequence[str], usual: bool) -> Iterator[str]:
    lacking = [row for row in rows if "H" in row.metrics and "H_calibrated" not in row.metrics]
    if usual and any(row.key.policy != "validation" for row in lacking):
        yield CALIBRATED
    if usual and any(row.key.policy == "validation" for row in lacking):
        yield NOT_CALIBRATED
    if "chosen" not in kept and any(row.chosen for row in rows):
        yield "hyperparameters were chosen: --columns +chosen shows them"


def _notes(rows: Sequence[Row], columns: Sequence[str], std: bool) -> Iterator[str]:
    if any(row.metrics[name].n > 1 for row in rows for name in columns if name in row.metrics):
        yield "mean ± half width of the 95 % confidence interval over seeds" + std * " (standard deviation)"
    if any(
        row.metrics[name].n > 1 and row.metrics[name].std == 0
        for row in rows
        for name in columns
        if name in row.metrics
    ):
        yield "without ±: every seed gives the same number"
    if any(name.startswith("H") and row.metrics[name].n > 1 for row in rows for name in columns if name in row.metrics):
        yield MEAN_OF_H
    yield from chance_notes(rows, columns)
    if any(name.endswith(DAGGER) for name in columns):
        yield f"{DAGGER} chosen on the test set: an oracle, not comparable with the other columns"
    yield from map(gap_note, oracle_gaps(rows))
    yield from statements(rows)
    yield from (f"{WARNING}{warning}" for row in rows for warning in row.warnings)


def _few(rows: Sequence[Row], columns: Sequence[str]) -> Iterator[str]:
    """Yield a warning where the best numbers come from few seeds of methods that draw random numbers."""
    behind: dict[int, int] = {}
    for name in columns:
        for i in (i for i in best(rows, name) | highest(rows, name) if not rows[i].deterministic):
            behind[i] = min(rows[i].metrics[name].n, behind.get(i, FEW))
    if names := dict.fromkeys(f"{rows[i].key.method} ({n})" for i, n in sorted(behind.items()) if n < FEW):
        yield f"{WARNING}the best numbers of {', '.join(names)} come from fewer than {FEW} seeds"
