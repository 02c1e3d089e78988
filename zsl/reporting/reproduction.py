"""Comparison of experiments with published numbers as sheets: a summary, and the numbers of each experiment."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zsl.config.command_lines import command as command_line
from zsl.data.fingerprint import short_fingerprint
from zsl.errors import InputError
from zsl.files.redaction import without_secrets
from zsl.outputs.claims import Claim, claims, shown
from zsl.outputs.result import Result
from zsl.outputs.schema import scale
from zsl.reporting.chance_notes import MARK, chance_notes
from zsl.reporting.comparability import features
from zsl.reporting.equivalence import MIN_SEEDS
from zsl.reporting.layout import MEAN_OF_H, statements
from zsl.reporting.sheet import Cell, Line, Sheet, numbers_after
from zsl.reporting.table import Row, RowKey, row_key, rows
from zsl.reporting.verdict import Comparison, compare, signed
from zsl.reporting.wording import DECIMALS, figure, seeds

KEY = "experiments"
SHOWN = ("T1", "H")
"""metrics in the summary; the verdict takes all published metrics into account"""
JOB_SUFFIX = re.compile(r"-seed\d+-[0-9a-f]{8}/")
NONE = "no published number"
PER_JOB = ("seed=", "paths.output=", "resume=", "rerun=")
"""overrides in which the jobs of one row differ"""


@dataclass(frozen=True)
class Reproduction:
    """One experiment on one data set: the row of its runs, one of its results, paths of all, and comparisons."""

    experiment: str
    row: Row
    example: Result
    paths: tuple[Path, ...]
    comparisons: tuple[Comparison, ...]


def reproductions(results: Mapping[Path, Result], every: bool = False) -> list[Reproduction]:
    """Group runs by experiment and by `RowKey`, and compare them with published numbers.

    Args:
        results: results by path.
        every: whether runs that belong to no experiment are compared with the published numbers of their method and
            data set too; otherwise they are left out.

    Raises:
        InputError: no run has a published number beside it, or a claim is invalid.
    """
    groups: dict[tuple[str, RowKey], dict[Path, Result]] = defaultdict(dict)
    for path, result in results.items():
        groups[experiment(result), row_key(result)][path] = result
    found = [_reproduction(name, group) for (name, _), group in groups.items() if name]
    if every:
        for (name, _), group in groups.items():
            found += [] if name else _without_experiment(group)
    if not found and every:
        known = ", ".join(sorted({f"{result.method} on {result.data}" for result in results.values()}))
        raise InputError(f"no experiment has a published number for any run ({known}); see zsl list experiments")
    if not found:
        raise InputError("no run of an experiment among these results; run zsl reproduce NAME (names: zsl list)")
    return sorted(found, key=lambda each: (each.experiment, each.row.key))


def experiment(result: Result) -> str:
    """Return the name of the experiment of a run, empty where it belongs to none."""
    named = [override.partition("=")[2] for override in result.overrides if override.partition("=")[0] == KEY]
    return named[-1] if named else ""


def _reproduction(name: str, group: Mapping[Path, Result]) -> Reproduction:
    example = next(iter(group.values()))
    return _compared(name, group, claims(example.config.get("published"), f"{KEY}={name}: published"))


def _without_experiment(group: Mapping[Path, Result]) -> list[Reproduction]:
    """Return a comparison with every experiment that has a number of the same method on the same data set."""
    from zsl.reporting.published import published

    found = published(next(iter(group.values())))
    return [_compared(each.experiment, group, each.claims, each.differences) for each in found]


def _compared(
    name: str, group: Mapping[Path, Result], claimed: Sequence[Claim], differences: Sequence[str] | None = None
) -> Reproduction:
    (row,) = rows(group)
    example = next(iter(group.values()))
    same = [compare(example, row, claim, claimed, differences) for claim in claimed if claim.data == example.data]
    paths = sorted(group, key=lambda path: (group[path].seed, str(path)))
    return Reproduction(name, row, example, tuple(paths), tuple(same))


def summary(found: Sequence[Reproduction]) -> Sheet:
    """Return a sheet with a line for every claim; reasons and caveats are numbered notes below the table."""
    numbers: dict[str, int] = {}
    lines = [line for i, each in enumerate(found) for line in _summary(i, each, numbers)]
    header = ["experiment", "data", "features", "beside", "verdict"]
    for name in SHOWN:
        header += [name, f"{name} published", f"{name} difference"]
    notes = (*_notes(found), *(f"[{number}] {text}" for text, number in numbers.items()))
    return Sheet("Reproduction", tuple(header), tuple(lines), notes, (), numbers_after(5, header))


def sections(found: Sequence[Reproduction]) -> list[Sheet]:
    """Return a sheet for each experiment with its numbers, the command and the paths of its results."""
    return [_section(each) for each in found]


def command(each: Reproduction) -> str:
    """Return the command that repeats all runs of a row."""
    kept = without_secrets([override for override in each.example.overrides if not override.startswith(PER_JOB)])
    if "search" in each.example.config:  # a study has one seed
        return "; ".join(command_line(["zsl", "sweep"], kept, [f"seed={seed}"]) for seed in each.row.seeds)
    return command_line(["zsl", "train", "-m"], kept, [f"seed={','.join(map(str, each.row.seeds))}"])


def _summary(block: int, each: Reproduction, numbers: dict[str, int]) -> Iterator[Line]:
    words = [each.experiment, each.example.data_title, features(each.example)]
    for comparison in each.comparisons or (None,):
        cells = [*words, NONE, "not comparable"]
        if comparison is not None:
            cells = [*words, comparison.claim.source, _short(comparison, numbers)]
        for name in SHOWN:
            cells += [_ours(each, name), _theirs(comparison, name), _difference(comparison, name)]
        yield Line(block, tuple(map(Cell, cells)))
        words = ["", "", ""]


def _short(comparison: Comparison, numbers: dict[str, int]) -> str:
    """Return the verdict and the deciding metrics, with the numbers of the notes on reasons or caveats."""
    notes = comparison.reasons or comparison.caveats
    cited = ", ".join(str(numbers.setdefault(text, len(numbers) + 1)) for text in notes)
    verdict = ": ".join(filter(None, [comparison.verdict, comparison.deciding]))
    if not (comparison.reasons or comparison.differences):
        verdict = f"{verdict}: no number in common"
    return f"{verdict} [{cited}]" if cited else verdict


def _section(each: Reproduction) -> Sheet:
    row, of = each.row, each.row.key
    names = shown(comparison.claim for comparison in each.comparisons)
    lines = [Line(0, (Cell("ours"), *(Cell(_ours(each, name)) for name in names)))]
    for comparison in each.comparisons:
        lines.append(Line(0, (Cell(comparison.claim.source), *(Cell(_theirs(comparison, name)) for name in names))))
        lines.append(Line(0, (Cell("difference"), *(Cell(_difference(comparison, name)) for name in names))))
        if not comparison.reasons:
            outcomes = (comparison.differences.get(name) for name in names)
            lines.append(Line(0, (Cell("outcome"), *(Cell(found.outcome if found else "") for found in outcomes))))
    data = f"{of.data_title}, {features(each.example)}"
    notes = [
        f"{of.method}, {of.class_embedding}, {of.setting}, selection: {of.policy}, seeds {seeds(row.seeds)}, "
        f"fingerprint {short_fingerprint(dict(of.fingerprints))}",
        *(f"{comparison.claim.source}: {comparison}" for comparison in each.comparisons),
        *([] if each.comparisons else [NONE]),
        *dict.fromkeys(f"{c.claim.source}: {text}" for c in each.comparisons if not c.reasons for text in c.caveats),
        *(
            f"published selection: {text}"
            for text in dict.fromkeys(c.claim.selection for c in each.comparisons)
            if text
        ),
        *chance_notes([row], names),
        *statements([row]),
        f"command: {command(each)}",
        f"results: {', '.join(dict.fromkeys(_portable(path) for path in each.paths))}",
        *(f"warning: {warning}" for warning in row.warnings),
    ]
    header = ("numbers", *names)
    return Sheet(f"{each.experiment}: {data}", header, tuple(lines), tuple(notes), (), numbers_after(1, header))


def _portable(path: Path) -> str:
    """Return the path with ``*`` for seed and hash in the name of a job's folder; the hash depends on paths of data."""
    return JOB_SUFFIX.sub("-seed*/", path.as_posix())


def _ours(each: Reproduction, name: str) -> str:
    found = each.row.metrics.get(name)
    return "" if found is None else figure(name, found, len(each.row.seeds)) + MARK * (name in each.row.at_chance)


def _theirs(comparison: Comparison | None, name: str) -> str:
    if comparison is None or name not in comparison.claim.metrics:
        return ""
    mark = "" if comparison.claim.verified else "?"
    theirs = comparison.claim.metrics[name]
    runs = f" (mean of {theirs.n})" if theirs.n > 1 else ""
    return f"{theirs.mean:.{DECIMALS[scale(name)]}f}{mark}{runs}"


def _difference(comparison: Comparison | None, name: str) -> str:
    if comparison is None or name not in comparison.differences:
        return ""
    return signed(name, comparison.differences[name])


def _notes(found: Sequence[Reproduction]) -> Iterator[str]:
    compared = [comparison for each in found for comparison in each.comparisons]
    yield (
        "percent, mean over seeds ± half width of the 95 % confidence interval; without ±: every seed gives the same "
        "number"
    )
    yield MEAN_OF_H
    yield from chance_notes([each.row for each in found], SHOWN)
    yield from statements(each.row for each in found)
    tolerances = sorted({comparison.claim.tolerance for comparison in compared})
    if tolerances:
        points = ", ".join(f"{tolerance:g}" for tolerance in tolerances)
        yield (
            f"the verdict is the worst outcome of all published metrics: reproduced where the 95 % interval of the "
            f"difference lies within ± {points} points (with at least {MIN_SEEDS} seeds unless the method is "
            "deterministic), better or worse where it lies wholly above or below that range, else inconclusive, with "
            "the number of seeds that would decide if mean and standard deviation stayed the same"
        )
    if any(theirs.n == 1 for comparison in compared for theirs in comparison.claim.metrics.values()):
        yield "a single published number is taken as exact: its standard deviation over seeds is not known"
    if any(not comparison.claim.verified for comparison in compared):
        yield "?: unverified: quoted from memory, not read in its source"
    few = [each.experiment for each in found if len(each.row.seeds) < MIN_SEEDS and not each.row.deterministic]
    if few:
        yield f"warning: numbers of {', '.join(dict.fromkeys(few))} come from fewer than {MIN_SEEDS} seeds"
