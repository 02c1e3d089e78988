"""CSV files in ``csv/``: losses by step, and the tables of the result."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger

from zsl.files.atomic import write_text
from zsl.files.escaping import csv_text
from zsl.files.regular_file import open_regular
from zsl.outputs.result import Result
from zsl.tracking.tables import tables
from zsl.tracking.tracker import RunDescription

METRICS = "metrics.csv"
TABLES = ("summary.csv", "per_class.csv", "curve.csv", "trials.csv")


class CSV:
    """Tracker that writes CSV files.

    During training ``metrics.csv`` (losses by step, in Lightning's format) and ``hparams.yaml``; after the run
    ``summary.csv``, ``per_class.csv``, ``curve.csv`` and ``trials.csv``. A resumed run appends to ``metrics.csv`` from
    the step of its checkpoint; later rows of the interrupted run are removed.
    """

    def begin(self, description: RunDescription) -> None:
        """Start new files; a resumed run keeps the rows of the interrupted run."""
        self.description, self.folder = description, description.output / "csv"
        self.earlier = _rows(self.folder / METRICS) if description.resumed else []
        self._start(self.earlier)

    def trial(self, number: int, trial: Mapping[str, Any]) -> None:
        """Do nothing: ``trials.csv`` is written after the run."""

    def step(self, number: int, losses: Mapping[str, float]) -> None:
        """Write a row to ``metrics.csv``."""
        kept = [row for row in self.earlier if int(row["step"]) < number]
        if len(kept) < len(self.earlier):
            self._start(kept)
        self.earlier = []
        self.logger.log_metrics(dict(losses), number)
        self.logger.save()

    def record(self, result: Result, output: Path) -> None:  # noqa: ARG002
        """Write ``summary.csv`` and the tables of the result."""
        _write(self.folder / "summary.csv", ["metric", "value"], result.metrics.items())
        for name, table in tables(result).items():
            _write(self.folder / f"{name}.csv", table.columns, table.rows)

    def close(self, finished: bool) -> None:
        """Do nothing: every row is on disk already."""

    def _start(self, rows: Sequence[Mapping[str, str]]) -> None:
        for name in (METRICS, "hparams.yaml", *TABLES):
            (self.folder / name).unlink(missing_ok=True)
        self.logger = CSVLogger(self.description.output, name=self.folder.name, version="")
        self.logger.log_hyperparams({**self.description.config, **self.description.facts})
        for row in rows:
            losses = {name: value for name, value in row.items() if name != "step" and value}
            self.logger.log_metrics(losses, int(row["step"]))  # type: ignore[arg-type]
        self.logger.save()


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with io.TextIOWrapper(open_regular(path), encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    write_text(path, csv_text([columns, *rows]))
