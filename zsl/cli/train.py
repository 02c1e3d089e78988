"""``zsl train``: Hydra composes and launches, :func:`zsl.runs.run.run` trains and evaluates."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

from zsl.config.compose import HERE, check_choices, compose, prepare_hydra, register_started, require_working_folder
from zsl.config.hydra_errors import explained
from zsl.config.overrides import readable, written
from zsl.config.tree import PLACES, choices, tree
from zsl.errors import InputError
from zsl.files.redaction import without_secrets
from zsl.runs.console import print_result, show_log

MULTIRUN = ("-m", "--multirun")
HELP = {"--help", "-h"}
SWEEP = "search"
"""configuration group of ``zsl sweep`` only"""
INFORMATIVE = {"--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc"}


def launch(arguments: Sequence[str]) -> int:
    """Run ``zsl train`` with arguments of Hydra: overrides, and ``-m`` for several runs; return the exit status.

    Raises:
        InputError: the configuration or the data cannot be used, or a multirun matches no job.
    """
    from hydra._internal.utils import get_args_parser

    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra re-raise errors, which this module reports
    several = any(argument in MULTIRUN for argument in arguments)
    # Hydra needs options before overrides; users may type them in any order
    rest = [argument for argument in arguments if argument not in MULTIRUN]
    if not HELP.isdisjoint(arguments):
        _help([argument for argument in rest if not argument.startswith("-")])
        return 0
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    parsed = parser.parse_intermixed_args([*rest, *MULTIRUN[:several]])
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

        return multirun(parsed, started)
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


def _help(overrides: Sequence[str]) -> None:
    """Print the help; Hydra's own would take every folder beside ``experiments/`` for a group."""
    from omegaconf import OmegaConf

    groups = "\n".join(
        f"  {PLACES.get(group, group)}: {', '.join(names)}"
        for group, names in choices().items()
        if names and group != SWEEP
    )
    sys.stdout.write(f"""zsl train: train and evaluate a method, and write result.json

GROUP=NAME chooses from a group (zsl list describes each name):
{groups}

KEY=VALUE changes any key of the chosen configuration; add -m to run all combinations of lists of values:

{OmegaConf.to_yaml(compose(overrides))}
zsl train GROUP=NAME --help shows the keys of that choice, zsl train --hydra-help shows further flags.
""")


def _refuse(message: str) -> NoReturn:
    raise InputError(f"{message}; see zsl train --help")


def _run(cfg: Any) -> None:
    from hydra.core.hydra_config import HydraConfig

    from zsl.config.hydra_job import names_of, output_of, overrides_of
    from zsl.config.settings import require_resolvable

    require_resolvable(cfg)  # what needs neither data nor PyTorch is refused before PyTorch is imported
    from zsl.config.experiment import Experiment
    from zsl.runs.job import NAME as UNFINISHED
    from zsl.runs.run import run
    from zsl.training.resumption import InterruptedRunError

    hydra_config, output = HydraConfig.get(), output_of(cfg)
    overrides = overrides_of(hydra_config)
    try:
        print_result(run(Experiment.from_config(cfg, names_of(hydra_config), overrides)), output)
    except InterruptedRunError as error:
        kept = without_secrets([part for part in overrides if not part.startswith(("resume=", "paths.output="))])
        command = shlex.join(["zsl", "train", *kept, "resume=true", written("paths.output", str(output))])
        raise KeyboardInterrupt(f"{error}" + (f"; resume with: {command}" if error.resumable else "")) from None
    (output / UNFINISHED).unlink(missing_ok=True)  # if the folder is that of an unfinished job of a multirun
