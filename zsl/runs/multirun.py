"""``zsl train -m``: the jobs of a sweep, launched by any of Hydra's launchers, and what became of them.

A job whose result is there is kept, one that was stopped goes on, one that fails takes no other along
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
from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from rich.console import Console
from rich.progress import track

from zsl.config.compose import HERE
from zsl.config.composer import Composer, require_launchable
from zsl.config.hydra_errors import explained
from zsl.config.hydra_job import output_of, overrides_of
from zsl.config.overrides import written
from zsl.config.tree import tree
from zsl.errors import InputError
from zsl.files.redaction import without_secrets
from zsl.runs.console import say
from zsl.runs.job import NOT_REPEATED
from zsl.runs.worker import Attempt, Outcome, line

LOGS = ".submitit"
"""below paths.output: what was sent to jobs that run under submitit, and what they wrote"""
SHOWN = 20
"""configurations to compose from which on a terminal shows how far it is"""
Batches = Sequence[Sequence[Sequence[str]]]
"""the overrides of every job, of those that are launched together"""


class Forget(Callback):
    """Of every job that is over Hydra keeps the whole configuration, twice; what became of it is enough."""

    def on_job_end(self, config: Any, job_return: JobReturn, **_: Any) -> None:  # noqa: ARG002
        """Let go of them."""
        job_return.cfg = job_return.hydra_cfg = None


def multirun(arguments: argparse.Namespace, started: datetime) -> int:
    """Launch every job of the sweep that the overrides span; the status of the command.

    Raises:
        InputError: the configuration cannot be composed, the sweep matches no job, or jobs failed by a user's mistake.
        KeyboardInterrupt: it was asked to stop; the message says how to go on.
    """
    name, folder = arguments.config_name or "config", arguments.config_path or tree() / "conf"
    forget = f"+hydra.callbacks.forget._target_={__name__}.{Forget.__name__}"
    deferred = _deferred(arguments.overrides)
    overrides = [*(word for word in arguments.overrides if word not in deferred), *HERE, forget]
    if arguments.config_dir:
        place = written("", f"file://{Path(arguments.config_dir).absolute()}")[1:]
        overrides.append(f"hydra.searchpath=[{place}]")
    with initialize_config_dir(str(folder), "zsl", "1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        with explained():
            composed = hydra.compose_config(name, overrides, RunMode.MULTIRUN, with_log_configuration=False)
            with read_write(composed), open_dict(composed):
                composed.hydra.overrides.task = [*overrides_of(composed.hydra), *deferred]
            output = output_of(composed)
            composer = Composer(hydra.config_loader)
            batches = _batches(composer, composed)
        if not (total := sum(map(len, batches))):
            raise InputError("the sweep matches no job; look at the globs and lists on the command line (zsl list)")
        _lead_submitit(composed, output)
        go_on = _go_on(arguments, output)
        try:
            with explained():
                outcomes = _launched(composer, composed, batches, Attempt(started, total))
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(f"{str(stop) or 'interrupted'}; {go_on}") from None
        except InputError:
            raise
        except Exception as error:  # a process of the launcher's was killed, and with it what other jobs came to
            traceback.print_exc()
            lost = f"zsl: the launcher failed ({without_secrets(line(error))}); zsl jobs {output} lists what there is"
            sys.stderr.write(f"{lost}; {go_on}\n")
            return 1
    return _report(outcomes, output)


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
    """Every job. So many are composed that every two overrides have met, so that what cannot be is refused before any
    is launched.
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
    batches = BasicSweeper.split_arguments(parsed, sweeper.max_batch_size)
    different = list(composer.different(chain.from_iterable(batches)))
    console = Console(stderr=True)
    hidden = len(different) < SHOWN or not console.is_terminal
    for job in track(different, "composing", transient=True, console=console, disable=hidden):
        composer.load_sweep_config(composed, job)
    return batches


def _lead_submitit(composed: DictConfig, output: Path) -> None:
    """Have what submitit writes beside the results, and not in the working folder."""
    place = OmegaConf.select(composed, "hydra.launcher.submitit_folder")
    if place is not None and str(place).startswith(f"{composed.hydra.sweep.dir}/"):
        # what jobs come to lies there pickled, so nobody may have put anything there before
        composed.hydra.launcher.submitit_folder = f"{output / LOGS}/%j-{secrets.token_hex(8)}"
        sys.stderr.write(f"what jobs write: {output / LOGS}; how far they are: zsl jobs {output}\n")


def _launched(composer: Composer, composed: DictConfig, batches: Batches, attempt: Attempt) -> list[Outcome]:
    context = HydraContext(config_loader=composer, callbacks=Callbacks(composed))
    launcher = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=attempt, config=composed)
    outcomes: list[Outcome] = []
    for batch in batches:
        outcomes += [job.return_value for job in launcher.launch(batch, initial_job_idx=len(outcomes))]
    return outcomes


def _go_on(arguments: argparse.Namespace, output: Path) -> str:
    kept = without_secrets([override for override in arguments.overrides if not override.startswith(NOT_REPEATED)])
    return f"go on with: {shlex.join(['zsl', 'train', '-m', *kept, written('paths.output', str(output))])}"


def _report(outcomes: Sequence[Outcome], output: Path) -> int:
    """Count the jobs, and list those that failed, each with the command that runs it alone.

    Raises:
        InputError: jobs failed, all by a user's mistake.
    """
    counts = Counter(outcome.state for outcome in outcomes)
    states = ", ".join(f"{n} {state}" for state, n in counts.items())
    say(f"{len(outcomes)} jobs: {states}: {output}")
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    for outcome in failed:
        sys.stderr.write(without_secrets(f"{outcome.traceback or ''}{outcome.job.folder.name}: {outcome.error}\n"))
        sys.stderr.write(f"  again: {outcome.job.command}\n")
    if failed and not any(outcome.traceback for outcome in failed):
        raise InputError(f"{len(failed)} of {len(outcomes)} jobs failed; the first: {failed[0].error}")
    return 1 if failed else 0
