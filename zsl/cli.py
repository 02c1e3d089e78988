"""The command line: ``zsl train | report | hubness | …``. Heavy imports stay inside the commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from zsl import __version__
from zsl.errors import InputError

EPILOG = """examples:
  zsl train data=synthetic method=eszsl
  zsl train -m data=cub,awa1 method=eszsl,ale 'seed=range(5)' selection=validation
  zsl train method=fclswgan seeds=8
  zsl report runs/
  zsl hubness runs/ --output hubness.svg
  zsl synthesize runs/gan features/ --per-class 300
  zsl list methods
  zsl data prepare emoji

zsl train --help shows every configuration group and key."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 where it did what was asked, 2 for a user's mistake (one line on standard error)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if argv[:1] == ["train"]:
            from zsl.launch import launch

            return launch(argv[1:])
        arguments = _parsed(argv)
        return int(arguments.run(arguments))
    except InputError as error:
        sys.stderr.write(f"zsl: error: {' '.join(str(error).splitlines())}\n")
        return 2
    except KeyboardInterrupt as stop:
        sys.stderr.write(f"zsl: {str(stop) or 'interrupted'}\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """Overrides may stand anywhere, options among them."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if not hasattr(arguments, "overrides") or any("=" not in word or word.startswith("--") for word in rest):
        return parser.parse_args(argv)
    arguments.overrides += rest
    return arguments


class Parser(argparse.ArgumentParser):
    """One line for a mistake, as everywhere else."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
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

    from zsl.reporting import hubness, report

    command = commands.add_parser("report", help="gather results into a table")
    report.add_arguments(command)
    command.set_defaults(run=report.main)

    command = commands.add_parser("hubness", help=hubness.HELP, description=hubness.DESCRIPTION)
    hubness.add_arguments(command)
    command.set_defaults(run=hubness.main)

    command = commands.add_parser("synthesize", help="features of any classes from a trained generator, as a data set")
    command.add_argument("folder", metavar="RUN", help="folder of a generator's run with save.weights=true")
    command.add_argument("output", help="folder for the pair of .mat files")
    command.add_argument("--per-class", type=int, default=100, help="features of each class (default: 100)")
    command.add_argument("--seed", type=int, default=0, help="of the noise (default: 0)")
    command.add_argument("--plot", metavar="FILE", help="real and synthetic features of a few classes in a plane")
    command.add_argument("overrides", nargs="*", help="such as class_embedding=matrix class_embedding.path=new.npy")
    command.set_defaults(run=_synthesize)

    command = commands.add_parser("list", help="what can be chosen: methods, corrections, data sets, …")
    command.add_argument("what", nargs="?", choices=tuple(LISTS), help="one of these lists (default: all)")
    command.set_defaults(run=_list)

    command = commands.add_parser("data", help="prepare, inspect or verify a data set")
    command.add_argument("action", choices=("prepare", "inspect", "verify"))
    command.add_argument("name", help="a data set of `zsl list data`")
    command.add_argument("overrides", nargs="*", default=[], help="such as data.root=DIR")
    command.set_defaults(run=_data)
    return parser


LISTS = {
    "methods": "method",
    "corrections": "correction",
    "data": "data",
    "embeddings": "class_embedding",
    "experiments": "experiments",
}
"""name of a list -> configuration group"""


def _list(arguments: argparse.Namespace) -> int:
    from zsl.listing import show

    for name in [arguments.what] if arguments.what else LISTS:
        show(name, LISTS[name])
    return 0


def _synthesize(arguments: argparse.Namespace) -> int:
    from zsl import synthesis

    return synthesis.main(arguments)


def _data(arguments: argparse.Namespace) -> int:
    from zsl import datasets

    actions = {"prepare": datasets.prepare, "inspect": datasets.inspect, "verify": datasets.verify}
    actions[arguments.action](arguments.name, arguments.overrides)
    return 0
