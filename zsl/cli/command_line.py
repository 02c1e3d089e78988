"""The command line: ``zsl train | jobs | report | compare | …``. Heavy libraries are imported inside the commands."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from zsl import __version__
from zsl.cli.config_dir import add_config_dir
from zsl.cli.streams import discard, robust
from zsl.config.plugins import named
from zsl.errors import InputError, out_of_memory, shortened
from zsl.files.redaction import without_secrets

EPILOG = """examples:
  zsl train data=synthetic method=eszsl
  zsl train -m data=cub,awa1 method=eszsl,ale 'seed=range(5)' selection=validation
  zsl train -m method=fclswgan 'seed=range(8)'
  zsl sweep data=synthetic method=eszsl search=grid
  zsl predict runs/birds/model photographs/ --top-k 3
  zsl labels names.txt --model clip/
  zsl extract photographs/ features/ backbone=transformers model=facebook/dinov2-base
  zsl retrieve images.npy texts.npy correction=csls
  zsl multilabel labels.csv --images images.npy --positive yes.npy --negative no.npy
  zsl shift runs/vendors --reference noto
  zsl typographic runs/birds/model --images photographs/
  zsl jobs runs/sweep
  zsl report runs/ --html report.html
  zsl compare runs/ --metric H --baseline eszsl
  zsl hubness runs/ --output hubness.svg
  zsl confusions runs/ --most 10
  zsl reproduce eszsl_xian2018 data=cub
  zsl synthesize runs/gan features/ --per-class 300
  zsl list methods
  zsl data prepare emoji

zsl train --help shows every configuration group and key."""


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
        with named(getattr(arguments, "config_dir", None)):
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


def _modules() -> dict[str, Any]:
    """Return the commands that have a module of their own, with ``HELP``, ``add_arguments`` and ``main``, in order."""
    from zsl.cli import data, extract, jobs, labels, multilabel, predict, reproduce, retrieve, shift, sweep, typographic
    from zsl.reporting import confusions, hubness, report
    from zsl.reporting.comparison import compare

    return {
        "sweep": sweep,
        "predict": predict,
        "extract": extract,
        "labels": labels,
        "retrieve": retrieve,
        "multilabel": multilabel,
        "shift": shift,
        "typographic": typographic,
        "report": report,
        "reproduce": reproduce,
        "jobs": jobs,
        "compare": compare,
        "hubness": hubness,
        "confusions": confusions,
        "data": data,
    }


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

    for name, module in _modules().items():
        command = commands.add_parser(name, help=module.HELP, description=getattr(module, "DESCRIPTION", None))
        module.add_arguments(command)
        command.set_defaults(run=module.main)

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

    for name in CONFIGURED:
        add_config_dir(commands.choices[name])
    return parser


CONFIGURED = ("sweep", "predict", "extract", "labels", "retrieve", "reproduce", "jobs", "synthesize", "list")
"""commands that use choices of the user's own, beside train and data"""
LISTS = {
    "methods": "method",
    "corrections": "correction",
    "data": "data",
    "embeddings": "class_embedding",
    "backbones": "backbone",
    "loggers": "logger",
    "experiments": "experiments",
}
"""name of a list -> configuration group"""


def _list(arguments: argparse.Namespace) -> int:
    from zsl.cli.list_choices import show

    for name in [arguments.what] if arguments.what else LISTS:
        show(name, LISTS[name])
    return 0


def _synthesize(arguments: argparse.Namespace) -> int:
    _require_folder()
    from zsl.cli.synthesize import main

    return main(arguments)


def _require_folder() -> None:
    """Refuse a working folder that was deleted, in which PyTorch cannot be imported."""
    from zsl.config.compose import require_working_folder

    require_working_folder()
