"""The command line: ``zsl train | jobs | report | compare | …``. Heavy libraries are imported inside the commands."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from zsl import __version__
from zsl.cli.streams import discard, robust
from zsl.errors import InputError, out_of_memory, shortened
from zsl.files.redaction import without_secrets

EPILOG = """examples:
  zsl train data=synthetic method=eszsl
  zsl train -m data=cub,awa1 method=eszsl,ale 'seed=range(5)' selection=validation
  zsl train -m method=fclswgan 'seed=range(8)'
  zsl sweep data=synthetic method=eszsl search=grid
  zsl predict runs/birds/model photographs/ --top-k 3
  zsl jobs runs/sweep
  zsl report runs/ --html report.html
  zsl compare runs/ --metric H --baseline eszsl
  zsl hubness runs/ --output hubness.svg
  zsl reproduce eszsl_xian2018 data=cub
  zsl synthesize runs/gan features/ --per-class 300
  zsl list methods
  zsl data prepare emoji

zsl train --help shows every configuration group and key."""


SWEEP = """Search the hyperparameters of conf/sweep/<method>.yaml by T1 or H of validation classes, train with the best
ones on all training classes, and write result.json. zsl train selection=validation does the same for a grid, in one
process.

The study is a database in paths.output (runs/sweep/<method>-<data>). Launch the same command again to resume a search
that was stopped, with a larger search.trials to extend one that has ended, or several times at once to share the work;
trials of a process that dies are redone."""

SWEEP_EPILOG = """keys (zsl train --help shows all others):
  search=tpe|grid              tree-structured Parzen estimator, or every combination of values
  search.trials=N              number of trials, for tpe (default: 50)
  search.pruner=none|median|hyperband    end trials early that do worse than others, where a method has epochs
  search.storage=URL           sqlite:///FILE, or a server for several machines: postgresql://…
  search.study=NAME            default: <method>-<data>; a study has one configuration and one data set
  search.stale=SECONDS         without a heartbeat, after which a trial is redone (default: 60)
  sweep.KEY=[V,…]              values of a hyperparameter
  sweep.KEY={low:L,high:H}     a range, for tpe; with log:true, or step:S

examples:
  zsl sweep data=synthetic method=eszsl search=grid
  zsl sweep data=cub method=eszsl 'sweep.gamma={low:1e-3,high:1e3,log:true}' 'sweep.lamb={low:1e-3,high:1e3,log:true}'
  zsl sweep data=cub method=ale search.trials=30 search.pruner=median selection.objective=H
  zsl sweep data=cub method=ale 'search.storage=${oc.env:ZSL_STUDIES}'    # keeps a password off the command line
  optuna-dashboard sqlite:///runs/sweep/ale-cub/study.db                  # pip install 'zsl[dashboard]'"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 for success, 2 for a user's mistake (one line on standard error)."""
    with robust() as (out, err):
        try:
            status = _run(list(sys.argv[1:] if argv is None else argv))
        except SystemExit:  # --help and --version
            out.flush()
            if out.error is None:
                raise
            status = 0
        out.flush()
        if out.error is None:
            return status
        discard()
        if isinstance(out.error, BrokenPipeError):
            return status or 141
        reason = out.error.strerror or str(out.error)
        err.write(f"zsl: error: standard output: {reason}; further output is lost, files are complete\n")
        return status or 1


def _run(argv: list[str]) -> int:
    # other libraries import matplotlib, which warns about its font cache even if nothing is drawn
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        if argv[:1] == ["train"]:
            from zsl.cli.train import launch

            return launch(argv[1:])
        arguments = _parsed(argv)
        return int(arguments.run(arguments))
    except InputError as error:
        sys.stderr.write(f"zsl: error: {shortened(without_secrets(' '.join(str(error).splitlines())))}\n")
        return 2
    except (MemoryError, RuntimeError) as error:
        if (reason := out_of_memory(error)) is None:
            raise
        sys.stderr.write(f"zsl: error: {reason}\n")
        return 2
    except KeyboardInterrupt as stop:
        sys.stderr.write(f"zsl: {str(stop) or 'interrupted'}\n")
        return 130


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments; overrides and options may come in any order."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if not hasattr(arguments, "overrides") or any("=" not in word or word.startswith("--") for word in rest):
        return parser.parse_args(argv)
    arguments.overrides += rest
    return arguments


class Parser(argparse.ArgumentParser):
    """Argument parser that reports a mistake as an InputError of one line."""

    def error(self, message: str) -> NoReturn:
        """Raise an InputError for an invalid command line."""
        raise InputError(f"{message}; see {self.prog} --help")


def _parser() -> Parser:
    parser = Parser(
        prog="zsl",
        description="Zero-shot learning research: leak-free protocol, exact metrics, one training loop.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"zsl {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    commands.add_parser("train", help="train and evaluate a method (Hydra overrides; -m for several runs)")

    command = commands.add_parser(
        "sweep",
        help="search hyperparameters on validation classes, in one or several processes",
        description=SWEEP,
        epilog=SWEEP_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("overrides", nargs="*", help="overrides of zsl train, and search.KEY=VALUE")
    command.set_defaults(run=_sweep)

    from zsl.cli import predict

    command = commands.add_parser("predict", help=predict.HELP)
    predict.add_arguments(command)
    command.set_defaults(run=predict.main)

    from zsl.reporting import hubness, report
    from zsl.reporting.comparison import compare

    command = commands.add_parser("report", help="gather results into a table")
    report.add_arguments(command)
    command.set_defaults(run=report.main)

    from zsl.cli import jobs as job_listing
    from zsl.cli import reproduce as reproduction

    command = commands.add_parser("reproduce", help=reproduction.HELP)
    reproduction.add_arguments(command)
    command.set_defaults(run=reproduction.main)

    command = commands.add_parser("jobs", help=job_listing.HELP)
    job_listing.add_arguments(command)
    command.set_defaults(run=job_listing.main)

    command = commands.add_parser("compare", help=compare.HELP, description=compare.DESCRIPTION)
    compare.add_arguments(command)
    command.set_defaults(run=compare.main)

    command = commands.add_parser("hubness", help=hubness.HELP, description=hubness.DESCRIPTION)
    hubness.add_arguments(command)
    command.set_defaults(run=hubness.main)

    command = commands.add_parser("synthesize", help="features of any classes from a trained generator, as a data set")
    command.add_argument("folder", metavar="RUN", help="folder of a run of a generator, with save.model=true")
    command.add_argument("output", help="folder for the pair of .mat files")
    command.add_argument("--per-class", type=int, default=100, help="features of each class (default: 100)")
    command.add_argument("--seed", type=int, default=0, help="seed of the noise (default: 0)")
    command.add_argument("--plot", metavar="FILE", help="draw real and synthetic features of a few classes in a plane")
    command.add_argument(
        "overrides",
        nargs="*",
        help="overrides of data, class_embedding or paths.cache, such as class_embedding=matrix "
        "class_embedding.path=new.npy",
    )
    command.set_defaults(run=_synthesize)

    command = commands.add_parser("list", help="list the choices: methods, corrections, data sets, …")
    command.add_argument("what", nargs="?", choices=tuple(LISTS), help="one of these lists (default: all)")
    command.set_defaults(run=_list)

    command = commands.add_parser("data", help="prepare, inspect, verify or export a data set, or divide its classes")
    _add_data_commands(command)
    return parser


DATA = {
    "prepare": "read or build a data set once, so that later runs open it from the cache",
    "inspect": "show sizes, splits, class descriptions, licences, notes and fingerprints",
    "verify": "compare cache, sources and fingerprints; build and repair nothing",
    "export": "write a data set as arrays or xlsa17 files that load with the same fingerprints",
    "splits": "write seen, unseen and validation classes for images or arrays without a split file",
}
"""subcommand of ``zsl data`` -> help text"""


def _add_data_commands(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="action")
    parsers = {
        name: actions.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
        for name, what in DATA.items()
    }
    for name in ("prepare", "inspect", "verify", "export"):
        parsers[name].add_argument("name", help="a data set of `zsl list data`")
        if name == "export":
            parsers[name].add_argument("output", help="a new folder")
            parsers[name].add_argument(
                "--format",
                choices=("arrays", "xlsa17"),
                default="arrays",
                help="features.npy, labels.npz, splits.json and tables, or a pair of .mat files (default: arrays)",
            )
        parsers[name].add_argument("overrides", nargs="*", default=[], help="such as data.root=DIR")
    only = parsers["splits"]
    only.add_argument("classes", help="a folder with a folder a class, a .txt of class names, or a file of labels")
    only.add_argument("file", help="the YAML file to write, for data.splits; it must not exist")
    only.add_argument(
        "--unseen", default="0.2", metavar="SHARE|FILE", help="share of the classes, or a file of names (default: 0.2)"
    )
    only.add_argument(
        "--val", default="0.25", metavar="SHARE|FILE", help="share of the seen classes, or a file (default: 0.25)"
    )
    only.add_argument("--seed", type=int, default=0, help="random seed; a seed always gives the same file (default: 0)")
    command.set_defaults(run=_data)


LISTS = {
    "methods": "method",
    "corrections": "correction",
    "data": "data",
    "embeddings": "class_embedding",
    "loggers": "logger",
    "experiments": "experiments",
}
"""name of a list -> configuration group"""


def _list(arguments: argparse.Namespace) -> int:
    from zsl.cli.list_choices import show

    for name in [arguments.what] if arguments.what else LISTS:
        show(name, LISTS[name])
    return 0


def _sweep(arguments: argparse.Namespace) -> int:
    _require_folder()
    from zsl.runs.search import sweep

    return sweep(arguments.overrides)


def _synthesize(arguments: argparse.Namespace) -> int:
    _require_folder()
    from zsl.cli.synthesize import main

    return main(arguments)


def _require_folder() -> None:
    """Refuse a working folder that was deleted, in which PyTorch cannot be imported."""
    from zsl.config.compose import require_working_folder

    require_working_folder()


def _data(arguments: argparse.Namespace) -> int:
    _require_folder()
    from zsl.cli import data as datasets

    if arguments.action == "splits":
        datasets.splits(arguments)
    elif arguments.action == "export":
        datasets.export(arguments.name, Path(arguments.output), arguments.format, arguments.overrides)
    else:
        actions = {"prepare": datasets.prepare, "inspect": datasets.inspect, "verify": datasets.verify}
        actions[arguments.action](arguments.name, arguments.overrides)
    return 0
