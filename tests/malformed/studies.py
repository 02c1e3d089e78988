"""Malformed databases of searches."""

from __future__ import annotations

import functools
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.malformed.genuine import SEARCH, changed, made, replaced
from tests.malformed.law import Case


def cases() -> Iterator[Case]:
    """Yield every case."""
    for name, spoil in _STUDIES.items():
        yield Case(f"study {name}", functools.partial(_study, spoil), says=("search.",))


def _sql(*statements: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with sqlite3.connect(path) as database:
            for statement in statements:
                database.execute(statement)
        database.close()

    return spoil


_STUDIES: dict[str, Callable[[Path], None]] = {
    "text": changed(lambda _: b"a study of many things " * 100),
    "cut": changed(lambda content: content[: len(content) // 2]),
    "without trials": _sql("DROP TABLE trials"),
    "without parameters": _sql("DROP TABLE trial_params"),
    "without values of parameters": _sql("DELETE FROM trial_params"),
    "other version": _sql("UPDATE alembic_version SET version_num = 'v99.0.0.a'"),
    "slot is text": _sql("""UPDATE trial_user_attributes SET value_json = '"first"' WHERE key = 'slot'"""),
    "slot is no JSON": _sql("UPDATE trial_user_attributes SET value_json = '{' WHERE key = 'slot'"),
    "found is a number": _sql("UPDATE trial_user_attributes SET value_json = '1' WHERE key = 'found'"),
    "found has more": _sql(
        """UPDATE trial_user_attributes SET value_json = '{"chosen": {}, "T2": 1}' WHERE key = 'found'"""
    ),
    "identity is no JSON": _sql("UPDATE study_user_attributes SET value_json = '{'"),
    "identity is a number": _sql("UPDATE study_user_attributes SET value_json = '1'"),
    "state": _sql("UPDATE trials SET state = 'DONE'"),
    "time": _sql("UPDATE trials SET datetime_start = 'noon'"),
    "direction": _sql("UPDATE study_directions SET direction = 'UP'"),
    "value is text": _sql("UPDATE trial_values SET value = 'high'"),
    "distribution": _sql("UPDATE trial_params SET distribution_json = '{}'"),
    "parameter": _sql("UPDATE trial_params SET param_value = 99"),
    "points exchanged": _sql("UPDATE trial_params SET param_value = 1 - param_value WHERE param_name = 'gamma'"),
    "slot beyond the grid": _sql(
        "UPDATE trial_user_attributes SET value_json = '7' WHERE key = 'slot' AND trial_id = 2"
    ),
    "a folder": replaced(lambda path: path.mkdir()),
}


def _study(spoil: Callable[[Path], None], folder: Path) -> Sequence[str]:
    shutil.copytree(made("study"), folder / "runs")
    (folder / "runs" / "result.json").unlink()
    spoil(folder / "runs" / "study.db")
    return ("sweep", *SEARCH)
