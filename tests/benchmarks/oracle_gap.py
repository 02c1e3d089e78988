"""The oracle gap, from the H of every run in a CSV file: its table and figure are those of ``zsl report --oracle``."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.reporting import oracle_gap_plot
from zsl.reporting.oracle_gap import oracle_gaps, oracle_sheets
from zsl.reporting.render import markdown
from zsl.reporting.table import Row, RowKey

POLICIES = {"validation": "H", "test": f"H{DAGGER}"}
"""policy -> name of H in the results of its runs"""
LENGTH = ("method.steps", "method.epochs")
"""keys of what is chosen; where there are both, as of CADA-VAE, epochs are those of the chosen steps"""


@dataclass(frozen=True, order=True)
class Run:
    """What identifies a run: data, method, ``10x256`` for epochs and widths, who chose, and the seed."""

    data: str
    method: str
    size: str
    policy: str
    seed: int


@dataclass(frozen=True)
class Found:
    """The number of epochs that was chosen, or of steps of CADA-VAE, H in percent, and the precision of training."""

    chosen: int
    H: float
    precision: str


def found(result: Result) -> Found:
    """Return what a run with a choice found."""
    chosen = next(result.selection.chosen[key] for key in LENGTH if key in result.selection.chosen)
    H = round(result.metrics[POLICIES[result.selection.policy]], 5)
    return Found(chosen, H, str(result.config["trainer"]["precision"]))


def read(file: Path) -> dict[Run, Found]:
    """Return the runs that a file holds; none if there is no file."""
    if not file.is_file():
        return {}
    with file.open(newline="") as lines:
        return {
            Run(line["data"], line["method"], line["size"], line["policy"], int(line["seed"])): Found(
                int(line["chosen"]), float(line["H"]), line["precision"]
            )
            for line in csv.DictReader(lines)
        }


def write(file: Path, runs: Mapping[Run, Found]) -> None:
    """Write all runs, sorted."""
    names = [each.name for each in (*fields(Run), *fields(Found))]
    with file.open("w", newline="") as lines:
        table = csv.DictWriter(lines, names, lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(run) | asdict(runs[run]) for run in sorted(runs))


def rows(runs: Mapping[Run, Found], titles: Mapping[str, str]) -> list[Row]:
    """Return the runs of each method and policy, seed by seed, as a row of a report."""
    of: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
    for run, each in sorted(runs.items()):
        of[run.data, run.method, run.policy][run.seed] = each.H
    objective = (("selection.objective", json.dumps("H_raw")),)
    return [
        Row(
            RowKey(titles[data], data, "", method, "", "none", policy, "final", (), objective),
            tuple(by_seed),
            {},
            runs=tuple({POLICIES[policy]: H} for H in by_seed.values()),
        )
        for (data, method, policy), by_seed in of.items()
    ]


def table(given: Iterable[Row]) -> str:
    """Return the table of the oracle gap, in Markdown."""
    return markdown(oracle_sheets(list(given))).strip()


def draw(given: Iterable[Row], file: Path) -> None:
    """Draw the figure of the oracle gap."""
    file.write_bytes(oracle_gap_plot.draw(oracle_gaps(list(given)), file.suffix[1:]))
