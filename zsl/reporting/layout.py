"""Layout of rows as sheets: columns, order and text of every cell, independent of the output format."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from zsl.backbones.pretraining import OVERLAP
from zsl.data.fingerprint import short_fingerprint
from zsl.errors import InputError
from zsl.outputs.schema import DAGGER
from zsl.reporting.best import ONE_SEED, RULE, best, block, higher_is_better, highest, without_interval
from zsl.reporting.chance_notes import MARK, chance_notes
from zsl.reporting.oracle_gap import gap_note, oracle_gaps
from zsl.reporting.table import Row
from zsl.reporting.wording import figure, label, options, seeds

COLUMNS = (
    "T1",
    "u",
    "s",
    "H",
    "AUSUC",
    "u_calibrated",
    "s_calibrated",
    "H_calibrated",
    "N1_skewness",
    "synthetic_near_own",
)
"""metrics that are shown by default where any row has them"""
SECTIONS = {"final": "Test images (protocol final)", "tune": "Validation classes (protocol tune), not test numbers"}
"""protocol -> title of its table"""
FEW = 5
"""number of seeds (or pairs) below which a table warns"""
WARNING = "warning: "
"""prefix of a note that is also logged where the table is written to a file"""

MEAN_OF_H = "H: mean of the H of each seed, which differs from the harmonic mean of the mean u and s"

MOST = 6
"""greatest number of keys in a cell of options; CSV has all of them"""


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
    words: int
    """number of columns of text; the columns after them are numbers"""


def sheets(rows: Sequence[Row], metrics: Sequence[str] = (), std: bool = False) -> list[Sheet]:
    """Return a sheet of test numbers and a sheet of validation numbers, without empty ones, in the order of the rows.

    Raises:
        InputError: no row has one of the metrics.
    """
    columns = chosen_columns(rows, metrics)
    return [
        _sheet(title, own, [name for name in columns if any(name in row.metrics for row in own)], std)
        for protocol, title in SECTIONS.items()
        if (own := [row for row in rows if row.key.protocol == protocol])
    ]


def chosen_columns(rows: Sequence[Row], metrics: Sequence[str] = ()) -> list[str]:
    """Return those of ``metrics`` (default: `COLUMNS`) that some row has, then those that some row has with a †.

    Raises:
        InputError: no row has one of the metrics.
    """
    present = _present(rows)
    for name in metrics:
        if name not in present and name + DAGGER not in present:
            raise unknown(name, present)
    wanted = dict.fromkeys(metrics or COLUMNS)
    return [name for name in wanted if name in present] + [
        name for name in (stem + DAGGER for stem in wanted) if name in present and name not in wanted
    ]


def arrange(rows: Sequence[Row], sort: str | None = None) -> list[Row]:
    """Sort rows by data, features and setting, then by the metric ``sort`` from best to worst, or by `RowKey`.

    Raises:
        InputError: no row has the metric.
    """
    if sort is not None and sort not in _present(rows):
        raise unknown(sort, _present(rows))

    def rank(row: Row) -> tuple[bool, float]:
        if sort is None or sort not in row.metrics:
            return True, 0.0
        mean = row.metrics[sort].mean
        return False, -mean if higher_is_better(sort) else mean

    return sorted(rows, key=lambda row: (block(row.key), rank(row), row.key))


def narrow(sheet: Sheet) -> list[Sheet]:
    """Divide a sheet for narrow terminals, by block and by the metrics that lines have; shared text becomes a title."""
    groups: dict[tuple[int, tuple[bool, ...]], list[Line]] = defaultdict(list)
    for line in sheet.lines:
        groups[line.block, tuple(bool(cell.text) for cell in line.cells[sheet.words :])].append(line)
    parts = [_part(sheet, lines) for lines in groups.values()]
    return [*parts[:-1], replace(parts[-1], notes=sheet.notes, legend=sheet.legend)]


def _part(sheet: Sheet, lines: Sequence[Line]) -> Sheet:
    columns = [[line.cells[j].text for line in lines] for j in range(len(sheet.header))]
    shared = [j for j in range(1, sheet.words) if len(set(columns[j])) == 1]
    kept = [j for j, texts in enumerate(columns) if j not in shared and any(texts)]
    title = " · ".join([sheet.title, *filter(None, (columns[j][0] for j in shared))])
    body = tuple(Line(line.block, tuple(line.cells[j] for j in kept)) for line in lines)
    return Sheet(title, tuple(sheet.header[j] for j in kept), body, (), (), sum(j < sheet.words for j in kept))


def _sheet(title: str, rows: Sequence[Row], columns: Sequence[str], std: bool) -> Sheet:
    differing, corrected = options(rows, MOST), any(row.key.correction != "none" for row in rows)
    bold = {name: best(rows, name) for name in columns}
    numbers = {key: i for i, key in enumerate(dict.fromkeys(block(row.key) for row in rows))}
    lines = []
    for i, row in enumerate(rows):
        of = row.key
        words = [of.method, *[of.correction] * corrected, of.data_title, of.class_embedding, of.setting]
        words += [of.policy, seeds(row.seeds)]
        words += [differing[i]] * any(differing) + [short_fingerprint(dict(of.fingerprints))]
        cells = [Cell(word) for word in words]
        for name in columns:
            summary = row.metrics.get(name)
            text = (
                "" if summary is None else figure(name, summary, len(row.seeds), std) + MARK * (name in row.at_chance)
            )
            cells.append(Cell(text, i in bold[name], summary.mean if summary else None))
        lines.append(Line(numbers[block(of)], tuple(cells)))
    header = ["method", *["correction"] * corrected, "data", "φ", "setting", "selection", "seeds"]
    header += [*["options"] * any(differing), "fingerprint"]
    notes = (*_notes(rows, columns, std), *_few(rows, columns))
    alone = any(without_interval(rows, name) for name in columns if higher_is_better(name))
    legend = (RULE,) * any(bold.values()) + (ONE_SEED,) * alone
    return Sheet(title, (*header, *map(label, columns)), tuple(lines), notes, legend, len(header))


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
    for title, note in dict.fromkeys((row.key.data_title, note) for row in rows for note in row.pretraining):
        yield f"{WARNING if OVERLAP in note else ''}{title}: {note}"
    yield from (f"{WARNING}{warning}" for row in rows for warning in row.warnings)


def _few(rows: Sequence[Row], columns: Sequence[str]) -> Iterator[str]:
    """Yield a warning where the best numbers come from few seeds of methods that draw random numbers."""
    behind: dict[int, int] = {}
    for name in columns:
        for i in (i for i in best(rows, name) | highest(rows, name) if not rows[i].deterministic):
            behind[i] = min(rows[i].metrics[name].n, behind.get(i, FEW))
    if names := dict.fromkeys(f"{rows[i].key.method} ({n})" for i, n in sorted(behind.items()) if n < FEW):
        yield f"{WARNING}the best numbers of {', '.join(names)} come from fewer than {FEW} seeds"


def _present(rows: Sequence[Row]) -> list[str]:
    return sorted({name for row in rows for name in row.metrics})


def unknown(name: str, present: Sequence[str]) -> InputError:
    """Return the error for a metric that no result has."""
    near = difflib.get_close_matches(name, present, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return InputError(f"no result has a metric {name!r}; {guess}choose one of {', '.join(present)}")
