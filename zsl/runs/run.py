"""One run: data, stage, choice, training, scores, metrics, ``result.json``. No other module has this sequence."""

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
from zsl.runs.record import describe_run, record
from zsl.runs.train import train
from zsl.selection.choice import Choice
from zsl.selection.trials import TrialLog
from zsl.tracking.tracking import Tracking
from zsl.training.resumption import CURE, InterruptedRunError
from zsl.training.sealing import origin

log = logging.getLogger(__name__)
OnDataLoaded = Callable[[Mapping[str, str]], bool]
"""fingerprints of the data -> whether to resume an earlier attempt"""
Choose = Callable[[Experiment, EmbeddedDataset, TrialLog, Searches], Choice | None]
"""(experiment, source, trial log, cache of choices) -> hyperparameters, epochs, correction and calibration, or None"""


def run(
    experiment: Experiment,
    output: Path | None = None,
    searches: Searches | None = None,
    on_data_loaded: OnDataLoaded | None = None,
    choose: Choose = choose_by_policy,
    spent: Mapping[str, float] = MappingProxyType({}),
) -> Result:
    """Run an experiment and write ``output/result.json``.

    Args:
        experiment: what to run.
        output: folder of the run; by default that of the experiment.
        searches: cache of the choices of earlier runs of this process, so that equal searches are made once.
        on_data_loaded: called when the data are loaded, to decide whether to resume; by default ``resume`` decides.
        choose: makes the choices; by default on the stage that ``selection.policy`` names.
        spent: seconds that were spent on parts of the run before this call.

    Raises:
        InputError: the data cannot be used, or training diverged.
        InterruptedRunError: the run was stopped.
    """
    output = output or experiment.output
    checkpoints = output / "checkpoints" / experiment.identity
    if on_data_loaded is None and experiment.resume:
        _require_checkpoint(checkpoints)
    timings = dict(spent)
    with folder(checkpoints), Tracking(experiment.trackers()) as tracking:
        with timed(timings, "data"):
            source = experiment.load_data()
            stage = experiment.stage(source)
        prints = dict(source.fingerprints)
        resume = on_data_loaded(prints) if on_data_loaded else experiment.resume
        tracking.begin(lambda: describe_run(experiment, source, output, checkpoints, resume))
        trials = None if experiment.selection.policy == "fixed" else checkpoints / TRIALS
        with TrialLog(trials, prints, resume, tracking.trial) as trial_log:
            with timed(timings, "selection"):
                choice = choose(experiment, source, trial_log, {} if searches is None else searches)
            with resumable(trial_log):
                tried = experiment
                if choice and choice.embedding:
                    with timed(timings, "data"):
                        tried = experiment.with_embedding(choice.embedding)
                        source = tried.load_data()
                        stage = tried.stage(source)
                with timed(timings, "fit"):
                    of = origin(experiment.identity, prints)
                    point = choice.hyperparameters if choice else {}
                    model = train(experiment, stage, point, tracking.callbacks, checkpoints, resume, of)
                with timed(timings, "evaluation"):
                    correction = choice.correction if choice else experiment.correction
                    scored = score(model, stage.held_out).corrected(correction)
                    calibration = choice.calibration if choice else None
                    evaluation = evaluate(
                        scored.zsl,
                        scored.gzsl,
                        calibration=calibration,
                        top_k=source.dataset.top_k,
                        hierarchy=source.dataset.hierarchy,
                        classes=stage.classes.names,
                    )
                result = record(experiment, source, stage, choice, model, correction, evaluation, timings)
                if experiment.save.model:
                    predictor(tried, source, stage, choice, model, correction).save(output / MODEL)
                if experiment.save.predictions or experiment.save.scores:
                    kept = scored if experiment.save.scores else None
                    save_predictions(evaluation, kept, stage, output, source.dataset.images, calibration)
                write(result, output)
        if rising := edges.still_rising(result):
            log.info("%s", rising)
        for warning in edges.warnings([result]):
            log.warning("%s", warning)
        tracking.record(output)
    return result


@contextmanager
def resumable(trial_log: TrialLog) -> Iterator[None]:
    """Report a run that is stopped after its search as resumable, because its trials are on disk.

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
    """Add the seconds that the block takes to ``timings[name]``."""
    start = time.perf_counter()
    yield
    timings[name] = round(timings.get(name, 0.0) + time.perf_counter() - start, 4)


def _require_checkpoint(checkpoints: Path) -> None:
    if not any((checkpoints / name).is_file() for name in (CHECKPOINT, TRIALS)):
        raise InputError(
            f"resume=true: {checkpoints / CHECKPOINT} is not there (the same configuration writes it); {CURE}"
        )
