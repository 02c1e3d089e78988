"""What experiments claim and what their runs found, as sheets: a summary, and the numbers of each with their origin."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zsl.data.fingerprint import short
from zsl.errors import InputError
from zsl.recalled import command as recalled
from zsl.reporting.layout import FEW, Cell, Line, Sheet
from zsl.reporting.published import DECISIVE, METRICS, Comparison, claims, compare, features
from zsl.reporting.result import Result
from zsl.reporting.table import Identity, Row, identity, rows
from zsl.reporting.wording import DECIMALS, figure, seeds

KEY = "experiments"
COLUMNS = (
    *("experiment", "data", "data_title", "features", "metric", "mean", "std", "ci95", "n"),
    *("published", "verified", "source", "difference", "verdict", "command", "results"),
)
OF_A_JOB = re.compile(r"-seed\d+-[0-9a-f]{8}/")
NONE = "no published number"
PER_JOB = ("seed=", "paths.output=", "resume=", "rerun=")
"""overrides that tell the jobs of one row apart"""


@dataclass(frozen=True)
class Reproduction:
    """One experiment on one data set: the row of its runs, one of them, where all lie, and what was claimed."""

    experiment: str
    row: Row
    example: Result
    paths: tuple[Path, ...]
    comparisons: tuple[Comparison, ...]


def reproductions(results: Mapping[Path, Result]) -> list[Reproduction]:
    """Runs of experiments, by experiment and by all that may not be averaged; runs of none are left out.

    Raises:
        InputError: no run is one of an experiment, or a claim cannot be as it stands.
    """
    groups: dict[tuple[str, Identity], dict[Path, Result]] = defaultdict(dict)
    for path, result in results.items():
        if name := experiment(result):
            groups[name, identity(result)][path] = result
    if not groups:
        raise InputError("no run of an experiment among these results; zsl reproduce NAME makes some (zsl list)")
    return [_reproduction(name, group) for (name, _), group in sorted(groups.items(), key=lambda item: item[0])]


def experiment(result: Result) -> str:
    """The experiment that a run is one of, or nothing."""
    named = [override.partition("=")[2] for override in result.overrides if override.partition("=")[0] == KEY]
    return named[-1] if named else ""


def _reproduction(name: str, group: Mapping[Path, Result]) -> Reproduction:
    (row,) = rows(group)
    example = next(iter(group.values()))
    claimed = claims(example.config.get("published"), f"{KEY}={name}: published")
    same = [compare(example, row.metrics, claim) for claim in claimed if claim.data == example.data]
    paths = sorted(group, key=lambda path: (group[path].seed, str(path)))
    return Reproduction(name, row, example, tuple(paths), tuple(same))


def summary(found: Sequence[Reproduction]) -> Sheet:
    """A line for every claim."""
    lines = [line for i, each in enumerate(found) for line in _summary(i, each)]
    header = ["experiment", "data", "features", "beside", "verdict"]
    for name in DECISIVE:
        header += [name, f"{name} published", f"{name} difference"]
    return Sheet("Reproduction", tuple(header), tuple(lines), tuple(_notes(found)), (), 5)


def sections(found: Sequence[Reproduction]) -> list[Sheet]:
    """The numbers of each experiment, with the command and the files that they come from."""
    return [_section(each) for each in found]


def command(each: Reproduction) -> str:
    """What makes all runs of a row."""
    kept = [override for override in each.example.overrides if not override.startswith(PER_JOB)]
    return recalled(["zsl", "train", "-m"], kept, [f"seed={','.join(map(str, each.row.seeds))}"])


def table_csv(found: Sequence[Reproduction]) -> str:
    """Unrounded, a line for every claim and metric; empty where there is no claim."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in found:
        own = [each.experiment, each.example.data, each.example.data_title, features(each.example)]
        origin = [command(each), " ".join(path.as_posix() for path in each.paths)]
        for comparison, name in itertools.product(each.comparisons or (None,), METRICS):
            if (ours := each.row.metrics.get(name)) is None:
                continue
            theirs: list[object] = ["", "", "", "", f"not comparable: {NONE}"]
            if comparison is not None:
                claim = comparison.claim
                theirs = [claim.metrics.get(name), claim.verified, claim.source, comparison.differences.get(name)]
                theirs.append(str(comparison))
            writer.writerow([*own, name, ours.mean, ours.std, ours.ci, ours.n, *theirs, *origin])
    return text.getvalue()


def _summary(block: int, each: Reproduction) -> Iterator[Line]:
    words = [each.experiment, each.example.data_title, features(each.example)]
    for comparison in each.comparisons or (None,):
        said = [NONE, "not comparable"] if comparison is None else [comparison.claim.source, str(comparison)]
        cells = [*words, *said]
        for name in DECISIVE:
            cells += [_ours(each, name), _theirs(comparison, name), _difference(comparison, name)]
        yield Line(block, tuple(map(Cell, cells)))
        words = ["", "", ""]


def _section(each: Reproduction) -> Sheet:
    row, of = each.row, each.row.identity
    lines = [Line(0, (Cell("ours"), *(Cell(_ours(each, name)) for name in METRICS)))]
    for comparison in each.comparisons:
        lines.append(Line(0, (Cell(comparison.claim.source), *(Cell(_theirs(comparison, name)) for name in METRICS))))
        difference = (Cell(_difference(comparison, name)) for name in METRICS)
        lines.append(Line(0, (Cell("difference"), *difference)))
    data = f"{of.data_title}, {features(each.example)}"
    notes = [
        f"{of.method}, {of.class_embedding}, {of.setting}, selection: {of.policy}, seeds {seeds(row.seeds)}, "
        f"fingerprint {short(dict(of.fingerprints))}",
        *(f"{comparison.claim.source}: {comparison}" for comparison in each.comparisons),
        *([] if each.comparisons else [NONE]),
        *(f"selection there: {text}" for text in dict.fromkeys(c.claim.selection for c in each.comparisons)),
        f"command: {command(each)}",
        f"results: {', '.join(dict.fromkeys(_whichever_machine(path) for path in each.paths))}",
        *(f"warning: {warning}" for warning in row.warnings),
    ]
    return Sheet(f"{each.experiment}: {data}", ("numbers", *METRICS), tuple(lines), tuple(notes), (), 1)


def _whichever_machine(path: Path) -> str:
    """The path, with ``*`` for the seed, and for what in the name of a job's folder follows from where data lie."""
    return OF_A_JOB.sub("-seed*/", path.as_posix())


def _ours(each: Reproduction, name: str) -> str:
    found = each.row.metrics.get(name)
    return "" if found is None else figure(name, found, len(each.row.seeds))


def _theirs(comparison: Comparison | None, name: str) -> str:
    if comparison is None or name not in comparison.claim.metrics:
        return ""
    mark = "" if comparison.claim.verified else "?"
    return f"{comparison.claim.metrics[name]:.{DECIMALS['percent']}f}{mark}"


def _difference(comparison: Comparison | None, name: str) -> str:
    if comparison is None or name not in comparison.differences:
        return ""
    return f"{comparison.differences[name]:+.{DECIMALS['percent']}f}"


def _notes(found: Sequence[Reproduction]) -> Iterator[str]:
    compared = [comparison for each in found for comparison in each.comparisons]
    yield "percent, mean over seeds ± half width of the 95 % confidence interval; without ±: the same with every seed"
    tolerances = sorted({comparison.claim.tolerance for comparison in compared})
    if tolerances:
        points = ", ".join(f"{tolerance:g}" for tolerance in tolerances)
        yield f"reproduced: T1 and H, those that were published, within {points} percentage points"
    if any(not comparison.claim.verified for comparison in compared):
        yield "?: from memory, not verified where it was printed"
    few = [each.experiment for each in found if len(each.row.seeds) < FEW]
    if few:
        yield f"warning: fewer than {FEW} seeds stand behind {', '.join(dict.fromkeys(few))}"
