"""Tables of a result as columns and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from zsl.outputs.result import Result


class Table(NamedTuple):
    """Columns, and rows with one value per column; None where a row has no value."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def tables(result: Result) -> dict[str, Table]:
    """Return the tables ``per_class``, ``curve`` and ``trials`` that are not empty."""
    found = {"per_class": _per_class(result), "curve": _curve(result), "trials": _trials(result)}
    return {name: table for name, table in found.items() if table.rows}


def _per_class(result: Result) -> Table:
    names = dict.fromkeys(name for values in result.per_class.values() for name in values)
    rows = [[name, *(values.get(name) for values in result.per_class.values())] for name in names]
    return Table(["class", *result.per_class], rows)


def _curve(result: Result) -> Table:
    return Table([*result.curve], list(zip(*result.curve.values(), strict=True)))


def _trials(result: Result) -> Table:
    flat = [flat_trial(trial) for trial in result.selection.trials]
    columns = list(dict.fromkeys(name for trial in flat for name in trial))
    rows = [[number, *(trial.get(name) for name in columns)] for number, trial in enumerate(flat, start=1)]
    return Table(["trial", *columns], rows)


def flat_trial(trial: Any) -> dict[str, Any]:
    """Flatten a trial of ``selection.trials``: ``chosen.KEY`` and ``correction.KEY`` instead of nested mappings."""
    chosen = {f"chosen.{key}": value for key, value in trial.get("chosen", {}).items()}
    correction = {f"correction.{key}": value for key, value in trial.get("correction", {}).items()}
    return {
        **chosen,
        **correction,
        **{key: value for key, value in trial.items() if key not in ("chosen", "correction")},
    }
