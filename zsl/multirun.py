"""``zsl train -m``: every job of a sweep, in this process or in others, each with a folder of its own.

A job whose result is there is kept, one that was stopped goes on, one that fails says so in its folder and takes no
other along. What became of each comes back through Hydra's launcher, whichever that is.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback

from zsl.configuration import register_started, tree
from zsl.errors import InputError
from zsl.explanations import explained
from zsl.jobs import NOT_REPEATED, Job

if TYPE_CHECKING:
    from zsl.record import Names

State = Literal["done", "kept", "failed", "under way elsewhere"]
LOGS = ".submitit"
"""below paths.output: what was sent to jobs that run under submitit, and what they wrote"""


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    state: State
    job: Job
    error: str = ""
    traceback: str | None = None


class Forget(Callback):
    """Of every job that is over Hydra keeps the whole configuration, twice; what became of it is enough."""

    def on_job_end(self, config: Any, job_return: JobReturn, **_: Any) -> None:  # noqa: ARG002
        """Let go of them."""
        job_return.cfg = job_return.hydra_cfg = None


@dataclass(frozen=True)
class Task:
    """What is done for every job; it is sent to whatever process a launcher runs the job in."""

    started: datetime
    total: int
    searches: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def __call__(self, cfg: Any) -> Outcome:
        """Run one job, or keep what is there of it; what goes wrong is an outcome."""
        from hydra.core.hydra_config import HydraConfig

        from zsl.console import show_log
        from zsl.launch import names_of, output_of, overrides_of
        from zsl.output import folder

        register_started(self.started)
        show_log()
        hydra_config = HydraConfig.get()
        job = Job.of(_content(cfg), hydra_config.runtime.choices, output_of(cfg), overrides_of(hydra_config))
        place = f"[{hydra_config.job.num + 1}/{self.total}] "
        try:
            with folder(job.folder), job.claimed() as mine:
                outcome = self._run(cfg, job, names_of(hydra_config), place) if mine else _elsewhere(job)
        except InputError as error:
            outcome = Outcome("failed", job, _line(error))
        if outcome.state == "failed":
            sys.stderr.write(f"{place}failed: {job.folder.name}: {outcome.error}\n")
        with suppress(OSError):  # made by Hydra, on another machine too
            Path(hydra_config.runtime.output_dir).rmdir()
        return outcome

    def _run(self, cfg: Any, job: Job, names: Names, place: str) -> Outcome:
        from zsl.assembly import fingerprints, prepare
        from zsl.console import show
        from zsl.output import PREDICTIONS, WEIGHTS
        from zsl.resumption import InterruptedRunError
        from zsl.train import run

        again = cfg.rerun is True
        wanted = [name for name, asked in ((WEIGHTS, cfg.save.weights), (PREDICTIONS, cfg.save.predictions)) if asked]
        try:
            kept = None if again else job.result(wanted, lambda: fingerprints(prepare(cfg)))
            result = kept or run(
                cfg, job.folder, names, job.overrides, self.searches, lambda data: job.begin(data, again)
            )
        except InterruptedRunError as stop:
            raise KeyboardInterrupt(str(stop)) from None
        except InputError as error:
            return _failed(job, error)
        except Exception as error:
            return _failed(job, error, traceback.format_exc())
        job.finish()
        show(result, job.folder, place, " (was there)" if kept else "")
        return Outcome("kept" if kept else "done", job)


def multirun(arguments: argparse.Namespace, scratch: str, started: datetime) -> int:
    """Launch every job of the sweep that the overrides span; the status of the command.

    Raises:
        InputError: the configuration cannot be composed, the sweep matches no job, or jobs failed by a user's mistake.
        KeyboardInterrupt: it was asked to stop; the message says how to go on.
    """
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from rich.console import Console

    from zsl.launch import output_of

    name, folder = arguments.config_name or "config", arguments.config_path or tree() / "conf"
    overrides = [*arguments.overrides, f"hydra.sweep.dir='{scratch}'", f"+hydra.callbacks.forget._target_={_FORGET}"]
    if arguments.config_dir:
        overrides.append(f"hydra.searchpath=[file://{Path(arguments.config_dir).absolute()}]")
    with initialize_config_dir(str(folder), "zsl", "1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        with explained():
            composed = _composed(hydra, name, overrides)
            total = _count(hydra, composed)
            output = output_of(composed)
        if not total:
            raise InputError("the sweep matches no job; look at the globs and lists on the command line (zsl list)")
        if "submitit_folder" in composed.hydra.launcher and not any("submitit_folder" in o for o in overrides):
            overrides.append(f"hydra.launcher.submitit_folder='{output / LOGS}/%j'")
            Console(stderr=True).print(
                f"{total} jobs; `zsl jobs {output}` says how far they are", highlight=False, soft_wrap=True
            )
        try:
            with explained():
                returns = hydra.multirun(name, Task(started, total), overrides)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(f"{str(stop) or 'interrupted'}; {_go_on(arguments, output)}") from None
        except InputError:
            raise
        except Exception as error:  # a process of the launcher's was killed, and with it what other jobs came to
            traceback.print_exc()
            lost = f"zsl: the launcher failed ({_line(error)}); `zsl jobs {output}` lists what there is"
            sys.stderr.write(f"{lost}; {_go_on(arguments, output)}\n")
            return 1
    return _report([it.return_value for it in chain.from_iterable(returns)], output)


_FORGET = f"{__name__}.{Forget.__name__}"


def _composed(hydra: Any, name: str, overrides: Sequence[str]) -> Any:
    from hydra.types import RunMode

    return hydra.compose_config(name, list(overrides), RunMode.MULTIRUN, with_log_configuration=False)


def _count(hydra: Any, composed: Any) -> int:
    """How many jobs the sweep has."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    from zsl.launch import overrides_of

    parsed = OverridesParser.create(config_loader=hydra.config_loader).parse_overrides(overrides_of(composed.hydra))
    sweeps = {it.get_key_element(): it for it in parsed}.values()
    return math.prod(sum(1 for _ in it.sweep_string_iterator()) for it in sweeps if it.is_discrete_sweep())


def _go_on(arguments: argparse.Namespace, output: Path) -> str:
    kept = [override for override in arguments.overrides if not override.startswith(NOT_REPEATED)]
    return f"go on with: {shlex.join(['zsl', 'train', '-m', *kept, f'paths.output={output}'])}"


def _content(cfg: Any) -> dict[str, Any]:
    """What a configuration holds, as far as it can be resolved: jobs have a folder even if they cannot run."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        content = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException:
        content = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def _line(error: BaseException) -> str:
    """An error on one line, with its kind where it is none of ours."""
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def _failed(job: Job, error: Exception, trace: str | None = None) -> Outcome:
    with suppress(InputError):  # the disk may be full
        job.fail(_line(error), trace)
    return Outcome("failed", job, _line(error), trace)


def _elsewhere(job: Job) -> Outcome:
    return Outcome("under way elsewhere", job)


def _report(outcomes: Sequence[Outcome], output: Path) -> int:
    """List the jobs that failed, each with the command that runs it alone; the status of the command.

    Raises:
        InputError: jobs failed, all by a user's mistake.
    """
    from rich.console import Console

    counts = Counter(outcome.state for outcome in outcomes)
    summary = ", ".join(f"{n} {state}" for state, n in counts.items())
    Console().print(f"{len(outcomes)} jobs: {summary}; {output}", highlight=False, soft_wrap=True)
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    for outcome in failed:
        sys.stderr.write(f"{outcome.traceback or ''}{outcome.job.folder.name}: {outcome.error}\n")
        sys.stderr.write(f"  again: {outcome.job.command}\n")
    unforeseen = [outcome for outcome in failed if outcome.traceback]
    if failed and not unforeseen:
        raise InputError(f"{len(failed)} of {len(outcomes)} jobs failed; the first: {failed[0].error}")
    return 1 if unforeseen else 0
