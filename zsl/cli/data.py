"""``zsl data``: prepare, inspect, verify and export data sets, and split the classes of one without a split file."""

from __future__ import annotations

import argparse
from pathlib import Path

from zsl.cli.config_dir import add_config_dir

HELP = "prepare, inspect, verify or export a data set, or divide its classes"
COMMANDS = {
    "prepare": "read or build a data set once, so that later runs open it from the cache",
    "inspect": "show sizes, splits, class descriptions, licences, notes and fingerprints",
    "verify": "compare cache, sources and fingerprints; build and repair nothing",
    "export": "write a data set as arrays or xlsa17 files that load with the same fingerprints",
    "splits": "write seen, unseen and validation classes for images or arrays without a split file",
}
"""subcommand of ``zsl data`` -> help text"""
EXAMPLES = {
    "prepare": ("zsl data prepare emoji", "zsl data prepare cub data.root=xlsa17/data/CUB"),
    "inspect": ("zsl data inspect synthetic", "zsl data inspect image_folder data.root=birds data.splits=split.yaml"),
    "verify": ("zsl data verify cub",),
    "export": ("zsl data export synthetic exported/", "zsl data export emoji emoji.mat/ --format xlsa17"),
    "splits": (
        "zsl data splits birds/ split.yaml --unseen 0.3 --seed 1",
        "zsl data splits names.txt split.yaml --val v.txt",
    ),
}
"""subcommand of ``zsl data`` -> examples"""
MORE = """
Overrides are those of zsl train that begin with data., and paths.cache=DIR;
zsl train data=NAME --help shows the keys of a data set."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of ``zsl data``."""
    actions = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="action")
    parsers = {
        name: actions.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}.",
            epilog="\n  ".join(["examples:", *EXAMPLES[name]]) + ("" if name == "splits" else f"\n{MORE}"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for name, what in COMMANDS.items()
    }
    for name in ("prepare", "inspect", "verify", "export"):
        parsers[name].add_argument("name", help="name of a data set; zsl list data shows them")
        if name == "export":
            parsers[name].add_argument("output", help="a new folder")
            parsers[name].add_argument(
                "--format",
                choices=("arrays", "xlsa17"),
                default="arrays",
                help="features.npy, labels.npz, splits.json and tables, or a pair of .mat files (default: arrays)",
            )
        parsers[name].add_argument(
            "overrides", nargs="*", default=[], help="overrides of zsl train, such as data.root=DIR"
        )
        add_config_dir(parsers[name])
    only = parsers["splits"]
    only.add_argument(
        "classes",
        help="a folder with a folder a class, a store of zsl extract, a .txt of class names, or a file of labels",
    )
    only.add_argument("file", help="the YAML file to write, for data.splits; it must not exist")
    only.add_argument(
        "--unseen", default="0.2", metavar="SHARE|FILE", help="share of the classes, or a file of names (default: 0.2)"
    )
    only.add_argument(
        "--val", default="0.25", metavar="SHARE|FILE", help="share of the seen classes, or a file (default: 0.25)"
    )
    only.add_argument("--seed", type=int, default=0, help="random seed; a seed always gives the same file (default: 0)")


def main(arguments: argparse.Namespace) -> int:
    """Run the subcommand.

    Raises:
        InputError: the data set cannot be used, or a file cannot be written.
    """
    from zsl.config.compose import require_working_folder

    require_working_folder()
    from zsl.cli import data_sets

    if arguments.action == "splits":
        data_sets.splits(arguments)
    elif arguments.action == "export":
        data_sets.export(arguments.name, Path(arguments.output), arguments.format, arguments.overrides)
    else:
        actions = {"prepare": data_sets.prepare, "inspect": data_sets.inspect, "verify": data_sets.verify}
        actions[arguments.action](arguments.name, arguments.overrides)
    return 0
