"""``zsl sweep``: hyperparameters are searched on validation classes, then the best are trained and reported."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import Progress

from zsl.config.build import ANY_DATA, build, check_all, fingerprints, prepare, stage_of, trackers
from zsl.config.compose import compose_chosen
from zsl.config.hydra_job import Names
from zsl.config.search_space import axes, grid, replacing
from zsl.config.settings import PathKeys, plain
from zsl.data.protocol import Source
from zsl.errors import InputError
from zsl.files.folder import folder
from zsl.files.redaction import WITHHELD, without_secrets
from zsl.files.source_file import require_file_name
from zsl.results import result as results
from zsl.results.identity import MEANS, identity
from zsl.results.result import Result
from zsl.runs.console import show, show_log
from zsl.runs.folder import beside
from zsl.runs.record import job
from zsl.runs.run import Ground, conclude, examiner, for_choosing, timed, train
from zsl.selection.choice import Choice, best, points
from zsl.selection.space import Range
from zsl.tracking.tracking import Tracking
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
    """Search, alone or with others, and write ``result.json`` as `zsl.runs.run.run` does.

    Raises:
        InputError: the configuration, the data or the storage cannot be used, or a test metric is to be the objective.
        KeyboardInterrupt: it was stopped; the message says how to go on.
    """
    if find_spec("optuna") is None:
        raise InputError("zsl sweep: Optuna is not installed; pip install 'zsl[sweep]'")
    cfg, chosen = compose_chosen([replacing(word) for word in overrides], "search")
    if OmegaConf.is_missing(cfg.search, "study"):
        cfg.search.study = f"{chosen['method']}-{chosen['data']}"
    _require_validation(cfg)
    check_all(cfg)
    require_file_name("search.study", cfg.search.study)
    if cfg.search.storage is not None:
        from zsl.selection.optuna.storage import require_address

        require_address(cfg.search.storage)
    names = Names(chosen["method"], chosen["class_embedding"], chosen["correction"])
    output = Path(plain(cfg, "paths", PathKeys)["output"]).expanduser().absolute()
    shown = [_without_address(word) for word in overrides]
    show_log()
    try:
        with folder(output):
            result = _run(cfg, output, names, shown)
    except (InterruptedRunError, KeyboardInterrupt):
        command = shlex.join(["zsl", "sweep", *shown])
        raise KeyboardInterrupt(f"stopped; trials that have ended are kept; go on with: {command}") from None
    show(result, output)
    return 0


def _without_address(override: str) -> str:
    """An address may hold a password; a reference to where it stands may stay."""
    held = override.lstrip("+").startswith(STORAGE) and "://" in override
    return STORAGE + WITHHELD if held else without_secrets(override)


def _require_validation(cfg: DictConfig) -> None:
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


def _run(cfg: DictConfig, output: Path, names: Names, overrides: Sequence[str]) -> Result:
    from zsl.selection.optuna.storage import Storage

    timings: dict[str, float] = {}
    choosing = for_choosing(cfg)
    plan = _plan(choosing)
    with timed(timings, "data"):
        source = prepare(cfg)
    with timed(timings, "selection"):
        storage = Storage(cfg.search.storage or f"sqlite:///{output / 'study.db'}", cfg.search.stale)
        choice = _searched(choosing, source, plan, storage)
    if cfg.search.storage is not None:
        cfg.search.storage = WITHHELD
    with _alone(output):  # whoever comes second finds it written
        before = _written(output, cfg, source, choice)
        if before is not None:
            return before
        stage = stage_of(cfg, source, cfg.protocol.name)
        with Tracking(trackers(cfg)) as tracking:
            tracking.begin(lambda: job(cfg, names, source, output, output, False))
            for number, trial in enumerate(choice.trials, start=1):
                tracking.trial(number, trial.record())
            with timed(timings, "fit"):
                model = train(cfg, stage, choice.hyperparameters, tracking.callbacks)
            result = conclude(cfg, output, names, overrides, Ground(source, stage), choice, model, timings)
            tracking.record(output)
        return result


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    place = output / ".result.lock"
    with FileLock(place):
        try:
            yield
        finally:
            place.unlink(missing_ok=True)


def _searched(cfg: DictConfig, source: Source, plan: Plan, storage: Storage) -> Choice:
    from zsl.selection.optuna.study import Search

    stage = stage_of(cfg, source, "tune")
    examined = examiner(cfg, stage)
    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with storage.explained(), Search(plan, _identity(cfg, source), storage) as search, bar:
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


def _plan(cfg: DictConfig) -> Plan:
    from zsl.selection.optuna.plan import Plan

    sampler, trials, space = cfg.search.sampler, cfg.search.trials, axes(cfg)
    every = points(grid(cfg)) if sampler == "grid" else None
    if every is not None and trials is not None:
        raise InputError(f"search.trials={trials}: a grid has {len(every)} points and tries them all; leave it out")
    if every is None and not space:
        raise InputError("sweep: names nothing to search; give sweep.KEY=[…] or a range (conf/sweep/<method>.yaml)")
    if every is None and (trials is None or trials < 1):
        raise InputError(f"search.trials={'null' if trials is None else trials}: must be a whole number of at least 1")
    return Plan(
        study=cfg.search.study,
        space=space,
        points=every,
        total=trials if every is None else len(every),
        objective=cfg.selection.objective,
        seed=cfg.seed,
        pruner=cfg.search.pruner,
        epochs=build(cfg.method, ANY_DATA, {}).epochs,
    )


def _identity(cfg: DictConfig, source: Source) -> dict[str, Any]:
    """Dotted key -> value of all that trials of one study have in common. What data and class embeddings are, and not
    where they lie on a machine, their fingerprints say.
    """
    content = plain(cfg)
    kept = dict(_dotted({key: value for key, value in content.items() if key not in FREE}))
    del kept["selection.seed"]
    kept |= {f"{key}.scale": content[key]["scale"] for key in ("data", "class_embedding")}
    kept |= {"protocol.seen_holdout": content["protocol"]["seen_holdout"], "data": source.dataset.name}
    kept |= {"trainer.precision": content["trainer"]["precision"]}
    kept |= {f"search.{key}": content["search"][key] for key in ("sampler", "pruner")}
    kept |= {f"sweep.{key}": asdict(axis) if isinstance(axis, Range) else axis for key, axis in axes(cfg).items()}
    return kept | {f"fingerprints.{key}": value for key, value in fingerprints(source).items()}


def _dotted(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _written(output: Path, cfg: DictConfig, source: Source, choice: Choice) -> Result | None:
    """The result of this very search, if it is there with all that is asked for."""
    if cfg.rerun or not all((output / name).is_file() for name in beside(cfg.save.weights, cfg.save.predictions)):
        return None
    with suppress(InputError):
        before = results.read(output / results.NAME)
        trials = without_secrets(json.loads(json.dumps([trial.record() for trial in choice.trials])))
        same = identity(before.config) == identity(plain(cfg))
        if same and before.fingerprints == fingerprints(source) and before.selection.trials == trials:
            return before
    return None
