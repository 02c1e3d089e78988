"""``zsl sweep``: a search for hyperparameters on validation classes, followed by a run with the best ones."""

from __future__ import annotations

import json
import logging
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from zsl.config.build import ANY_DATA
from zsl.config.experiment import Experiment
from zsl.config.plugins import flags
from zsl.data.protocol import EmbeddedDataset
from zsl.errors import InputError
from zsl.files.folder import folder
from zsl.files.redaction import without_secrets
from zsl.outputs.identity import MEANS
from zsl.outputs.result import Result
from zsl.progress.progress import Progress
from zsl.runs.choosing import embedded, validation, warn_of_eszsl
from zsl.runs.console import print_result
from zsl.runs.job import verified
from zsl.runs.run import run
from zsl.selection.choice import Choice, best, compared, points
from zsl.selection.epochs import ShouldContinue
from zsl.selection.space import CORRECTION, EMBEDDING, Hyperparameters, Range, of_embedding
from zsl.selection.trials import Trial, TrialLog
from zsl.selection.validation import Validation
from zsl.training.resumption import InterruptedRunError

if TYPE_CHECKING:
    from zsl.selection.optuna.plan import Plan
    from zsl.selection.optuna.storage import Storage

POLL = 0.5
"""seconds between checks whether other processes have finished their trials"""
FREE = (*MEANS, "data", "class_embedding", "protocol", "search", "sweep")
"""parts of a configuration that may differ between trials of one study, except for the keys that `_study_key` adds"""
log = logging.getLogger(__name__)


def sweep(experiment: Experiment) -> int:
    """Search, alone or with other processes, and write ``result.json`` as :func:`zsl.runs.run.run` does.

    Raises:
        InputError: the data or the storage cannot be used.
        KeyboardInterrupt: the search was stopped; the message holds the command that resumes it.
    """
    try:
        with folder(experiment.output):
            result = _run(experiment)
    except (InterruptedRunError, KeyboardInterrupt):
        command = shlex.join(["zsl", "sweep", *flags(), *experiment.overrides])
        raise KeyboardInterrupt(f"stopped; finished trials are kept; resume with: {command}") from None
    print_result(result, experiment.output)
    return 0


def _run(experiment: Experiment) -> Result:
    from zsl.selection.optuna.storage import Storage

    search, output = experiment.search, experiment.output
    assert search is not None
    choosing = experiment.for_choosing()
    plan = _plan(choosing)
    source = experiment.load_data()
    started = time.perf_counter()
    storage = Storage(search.storage or f"sqlite:///{output / 'study.db'}", search.stale)
    choice = _searched(choosing, source, plan, storage)
    spent = {"selection": time.perf_counter() - started}
    experiment = experiment.without_storage()

    def chosen(_e: Experiment, _s: EmbeddedDataset, trial_log: TrialLog, _searches: object) -> Choice:
        for trial in choice.trials:
            trial_log.add(trial)
        return choice

    with _exclusive(output):  # a second process finds the result written
        return _written(experiment, source, choice) or run(
            experiment, on_data_loaded=lambda _: False, choose=chosen, spent=spent
        )


@contextmanager
def _exclusive(output: Path) -> Iterator[None]:
    place = output / ".result.lock"
    with FileLock(place):
        try:
            yield
        finally:
            place.unlink(missing_ok=True)


def _searched(experiment: Experiment, source: EmbeddedDataset, plan: Plan, storage: Storage) -> Choice:
    from zsl.selection.optuna.study import Search

    stage = experiment.stage(source, "tune")
    examined = validation(experiment, stage)
    progress, waiting = Progress(f"searching on {stage.name}", plan.total, "trials"), False
    with storage.explained(), Search(plan, _study_key(experiment, source), storage) as search, progress:
        progress.resume(search.ended())
        while search.ended() < plan.total:
            claims = search.claims()
            first = next(claims, None)
            if first is None:
                if not waiting:
                    log.info("waiting for %d trials that other processes run", plan.total - search.ended())
                waiting = True
                progress.update(search.ended())
                time.sleep(POLL)
                continue
            for trial in _tried(experiment, examined, chain([first], claims)):
                search.finish(trial)
                progress.update(search.ended(), lambda: compared(search.trials(), examined.objective), part=True)
        choice = best(search.trials(), examined.correction, examined.objective)
    warn_of_eszsl(experiment, stage, choice)
    return choice


def _tried(
    experiment: Experiment, examined: Validation, points: Iterator[tuple[Hyperparameters, ShouldContinue | None]]
) -> Iterator[Trial]:
    """Yield a trial for every point; where points have hyperparameters of the class embedding, one after the other."""
    if not any(key.startswith(EMBEDDING) for key in experiment.space):
        yield from examined.trials(points)
        return
    for point in points:
        yield from embedded(experiment, examined.stage.name, of_embedding(point[0])).trials([point])


def _plan(experiment: Experiment) -> Plan:
    from zsl.selection.optuna.plan import Plan

    search, space = experiment.search, experiment.space
    assert search is not None
    every = points(experiment.grid) if search.sampler == "grid" else None
    if every is not None and search.trials is not None:
        raise InputError(f"search.trials={search.trials}: a grid search tries all {len(every)} points; leave it out")
    if every is None and not space:
        raise InputError("sweep: names nothing to search; give sweep.KEY=[…] or a range (conf/sweep/<method>.yaml)")
    if every is None and (search.trials is None or search.trials < 1):
        given = "null" if search.trials is None else search.trials
        raise InputError(f"search.trials={given}: must be a whole number of at least 1")
    return Plan(
        study=search.study,
        space=space,
        points=every,
        total=len(every) if every is not None else search.trials or 0,
        objective=experiment.selection.objective,
        seed=experiment.seed,
        pruner=search.pruner,
        epochs=experiment.method(ANY_DATA, {}).epochs,
        default={key: _configured(experiment, key) for key in space},
    )


def _configured(experiment: Experiment, key: str) -> Any:
    """Return the value that the configuration has for a key of the search space."""
    whole = key.startswith((CORRECTION, EMBEDDING))
    node: Any = experiment.config if whole else experiment.config["method"]
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _study_key(experiment: Experiment, source: EmbeddedDataset) -> dict[str, Any]:
    """Return dotted key -> value of all settings that trials of one study share.

    Data and class embeddings are identified by their fingerprints, not by their paths.
    """
    content = experiment.config
    kept = dict(_dotted({key: value for key, value in content.items() if key not in FREE}))
    del kept["selection.seed"]
    kept |= {f"{key}.scale": content[key]["scale"] for key in ("data", "class_embedding")}
    kept |= {"protocol.seen_holdout": content["protocol"]["seen_holdout"], "data": source.dataset.name}
    kept |= {"trainer.precision": content["trainer"]["precision"]}
    kept |= {f"search.{key}": content["search"][key] for key in ("sampler", "pruner")}
    kept |= {
        f"sweep.{key}": asdict(axis) if isinstance(axis, Range) else axis for key, axis in experiment.space.items()
    }
    return kept | {f"fingerprints.{key}": value for key, value in source.fingerprints.items()}


def _dotted(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _written(experiment: Experiment, source: EmbeddedDataset, choice: Choice) -> Result | None:
    """Return the result of this search if it is written, with all files that the experiment asks for; else None."""
    output = experiment.output
    if experiment.rerun or not all((output / name).is_file() for name in experiment.extra_files):
        return None
    before = verified(output, experiment.identity, lambda: source.fingerprints)
    trials = without_secrets(json.loads(json.dumps([trial.record() for trial in choice.trials])))
    return before if before and before.selection.trials == trials else None
