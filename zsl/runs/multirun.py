"""``zsl train -m``: the jobs of a multirun, launched by any of Hydra's launchers, and their outcomes.

A job with a result is kept, a job that was stopped is resumed, and a job that fails does not affect the others
(:mod:`zsl.runs.worker`). Outcomes come back through the launcher, whichever processes the jobs ran in.
"""

from __future__ import annotations

import argparse
import secrets
import shlex
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from zsl.config.compose import HERE
from zsl.config.composer import Composer, require_launchable
from zsl.config.hydra_errors import explained
from zsl.config.hydra_internals import Batches, composed_for_multirun, jobs_of, launcher
from zsl.config.hydra_job import output_of, overrides_of
from zsl.config.overrides import written
from zsl.config.plugins import flags, named_folder
from zsl.config.tree import tree
from zsl.errors import InputError
from zsl.files.redaction import without_secrets
from zsl.progress.progress import progress
from zsl.runs.console import print_line
from zsl.runs.job import NOT_REPEATED
from zsl.runs.tally import Series, tally
from zsl.runs.worker import Outcome, Worker, line

LOGS = ".submitit"
"""folder below ``paths.output`` for the input and the logs of jobs that run under submitit"""


class Forget(Callback):
    """Callback that drops the two copies of the configuration which Hydra keeps of every finished job."""

    def on_job_end(self, config: Any, job_return: JobReturn, **_: Any) -> None:  # noqa: ARG002
        """Drop both configurations of a finished job."""
        job_return.cfg = job_return.hydra_cfg = None


class LauncherError(Exception):
    """Failure of a launcher, after which the outcomes of its jobs are lost; the cause is chained."""


def multirun(arguments: argparse.Namespace, started: datetime, series: Series | None = None) -> int:
    """Launch every job of a multirun; return the exit status of the command.

    Args:
        arguments: parsed arguments of Hydra.
        started: time of the launch, for folder names.
        series: launches of one command that this one belongs to.

    Raises:
        InputError: as for :func:`launched`, or jobs failed by a user's mistake.
        KeyboardInterrupt: the command was interrupted; the message holds the command that resumes it.
    """
    try:
        return _report(*launched(arguments, started, series))
    except LauncherError as lost:
        traceback.print_exception(lost.__cause__)
        sys.stderr.write(f"zsl: {lost}\n")
        return 1


def launched(
    arguments: argparse.Namespace, started: datetime, series: Series | None = None, shown: bool = True
) -> tuple[list[Outcome], Path]:
    """Launch every job of a multirun; return their outcomes and ``paths.output``.

    Args:
        arguments: parsed arguments of Hydra.
        started: time of the launch, for folder names.
        series: launches of one command that this one belongs to.
        shown: whether every result is printed.

    Raises:
        InputError: the configuration cannot be composed, or the overrides match no job.
        LauncherError: a process of the launcher was killed.
        KeyboardInterrupt: the command was interrupted; the message holds the command that resumes it.
    """
    name, folder = arguments.config_name or "config", arguments.config_path or tree() / "conf"
    forget = f"+hydra.callbacks.forget._target_={__name__}.{Forget.__name__}"
    deferred = _deferred(arguments.overrides)
    overrides = [*(word for word in arguments.overrides if word not in deferred), *HERE, forget]
    with initialize_config_dir(str(folder), "zsl", "1.3"):
        with explained():
            composed, loader = composed_for_multirun(name, overrides)
            with read_write(composed), open_dict(composed):
                composed.hydra.overrides.task = [*overrides_of(composed.hydra), *deferred]
            output = output_of(composed)
            composer = Composer(loader)
            batches = _batches(composer, composed)
        if not (total := sum(map(len, batches))):
            raise InputError("the sweep matches no job; look at the globs and lists on the command line (zsl list)")
        _redirect_submitit(composed, output)
        resume_with = _resume_with(arguments, output)
        try:
            with explained(), tally(output, total, series or Series()) as counted:
                worker = Worker(started, total, counted, shown, named_folder())
                return _launched(composer, composed, batches, worker), output
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(f"{str(stop) or 'interrupted'}; {resume_with}") from None
        except InputError:
            raise
        except Exception as error:  # a process of the launcher was killed, and the outcomes of other jobs are lost
            lost = f"the launcher failed ({without_secrets(line(error))}); zsl jobs {output} lists its jobs"
            raise LauncherError(f"{lost}; {resume_with}") from error


def _deferred(overrides: Sequence[str]) -> list[str]:
    """Return the overrides of keys below a group that several choices are listed for, such as ``method.epochs=3``.

    Whether such a key exists depends on the choice, so that they are checked with every job and not with the default.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    several = {override.key_or_group for override in parsed if override.is_sweep_override()}
    return [
        word
        for word, override in zip(overrides, parsed, strict=True)
        if "." in override.key_or_group and override.key_or_group.partition(".")[0] in several
    ]


def _batches(composer: Composer, composed: DictConfig) -> Batches:
    """Return the jobs in batches; compose enough of them that every pair of overrides is checked before any job starts.

    Raises:
        InputError: a pair of overrides does not compose, or the sweeper or launcher is not supported.
    """
    for key in ("launcher", "sweeper"):
        if not OmegaConf.is_dict(composed.hydra[key]):
            raise InputError(
                f"hydra.{key}={composed.hydra[key]}: holds keys of its own; write hydra/{key}=… or leave it out"
            )
    sweeper = composed.hydra.sweeper
    if not sweeper._target_.endswith(".BasicSweeper"):
        raise InputError("hydra/sweeper: zsl train -m runs every value with every other; leave it out")
    if sweeper.max_batch_size is not None and sweeper.max_batch_size < 1:
        raise InputError(f"hydra.sweeper.max_batch_size={sweeper.max_batch_size}: must be at least 1; leave it out")
    overrides = [f"{key}={value}" for key, value in (sweeper.params or {}).items()] + overrides_of(composed.hydra)
    parsed = OverridesParser.create(config_loader=composer).parse_overrides(overrides)
    require_launchable(parsed)
    batches = jobs_of(parsed, sweeper.max_batch_size)
    for job in progress(list(composer.different(chain.from_iterable(batches))), "checking", "configurations"):
        composer.load_sweep_config(composed, job)
    return batches


def _redirect_submitit(composed: DictConfig, output: Path) -> None:
    """Make submitit write to ``output`` instead of the working folder."""
    place = OmegaConf.select(composed, "hydra.launcher.submitit_folder")
    if place is not None and str(place).startswith(f"{composed.hydra.sweep.dir}/"):
        # submitit unpickles outcomes from this folder: an unpredictable name keeps others from placing files there
        composed.hydra.launcher.submitit_folder = f"{output / LOGS}/%j-{secrets.token_hex(8)}"
        sys.stderr.write(f"logs of the jobs: {output / LOGS}; their states: zsl jobs {output}\n")


def _launched(composer: Composer, composed: DictConfig, batches: Batches, worker: Worker) -> list[Outcome]:
    launch = launcher(composer, worker, composed).launch
    outcomes: list[Outcome] = []
    for batch in batches:
        outcomes += [job.return_value for job in launch(batch, initial_job_idx=len(outcomes))]
    return outcomes


def _resume_with(arguments: argparse.Namespace, output: Path) -> str:
    kept = without_secrets([override for override in arguments.overrides if not override.startswith(NOT_REPEATED)])
    return f"resume with: {shlex.join(['zsl', 'train', '-m', *flags(), *kept, written('paths.output', str(output))])}"


def _report(outcomes: Sequence[Outcome], output: Path) -> int:
    """Print the number of jobs by state, and every failed job with the command that runs it alone; return the status.

    Raises:
        InputError: jobs failed, all by a user's mistake.
    """
    counts = Counter(outcome.state for outcome in outcomes)
    states = ", ".join(f"{n} {state}" for state, n in counts.items())
    jobs = "1 job" if len(outcomes) == 1 else f"{len(outcomes)} jobs"
    print_line(f"{jobs}: {states}: {output}")
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    for outcome in failed:
        sys.stderr.write(without_secrets(f"{outcome.traceback or ''}{outcome.job.folder.name}: {outcome.error}\n"))
        sys.stderr.write(f"  again: {outcome.job.command}\n")
    if failed and not any(outcome.traceback for outcome in failed):
        raise InputError(f"{len(failed)} of {len(outcomes)} jobs failed; the first: {failed[0].error}")
    return 1 if failed else 0
