"""One run: data, stage, choice, training, scores, metrics, ``result.json``. This sequence stands nowhere else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from zsl.config.experiment import Experiment
from zsl.data.protocol import EmbeddedDataset
from zsl.errors import InputError
from zsl.evaluation.evaluate import evaluate
from zsl.evaluation.scoring import score
from zsl.files.folder import folder
from zsl.outputs import edges
from zsl.outputs.names import CHECKPOINT, MODEL, TRIALS
from zsl.outputs.result import Result, write
from zsl.runs.choosing import Searches, choose_by_policy
from zsl.runs.model import predictor
from zsl.runs.predictions import save_predictions
from zsl.runs.record import job, record
from zsl.runs.train import train
from zsl.selection.choice import Choice
from zsl.selection.trials import TrialLog
from zsl.tracking.tracking import Tracking
from zsl.training.resumption import CURE, InterruptedRunError
from zsl.training.sealing import origin

log = logging.getLogger(__name__)
Begin = Callable[[Mapping[str, str]], bool]
"""fingerprints of the data -> whether to resume what an earlier attempt left"""
Choose = Callable[[Experiment, EmbeddedDataset, TrialLog, Searches], Choice | None]
"""chooses hyperparameters, epochs, correction and calibration on one stage of the data"""


def run(
    experiment: Experiment,
    output: Path | None = None,
    searches: Searches | None = None,
    begin: Begin | None = None,
    choose: Choose = choose_by_policy,
    spent: Mapping[str, float] = MappingProxyType({}),
) -> Result:
    """Run an experiment and write ``output/result.json``.

    Args:
        experiment: what to run.
        output: folder of the run, by default that of the experiment.
        searches: what was chosen by earlier runs of this process; runs that would search alike search once.
        begin: called when the data are loaded; without it the run resumes if the experiment says so.
        choose: makes the choices, by default on the stage that ``selection.policy`` names.
        spent: seconds that were spent on parts of the run before it began.

    Raises:
        InputError: the data cannot be used, or training diverged.
        InterruptedRunError: the run was stopped.
    """
    output = output or experiment.output
    checkpoints = output / "checkpoints" / experiment.identity
    if begin is None and experiment.resume:
        _require_checkpoint(checkpoints)
    timings = dict(spent)
    with folder(checkpoints), Tracking(experiment.trackers()) as tracking:
        with timed(timings, "data"):
            source = experiment.load_data()
            stage = experiment.stage(source)
        prints = dict(source.fingerprints)
        resume = begin(prints) if begin else experiment.resume
        tracking.begin(lambda: job(experiment, source, output, checkpoints, resume))
        trials = None if experiment.selection.policy == "fixed" else checkpoints / TRIALS
        with TrialLog(trials, prints, resume, tracking.trial) as trial_log:
            with timed(timings, "selection"):
                choice = choose(experiment, source, trial_log, {} if searches is None else searches)
            with kept(trial_log):
                with timed(timings, "fit"):
                    of = origin(experiment.identity, prints)
                    point = choice.hyperparameters if choice else {}
                    model = train(experiment, stage, point, tracking.callbacks, checkpoints, resume, of)
                with timed(timings, "evaluation"):
                    correction = choice.correction if choice else experiment.correction
                    scored = score(model, stage.held_out).corrected(correction)
                    evaluation = evaluate(scored.zsl, scored.gzsl, calibration=choice.calibration if choice else None)
                result = record(experiment, source, stage, choice, model, correction, scored, evaluation, timings)
                if experiment.save.model:
                    predictor(experiment, source, stage, choice, model, correction).save(output / MODEL)
                if experiment.save.predictions:
                    save_predictions(scored, stage, output)
                write(result, output)
        for warning in edges.warnings([result]):
            log.warning("%s", warning)
        tracking.record(output)
    return result


@contextmanager
def kept(trial_log: TrialLog) -> Iterator[None]:
    """Make a run that is stopped after a search resumable: its trials are on disk.

    Raises:
        InterruptedRunError: the run was stopped.
    """
    try:
        yield
    except (InterruptedRunError, KeyboardInterrupt) as error:
        if trial_log.path is None:
            raise
        where = error.where if isinstance(error, InterruptedRunError) else "the evaluation"
        raise InterruptedRunError(where, resumable=True) from None


@contextmanager
def timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds that pass within the block."""
    start = time.perf_counter()
    yield
    timings[name] = round(timings.get(name, 0.0) + time.perf_counter() - start, 4)


def _require_checkpoint(checkpoints: Path) -> None:
    if not any((checkpoints / name).is_file() for name in (CHECKPOINT, TRIALS)):
        raise InputError(
            f"resume=true: {checkpoints / CHECKPOINT} is not there (the same configuration writes it); {CURE}"
        )
