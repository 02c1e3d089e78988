"""``zsl train``: Hydra composes and launches, :func:`zsl.runs.run.run` trains and evaluates."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from zsl.cli.config_dir import split
from zsl.config.compose import HERE, check_choices, prepare_hydra, register_started, require_working_folder
from zsl.config.hydra_errors import explained
from zsl.config.overrides import readable, written
from zsl.config.plugins import flags, named
from zsl.config.tree import tree
from zsl.errors import InputError
from zsl.files.redaction import without_secrets
from zsl.runs.console import print_result, show_log

if TYPE_CHECKING:
    from zsl.runs.tally import Series

MULTIRUN = ("-m", "--multirun")
HELP = {"--help", "-h"}
INFORMATIVE = {"--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc"}


def launch(arguments: Sequence[str], series: Series | None = None) -> int:
    """Run ``zsl train`` with arguments of Hydra: overrides, and ``-m`` for several runs; return the exit status.

    Args:
        arguments: the arguments.
        series: multiruns of one command that this one belongs to.

    Raises:
        InputError: the configuration or the data cannot be used, or a multirun matches no job.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.error = _refuse  # type: ignore[method-assign]
    folder, rest = split(arguments, parser)
    with named(folder):
        return _launched(rest, series)


def _launched(arguments: Sequence[str], series: Series | None) -> int:
    from zsl.config.hydra_internals import argument_parser

    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra re-raise errors, which this module reports
    several = any(argument in MULTIRUN for argument in arguments)
    # Hydra needs options before overrides; users may type them in any order
    rest = [argument for argument in arguments if argument not in MULTIRUN]
    if not HELP.isdisjoint(arguments):
        from zsl.cli.train_help import train_help

        sys.stdout.write(train_help([argument for argument in rest if not argument.startswith("-")]))
        return 0
    parser = argument_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    parsed = parser.parse_intermixed_args([*rest, *MULTIRUN[:several]])
    if parsed.experimental_rerun:
        raise InputError("--experimental-rerun: reads a pickle, which could run code; type the overrides")
    typed, parsed.overrides = parsed.overrides, readable(parsed.overrides)
    require_working_folder()
    prepare_hydra()
    check_choices([argument for argument in parsed.overrides if "=" in argument])
    show_log()
    started = datetime.now()
    register_started(started)
    before = sys.argv
    if several and INFORMATIVE.isdisjoint(arguments):
        from zsl.runs.multirun import multirun

        return multirun(parsed, started, series)
    options = [argument for argument in rest if argument not in typed]
    alone = [] if several else ["hydra.mode=RUN"]
    sys.argv = ["zsl train", *MULTIRUN[:several], *options, *parsed.overrides, *HERE, *alone]
    try:
        return _single()
    finally:
        sys.argv = before


def _single() -> int:
    """Run one job, and re-raise its error unchanged by Hydra."""
    import hydra

    errors: list[Exception] = []

    def task(cfg: Any) -> None:
        try:
            _run(cfg)
        except Exception as error:
            errors.append(error)

    with explained():
        try:
            hydra.main(version_base="1.3", config_path=str(tree() / "conf"), config_name="config")(task)()
        except ValueError as error:  # flags that exclude each other; errors of the task itself are in ``errors``
            raise InputError(f"{error}; see zsl train --help") from error
    if errors:
        raise errors[0]
    return 0


def _refuse(message: str) -> NoReturn:
    raise InputError(f"{message}; see zsl train --help")


def _run(cfg: Any) -> None:
    from hydra.core.hydra_config import HydraConfig

    from zsl.config.experiment import Experiment
    from zsl.config.hydra_job import names_of, output_of, overrides_of

    hydra_config, output = HydraConfig.get(), output_of(cfg)
    overrides = overrides_of(hydra_config)
    # what needs no PyTorch is refused before PyTorch is imported
    experiment = Experiment.from_config(cfg, names_of(hydra_config), overrides, opened=True)
    from zsl.runs.job import NAME as UNFINISHED
    from zsl.runs.run import run
    from zsl.training.resumption import InterruptedRunError

    try:
        print_result(run(experiment), output)
    except InterruptedRunError as error:
        kept = without_secrets([part for part in overrides if not part.startswith(("resume=", "paths.output="))])
        command = shlex.join(["zsl", "train", *flags(), *kept, "resume=true", written("paths.output", str(output))])
        raise KeyboardInterrupt(f"{error}" + (f"; resume with: {command}" if error.resumable else "")) from None
    (output / UNFINISHED).unlink(missing_ok=True)  # if the folder is that of an unfinished job of a multirun
