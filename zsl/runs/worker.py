"""Execution of one job of a multirun, in any process: kept, resumed or run; a failure does not affect other jobs."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from zsl.config.compose import register_started
from zsl.config.plugins import named
from zsl.config.search_space import without_typed
from zsl.errors import InputError, out_of_memory
from zsl.files.redaction import without_secrets
from zsl.progress import progress
from zsl.runs.console import print_result, show_log
from zsl.runs.job import Job
from zsl.runs.tally import Tally

State = Literal["done", "kept", "failed", "running in another process"]


@dataclass(frozen=True)
class Outcome:
    """Outcome of a job."""

    state: State
    job: Job
    error: str = ""
    """message of one line"""
    traceback: str | None = None
    """traceback of an error that is no InputError"""


@dataclass(frozen=True)
class Worker:
    """Task function of a multirun, called for every job; it is sent to the process that runs the job."""

    started: datetime
    total: int
    """number of jobs in the multirun"""
    tally: Tally
    shown: bool = True
    """whether results, and messages of the log, are printed"""
    config_dir: str | None = None
    """folder of choices that the user has named"""
    searches: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def __call__(self, cfg: DictConfig) -> Outcome:
        """Run one job and return its outcome, also if it fails."""
        with named(self.config_dir):
            return self._outcome(cfg)

    def _outcome(self, cfg: DictConfig) -> Outcome:
        from zsl.config.hydra_job import output_of, overrides_of
        from zsl.files.folder import folder

        register_started(self.started)
        if self.shown:
            show_log()
        hydra_config = HydraConfig.get()
        overrides = overrides_of(hydra_config)
        job = Job.of(_content(cfg, overrides), hydra_config.runtime.choices, output_of(cfg), overrides)
        place = f"[{hydra_config.job.num + 1}/{self.total}] "
        outcome = Outcome("running in another process", job)
        token = progress.job.set(place)
        try:
            with folder(job.folder), job.claimed() as mine:
                if mine:
                    outcome = self._run(cfg, job, hydra_config, place)
        except InputError as error:
            outcome = Outcome("failed", job, line(error))
        finally:
            progress.job.reset(token)
        if outcome.state == "failed" and self.shown:
            sys.stderr.write(without_secrets(f"{place}failed: {job.folder.name}: {outcome.error}\n"))
        count = self.tally.add(kept=outcome.state not in ("done", "failed"))
        if self.shown:
            sys.stderr.write(count)
            sys.stderr.flush()
        return outcome

    def _run(self, cfg: DictConfig, job: Job, hydra_config: HydraConf, place: str) -> Outcome:
        from zsl.config.experiment import Experiment
        from zsl.config.hydra_job import names_of

        try:
            experiment = Experiment.from_config(cfg, names_of(hydra_config), job.overrides, opened=True)
        except Exception as error:
            return _failed_by(job, error)
        from zsl.runs.run import run
        from zsl.training.resumption import InterruptedRunError

        try:
            again = experiment.rerun
            kept = None if again else job.result(experiment.extra_files, lambda: experiment.load_data().fingerprints)
            result = kept or run(experiment, job.folder, self.searches, lambda data: job.begin(data, again))
        except InterruptedRunError as stop:
            raise KeyboardInterrupt(str(stop)) from None
        except Exception as error:
            return _failed_by(job, error)
        job.finish()
        if self.shown:
            print_result(result, job.folder, place, " (kept)" if kept else "")
        return Outcome("kept" if kept else "done", job)


def line(error: BaseException) -> str:
    """Return the message of an error on one line, with the name of its class unless it is an :class:`InputError`."""
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def _failed_by(job: Job, error: Exception) -> Outcome:
    """Return the outcome of a job that the error, which is being handled, has ended."""
    known = error if isinstance(error, InputError) else out_of_memory(error)
    return _failed(job, known) if known else _failed(job, error, traceback.format_exc())


def _failed(job: Job, error: Exception, trace: str | None = None) -> Outcome:
    with suppress(InputError):  # the disk may be full
        job.fail(line(error), trace)
    return Outcome("failed", job, line(error), trace)


def _content(cfg: DictConfig, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of an experiment, resolved if possible: a job has a folder even if it cannot run."""
    try:
        content = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException:
        content = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(content, dict)
    sweep = without_typed(content["sweep"], overrides)
    return {**{str(key): value for key, value in content.items()}, "sweep": sweep}
