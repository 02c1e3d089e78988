"""Columns of a table: which are shown, their order, and the text of those that describe a row."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence, Set

from zsl.data.fingerprint import short_fingerprint
from zsl.data.pretraining import brief
from zsl.errors import InputError
from zsl.outputs.schema import DAGGER
from zsl.reporting.chosen import chosen
from zsl.reporting.table import Row
from zsl.reporting.wording import options, seeds

METRICS = (
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
DESCRIPTIVE: Mapping[str, Callable[[Row], str]] = {
    "method": lambda row: row.key.method,
    "correction": lambda row: row.key.correction,
    "data": lambda row: row.key.data_title,
    "φ": lambda row: row.key.class_embedding,
    "setting": lambda row: row.key.setting,
    "selection": lambda row: row.key.policy,
    "seeds": lambda row: seeds(row.seeds),
    "chosen": chosen,
    "pretraining": lambda row: brief(row.pretraining),
    "fingerprint": lambda row: short_fingerprint(dict(row.key.fingerprints)),
}
"""heading of a column that describes a row -> its text; besides these there is `OPTIONS`, which depends on all rows"""
OPTIONS = "options"
BEFORE = ("method", "correction", "data", "φ", "setting", "selection", "seeds", OPTIONS)
"""columns before the numbers, by default"""
AFTER = ("fingerprint",)
"""columns after the numbers, by default"""
WORDS = frozenset({*DESCRIPTIVE, OPTIONS})
ALIASES = {"phi": "φ", "class_embedding": "φ"}
ADDED = "+"
"""prefix of a column that is shown besides the default ones"""


def column_names(rows: Sequence[Row], metrics: Sequence[str] = (), asked: Sequence[str] = ()) -> list[str]:
    """Return the names of the columns of a table in order: words of `WORDS`, and metrics.

    Args:
        rows: rows of the table.
        metrics: metrics to show; `METRICS` where empty.
        asked: columns to show in this order; with names of metrics, these are the metrics, else the metrics come last.
            Where one begins with +, all are shown besides the default columns.

    Raises:
        InputError: no row has one of the metrics, or metrics are given twice.
    """
    words = list(map(plain, asked))
    numbers = [name for name in words if name not in WORDS]
    _require_columns(numbers, _present(rows))
    if not asked or any(name.startswith(ADDED) for name in asked):
        present = _present(rows)
        base = metrics or [name for name in METRICS if {name, name + DAGGER} & present] if numbers else metrics
        more = [name for name in words if name in WORDS and name not in (*BEFORE, *AFTER)]
        return [*BEFORE, *chosen_metrics(rows, [*base, *numbers]), *more, *AFTER]
    if numbers and metrics:
        raise InputError(f"--metrics: --columns names metrics too ({', '.join(numbers)}); give them in one of the two")
    found = chosen_metrics(rows, numbers or metrics)
    names = [name for name in dict.fromkeys(words) if name in WORDS or name in found]
    place = max((i + 1 for i, name in enumerate(names) if name in found), default=len(names))
    return [*names[:place], *(name for name in found if name not in names), *names[place:]]


def plain(asked: str) -> str:
    """Return the name of a column as `column_names` returns it."""
    name = asked.removeprefix(ADDED)
    return ALIASES.get(name, name)


def chosen_metrics(rows: Sequence[Row], metrics: Sequence[str] = ()) -> list[str]:
    """Return those of ``metrics`` (default: `METRICS`) that some row has, then those that some row has with a †.

    Raises:
        InputError: no row has one of the metrics.
    """
    present = _present(rows)
    for name in metrics:
        if name not in present and name + DAGGER not in present:
            raise unknown(name, sorted(present))
    wanted = dict.fromkeys(metrics or METRICS)
    return [name for name in wanted if name in present] + [
        name for name in (stem + DAGGER for stem in wanted) if name in present and name not in wanted
    ]


def described(rows: Sequence[Row], name: str, most: int | None = None) -> list[str]:
    """Return the text of a column of `WORDS` for every row; beyond ``most``, options are only counted."""
    return options(rows, most) if name == OPTIONS else list(map(DESCRIPTIVE[name], rows))


def require_metric(rows: Sequence[Row], name: str) -> None:
    """Refuse a metric that no row has.

    Raises:
        InputError: no row has the metric.
    """
    if name not in (present := _present(rows)):
        raise unknown(name, sorted(present))


def unknown(name: str, present: Sequence[str]) -> InputError:
    """Return the error for a metric that no result has."""
    if "_calibrated" in name:
        return InputError(f"no result has a metric {name!r}; {CALIBRATED}")
    near = difflib.get_close_matches(name, present, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return InputError(f"no result has a metric {name!r}; {guess}choose one of {', '.join(present)}")


CALIBRATED = "calibrated numbers need a choice on validation classes: zsl train selection=validation"
"""how to get the metrics that end in _calibrated"""
NOT_CALIBRATED = (
    "no calibrated numbers where selection=validation held out no image of a train class: more images (data.shots), or "
    "protocol.seen_holdout, give some"
)
"""why runs that chose on validation classes may lack these"""


def _require_columns(names: Sequence[str], present: Set[str]) -> None:
    for name in names:
        if name not in present and name + DAGGER not in present and "_calibrated" not in name:
            near = difflib.get_close_matches(name, [*sorted(WORDS), *sorted(present)], n=1, cutoff=0.5)
            guess = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(
                f"--columns {name}: is neither a column nor a metric of these results; {guess}"
                f"columns: {', '.join(sorted(WORDS))}; metrics: {', '.join(sorted(present))}"
            )


def _present(rows: Sequence[Row]) -> set[str]:
    return {name for row in rows for name in row.metrics}
