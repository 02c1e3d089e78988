"""One run: data -> method -> fit -> finalize -> scores -> metrics -> ``result.json``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback, seed_everything

from zsl.config.build import (
    ANY_DATA,
    build,
    check_all,
    corrector,
    fingerprints,
    loop,
    prepare,
    require_seed,
    stage_of,
    trackers,
)
from zsl.config.hydra_job import Names
from zsl.config.search_space import grid
from zsl.config.settings import plain
from zsl.data.protocol import Source, Stage
from zsl.errors import InputError
from zsl.evaluation.evaluate import evaluate
from zsl.evaluation.scoring import score
from zsl.files.folder import folder
from zsl.methods.method import Dimensions, ZSLModel
from zsl.results import edges
from zsl.results.identity import identity
from zsl.results.names import CHECKPOINT
from zsl.results.result import Result, write
from zsl.runs.folder import save_predictions, save_weights
from zsl.runs.record import Findings, job, record
from zsl.selection.choice import Choice, choose
from zsl.selection.space import Hyperparameters
from zsl.selection.trials import NAME, Diary
from zsl.selection.validation import Examiner
from zsl.tracking.tracking import Tracking
from zsl.training.fit import finish, fit, fit_grid
from zsl.training.random_draws import watched
from zsl.training.resumption import CURE, InterruptedRunError
from zsl.training.sealing import NOWHERE, origin

log = logging.getLogger(__name__)
Searches = dict[tuple[str, ...], Choice]
"""what was chosen, by all that can change it"""
Begin = Callable[[Mapping[str, str]], bool]
"""fingerprints of the data -> whether to go on from what an earlier attempt left"""


def run(
    cfg: DictConfig,
    output: Path,
    names: Names,
    overrides: Sequence[str] = (),
    searches: Searches | None = None,
    begin: Begin | None = None,
) -> Result:
    """Train and evaluate what ``cfg`` says, and write ``output/result.json``.

    With ``selection=validation`` hyperparameters, epochs, γ and temperature are chosen on the ``tune`` stage first, by
    what scores are worth after the correction. With a ``selection.seed`` they are chosen with that seed, whatever the
    run's own: then runs over seeds that are handed the same ``searches`` search once. ``begin`` is called when the data
    are there; without it the run goes on from an earlier attempt if ``cfg.resume`` says so.

    Raises:
        InputError: the configuration or the data cannot be used.
        InterruptedRunError: the run was stopped and left a checkpoint.
    """
    policy = check_all(cfg)
    if policy != "fixed":
        grid(cfg)
    checkpoints = output / "checkpoints" / identity(plain(cfg))
    if begin is None and cfg.resume:
        require_begun(checkpoints)
    begin = begin or (lambda _: bool(cfg.resume))
    timings: dict[str, float] = {}
    with folder(checkpoints), Tracking(trackers(cfg)) as tracking:
        ground = prepared(cfg, timings)
        resume = begin(fingerprints(ground.source))
        tracking.begin(lambda: job(cfg, names, ground.source, output, checkpoints, resume))
        trials = None if policy == "fixed" else checkpoints / NAME
        with Diary(trials, fingerprints(ground.source), resume, tracking.trial) as diary:
            choice = chosen(cfg, policy, ground, diary, {} if searches is None else searches, timings)
            with kept(diary):
                with timed(timings, "fit"):
                    point = choice.hyperparameters if choice else {}
                    of = origin(checkpoints.name, fingerprints(ground.source))
                    model = train(cfg, ground.stage, point, tracking.callbacks, checkpoints, resume, of)
                result = conclude(cfg, output, names, overrides, ground, choice, model, timings)
        tracking.record(output)
    return result


def require_begun(checkpoints: Path) -> None:
    """Refuse to go on from nothing.

    Raises:
        InputError: the folder holds neither a checkpoint nor trials.
    """
    if not any((checkpoints / name).is_file() for name in (CHECKPOINT, NAME)):
        raise InputError(
            f"resume=true: {checkpoints / CHECKPOINT} is not there (the same configuration writes it); {CURE}"
        )


@contextmanager
def kept(diary: Diary) -> Iterator[None]:
    """Whatever is stopped after a search, the run can go on with what was found.

    Raises:
        InterruptedRunError: it was stopped.
    """
    try:
        yield
    except (InterruptedRunError, KeyboardInterrupt) as error:
        if diary.path is None:
            raise
        where = error.where if isinstance(error, InterruptedRunError) else "the evaluation"
        raise InterruptedRunError(where, resumable=True) from None


@dataclass(frozen=True)
class Ground:
    """The data of a run, and what of it may be seen."""

    source: Source
    stage: Stage


def prepared(cfg: DictConfig, timings: dict[str, float]) -> Ground:
    """Load the data."""
    with timed(timings, "data"):
        source = prepare(cfg)
        return Ground(source, stage_of(cfg, source, cfg.protocol.name))


def chosen(
    cfg: DictConfig, policy: str, ground: Ground, diary: Diary, searches: Searches, timings: dict[str, float]
) -> Choice | None:
    """What the policy chooses, if it chooses anything."""
    if policy == "fixed":
        return None
    with timed(timings, "selection"):
        where = stage_of(cfg, ground.source, "tune") if policy == "validation" else ground.stage
        return _searched(cfg, ground.source, where, diary, searches)


def conclude(
    cfg: DictConfig,
    output: Path,
    names: Names,
    overrides: Sequence[str],
    ground: Ground,
    choice: Choice | None,
    model: ZSLModel,
    timings: dict[str, float],
) -> Result:
    """Evaluate a trained method and write all that is to be kept of it."""
    stage = ground.stage
    with timed(timings, "evaluation"):
        correction = choice.correction if choice else corrector(cfg)
        scored = score(model, stage.held_out).corrected(correction)
        evaluation = evaluate(scored.zsl, scored.gzsl, calibration=choice.calibration if choice else None)
    found = Findings(ground.source, stage, choice, model, correction, scored, evaluation, timings)
    result = record(cfg, names, overrides, found)
    for warning in edges.warnings([result]):
        log.warning("%s", warning)
    if cfg.save.weights:
        save_weights(model, output)
    if cfg.save.predictions:
        save_predictions(scored, stage, output)
    write(result, output)
    return result


def _searched(cfg: DictConfig, source: Source, stage: Stage, diary: Diary, searches: Searches) -> Choice:
    """What is chosen with this configuration and ``selection.seed``, from the same search of an earlier job or anew."""
    cfg = for_choosing(cfg)
    key = identity(plain(cfg)), *fingerprints(source).values()
    if key not in searches:
        searches[key] = select(cfg, stage, diary)
    return searches[key]


def for_choosing(cfg: DictConfig) -> DictConfig:
    """The configuration that choices are made with: where there is a ``selection.seed``, that is its seed."""
    if cfg.selection.seed is None:
        return cfg
    return OmegaConf.merge(cfg, {"seed": require_seed("selection.seed", cfg.selection.seed)})  # type: ignore[return-value]


def select(cfg: DictConfig, stage: Stage, diary: Diary) -> Choice:
    """Choose on ``stage`` what ``cfg.sweep`` leaves open."""
    try:
        return choose(examiner(cfg, stage), grid(cfg), diary)
    except (InterruptedRunError, KeyboardInterrupt):
        where = f"trial {len(diary.trials) + 1}, which will begin again"
        raise InterruptedRunError(where, resumable=True) from None


def examiner(cfg: DictConfig, stage: Stage) -> Examiner:
    """What tries hyperparameters of ``cfg`` on ``stage``."""
    return Examiner(
        stage,
        lambda point, callbacks: train(cfg, stage, point, callbacks),
        corrector(cfg),
        cfg.selection.objective,
        cfg.selection.patience,
        cfg.selection.every,
        lambda points: _solve(cfg, stage, points),
        partial(finish, loop=loop(cfg), seed=require_seed("seed", cfg.seed)),
        lambda point: begun(cfg, stage, point),
    )


def _solve(cfg: DictConfig, stage: Stage, points: Iterable[Hyperparameters]) -> Iterator[ZSLModel] | None:
    dims, kind = Dimensions(*stage.dims), type(build(cfg.method, ANY_DATA, {}))
    models = (build(cfg.method, dims, point) for point in points)
    return fit_grid(kind, models, stage.training(kind.setting), loop(cfg))


def train(
    cfg: DictConfig,
    stage: Stage,
    hyperparameters: Hyperparameters,
    callbacks: Sequence[Callback] = (),
    checkpoints: Path | None = None,
    resume: bool = False,
    of: bytes = NOWHERE,
) -> ZSLModel:
    """Build the method of ``cfg`` with these hyperparameters in place of its own, and train it on ``stage``; where it
    is to ``resume`` and there is a checkpoint, from there on.
    """
    model = begun(cfg, stage, hyperparameters)
    resume = resume and checkpoints is not None and (checkpoints / CHECKPOINT).is_file()
    return fit(model, stage.training(model.setting), loop(cfg), cfg.seed, checkpoints, resume, callbacks, of)


def begun(cfg: DictConfig, stage: Stage, hyperparameters: Hyperparameters) -> ZSLModel:
    """The method of ``cfg``, not yet trained; the global random streams are where its seed leads."""
    seed_everything(require_seed("seed", cfg.seed), verbose=False)
    with watched() as draws:
        model = build(cfg.method, Dimensions(*stage.dims), hyperparameters)
    model.drew = draws.any
    return model


@contextmanager
def timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds that passed within, by name."""
    start = time.perf_counter()
    yield
    timings[name] = round(time.perf_counter() - start, 4)
