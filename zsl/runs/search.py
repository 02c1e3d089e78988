"""``zsl sweep``: hyperparameters are searched on validation classes, then the best are trained and reported."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from omegaconf import OmegaConf
from rich.console import Console
from rich.progress import Progress

from zsl.config.build import ANY_DATA
from zsl.config.compose import compose_chosen
from zsl.config.experiment import Experiment
from zsl.config.hydra_job import Names
from zsl.config.search_space import replacing
from zsl.data.protocol import EmbeddedDataset
from zsl.errors import InputError
from zsl.files.folder import folder
from zsl.files.redaction import WITHHELD, without_secrets
from zsl.files.source_file import require_file_name
from zsl.outputs.identity import MEANS
from zsl.outputs.result import Result
from zsl.runs.choosing import validation
from zsl.runs.console import show, show_log
from zsl.runs.job import verified
from zsl.runs.run import run
from zsl.selection.choice import Choice, best, points
from zsl.selection.space import Range
from zsl.selection.trials import TrialLog
from zsl.training.resumption import InterruptedRunError

if TYPE_CHECKING:
    from zsl.selection.optuna.plan import Plan
    from zsl.selection.optuna.storage import Storage

POLL = 0.5
"""seconds between two looks at whether other processes have ended their trials"""
FREE = (*MEANS, "data", "class_embedding", "protocol", "search", "sweep")
"""parts of a configuration that trials of one study need not have in common, beside what `_identity` says of them"""
STORAGE = "search.storage="
log = logging.getLogger(__name__)


def sweep(overrides: Sequence[str]) -> int:
    """Search, alone or with other processes, and write ``result.json`` as :func:`zsl.runs.run.run` does.

    Raises:
        InputError: the configuration, the data or the storage cannot be used, or a test metric is to be the objective.
        KeyboardInterrupt: it was stopped; the message says how to go on.
    """
    if find_spec("optuna") is None:
        raise InputError("zsl sweep: Optuna is not installed; pip install 'zsl[sweep]'")
    shown = [_without_address(word) for word in overrides]
    experiment = _composed(overrides, shown)
    show_log()
    try:
        with folder(experiment.output):
            result = _run(experiment)
    except (InterruptedRunError, KeyboardInterrupt):
        command = shlex.join(["zsl", "sweep", *shown])
        raise KeyboardInterrupt(f"stopped; trials that have ended are kept; go on with: {command}") from None
    show(result, experiment.output)
    return 0


def _composed(overrides: Sequence[str], shown: Sequence[str]) -> Experiment:
    cfg, chosen = compose_chosen([replacing(word) for word in overrides], "search")
    if OmegaConf.is_missing(cfg.search, "study"):
        cfg.search.study = f"{chosen['method']}-{chosen['data']}"
    _require_validation(cfg)
    experiment = Experiment.from_config(cfg, Names.of(chosen), shown)
    assert experiment.search is not None
    require_file_name("search.study", experiment.search.study)
    if experiment.search.storage is not None:
        from zsl.selection.optuna.storage import require_address

        require_address(experiment.search.storage)
    return experiment


def _without_address(override: str) -> str:
    """An address may hold a password; a reference to where it stands may stay."""
    held = override.lstrip("+").startswith(STORAGE) and "://" in override
    return STORAGE + WITHHELD if held else without_secrets(override)


def _require_validation(cfg: Any) -> None:
    policy, objective = cfg.selection.policy, cfg.selection.objective
    if policy == "test":
        raise InputError(
            "selection=test: a search that sees test images would choose by what it is to be judged by; leave it out"
        )
    if policy == "fixed":
        raise InputError("selection=fixed: nothing would be chosen; leave it out, or run zsl train")
    if objective not in ("T1", "H", "H_raw"):
        raise InputError(
            f"selection.objective={objective}: a search is led by T1, H or H_raw of validation classes, never by "
            "numbers of the test set; choose one of these"
        )
    if cfg.resume:
        raise InputError("resume=true: a search goes on by itself when it is launched again; leave it out")


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

    with _alone(output):  # whoever comes second finds it written
        return _written(experiment, source, choice) or run(
            experiment, begin=lambda _: False, choose=chosen, spent=spent
        )


@contextmanager
def _alone(output: Path) -> Iterator[None]:
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
    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with storage.explained(), Search(plan, _identity(experiment, source), storage) as search, bar:
        task, waiting = bar.add_task(f"searching on {stage.name}", total=plan.total), False
        while search.ended() < plan.total:
            claims = search.claims()
            first = next(claims, None)
            if first is None:
                if not waiting:
                    log.info("every trial is taken; waiting for %d of other processes", plan.total - search.ended())
                waiting = True
                bar.update(task, completed=search.ended())
                time.sleep(POLL)
                continue
            for trial in examined.trials(chain([first], claims)):
                search.finish(trial)
                bar.update(task, completed=search.ended())
        return best(search.trials(), examined.correction, examined.objective)


def _plan(experiment: Experiment) -> Plan:
    from zsl.selection.optuna.plan import Plan

    search, space = experiment.search, experiment.space
    assert search is not None
    every = points(experiment.grid) if search.sampler == "grid" else None
    if every is not None and search.trials is not None:
        raise InputError(
            f"search.trials={search.trials}: a grid has {len(every)} points and tries them all; leave it out"
        )
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
    )


def _identity(experiment: Experiment, source: EmbeddedDataset) -> dict[str, Any]:
    """Return dotted key -> value of all that trials of one study have in common.

    What data and class embeddings are, and not where they lie on a machine, their fingerprints say.
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
    """Return the result of this very search, if it is there with all that is asked for."""
    output = experiment.output
    if experiment.rerun or not all((output / name).is_file() for name in experiment.beside):
        return None
    before = verified(output, experiment.identity, lambda: source.fingerprints)
    trials = without_secrets(json.loads(json.dumps([trial.record() for trial in choice.trials])))
    return before if before and before.selection.trials == trials else None
