"""``zsl reproduce``: run experiments over several seeds, and compare the results with the published numbers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from zsl.config.hydra_errors import nearest
from zsl.config.overrides import written
from zsl.config.tree import choices
from zsl.errors import InputError
from zsl.reporting.multilabel_experiment import names as multilabel_experiments

RUNS = Path("runs/reproduction")
TAKEN = {
    "seed": "give --seeds N for seeds 0 to N - 1",
    "seeds": "give --seeds N for seeds 0 to N - 1",
    "experiments": "name the experiments without experiments=",
}
"""key that the command sets itself -> cure for an override of the key"""
HELP = "run experiments over several seeds, and compare with published numbers: difference and verdict"
EPILOG = """examples:
  zsl reproduce eszsl_xian2018 data=cub
  zsl reproduce '*_xian2018' data=cub_fc1000,awa1_handcrafted --output table.md
  zsl reproduce class_norm_skorokhodov2021 data=cub --seeds 10 trainer=gpu

Overrides are those of zsl train, except for seed and experiments. Runs that have results are not run again. Choices on
validation classes are made once, with seed 0, for all seeds; with selection.seed=null they are made for every seed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl reproduce``."""
    parser.add_argument(
        "names", nargs="+", metavar="EXPERIMENT", help="name in `zsl list experiments`; * is a wildcard"
    )
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="run seeds 0 to N - 1 (default: 5)")
    parser.add_argument("--runs", type=Path, metavar="DIR", help=f"folder of the runs, or paths.output=DIR ({RUNS})")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the table to FILE instead of the terminal")
    parser.set_defaults(overrides=[])
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter


def main(arguments: argparse.Namespace) -> int:
    """Run the missing runs of the experiments, each in its own folder, and print results beside published numbers.

    Raises:
        InputError: there is no such experiment, or a run failed; the other experiments are run all the same.
    """
    from zsl.cli.train import launch
    from zsl.config.composer import MOST_JOBS
    from zsl.outputs.result import NAME, gather
    from zsl.reporting.report import show_published
    from zsl.runs.tally import Series

    words = [*arguments.names, *arguments.overrides]
    overrides, arguments.runs = _placed([word for word in words if "=" in word], arguments.runs)
    names = experiments([word for word in words if "=" not in word])
    if not 1 <= arguments.seeds <= MOST_JOBS:
        raise InputError(f"--seeds {arguments.seeds}: give a whole number from 1 to {MOST_JOBS}")
    seeds = "seed=" + ",".join(map(str, range(arguments.seeds)))
    failed: dict[str, str] = {}
    series = Series()
    for number, name in enumerate(names, 1):
        series.left = len(names) - number + 1
        sys.stderr.write(f"{name} ({number} of {len(names)} experiments)\n")
        folder = written("paths.output", str(arguments.runs / name))
        try:
            status = launch(["-m", f"experiments={name}", "selection.seed=0", *overrides, seeds, folder], series)
            failed |= {name: f"see above, or zsl jobs {arguments.runs / name}"} if status else {}
        except InputError as error:
            failed[name] = str(error)
    made = [arguments.runs / name for name in names if any((arguments.runs / name).rglob(NAME))]
    if made:
        arguments.format = arguments.caption = arguments.label = None
        show_published(gather(made), arguments)
    if failed:
        first = next(iter(failed))
        raise InputError(f"{len(failed)} of {len(names)} experiments failed; {first}: {failed[first]}")
    return 0


def _placed(overrides: Sequence[str], runs: Path | None) -> tuple[list[str], Path]:
    """Return the overrides without ``paths.output``, and the folder that holds one folder for each experiment.

    Raises:
        InputError: an override sets a key that the command sets itself, or two folders are given.
    """
    kept, places = [], [] if runs is None else [runs]
    for override in overrides:
        key, _, value = override.partition("=")
        if key.lstrip("+") in TAKEN:
            raise InputError(f"{override}: zsl reproduce sets {key.lstrip('+')} itself; {TAKEN[key.lstrip('+')]}")
        if key == "paths.output":
            places.append(Path(value))
        else:
            kept.append(override)
    if len(set(places)) > 1:
        raise InputError(f"paths.output={places[-1]}: {places[0]} is given too; give one folder")
    return kept, places[0] if places else RUNS


def experiments(patterns: Sequence[str]) -> list[str]:
    """Return the names of the experiments that match the patterns, each once.

    Raises:
        InputError: a pattern matches none, or there is no pattern.
    """
    known = choices()["experiments"]
    found: dict[str, None] = {}
    for pattern in patterns:
        matching = [name for name in known if fnmatch(name, pattern)]
        if not matching and pattern in multilabel_experiments():
            raise InputError(f"{pattern}: asks several labels an image; zsl multilabel LABELS --experiment {pattern}")
        if not matching:
            raise InputError(f"{pattern}: there is no such experiment; {nearest(pattern, known)}")
        found |= dict.fromkeys(matching)
    if not found:
        raise InputError("name an experiment; zsl list experiments shows them")
    return list(found)
