"""One run: data -> method -> fit -> finalize -> scores -> metrics -> ``result.json``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback, seed_everything

from zsl.assembly import (
    ANY_DATA,
    build,
    check_all,
    corrector,
    fingerprints,
    grid,
    identity,
    loop,
    prepare,
    require_seed,
    stage_of,
)
from zsl.data.protocol import Source, Stage
from zsl.evaluation.evaluate import evaluate
from zsl.fit import finish, fit, fit_grid
from zsl.model import Dimensions, ZSLModel
from zsl.output import folder, save_predictions, save_weights
from zsl.record import Findings, Names, record
from zsl.reporting.result import Result, write
from zsl.resumption import CHECKPOINT, InterruptedRunError, require_begun
from zsl.scoring import score
from zsl.selection import Choice, Hyperparameters, choose
from zsl.trials import NAME, Diary

Searches = dict[tuple[str, ...], Choice]
"""what was chosen, by all that can change it"""


def run(
    cfg: DictConfig,
    output: Path,
    names: Names,
    overrides: Sequence[str] = (),
    searches: Searches | None = None,
) -> Result:
    """Train and evaluate what ``cfg`` says, and write ``output/result.json``.

    With ``selection=validation`` hyperparameters, epochs, γ and temperature are chosen on the ``tune`` stage first, by
    what scores are worth after the correction. With a ``selection.seed`` they are chosen with that seed, whatever the
    run's own: then runs over seeds that are handed the same ``searches`` search once.

    Raises:
        InputError: the configuration or the data cannot be used.
        InterruptedRunError: the run was stopped and left a checkpoint.
    """
    policy = check_all(cfg)
    checkpoints = output / "checkpoints" / identity(cfg)
    if cfg.resume:
        require_begun(checkpoints)
    with folder(checkpoints):
        return _run(cfg, policy, output, checkpoints, names, overrides, {} if searches is None else searches)


def _run(
    cfg: DictConfig,
    policy: str,
    output: Path,
    checkpoints: Path,
    names: Names,
    overrides: Sequence[str],
    searches: Searches,
) -> Result:
    timings: dict[str, float] = {}
    ground = prepared(cfg, timings)
    with Diary(None if policy == "fixed" else checkpoints / NAME, fingerprints(ground.source), cfg.resume) as diary:
        choice = chosen(cfg, policy, ground, diary, searches, timings)
        with timed(timings, "fit"):
            model = train(cfg, ground.stage, choice.hyperparameters if choice else {}, checkpoints=checkpoints)
    return concluded(cfg, output, names, overrides, ground, choice, model, timings)


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


def concluded(
    cfg: DictConfig,
    output: Path,
    names: Names,
    overrides: Sequence[str],
    ground: Ground,
    choice: Choice | None,
    model: ZSLModel,
    timings: dict[str, float],
) -> Result:
    """Evaluate a trained method, and write what was found to ``output``."""
    stage = ground.stage
    with timed(timings, "evaluation"):
        correction = choice.correction if choice else corrector(cfg)
        scored = score(model, stage.held_out).corrected(correction)
        evaluation = evaluate(scored.zsl, scored.gzsl, calibration=choice.calibration if choice else None)
    found = Findings(ground.source, stage, choice, model, correction, scored, evaluation, timings)
    result = record(cfg, names, overrides, found)
    if cfg.save.weights:
        save_weights(model, output)
    if cfg.save.predictions:
        save_predictions(scored, stage, output)
    write(result, output)
    return result


def _searched(cfg: DictConfig, source: Source, stage: Stage, diary: Diary, searches: Searches) -> Choice:
    """What is chosen with this configuration and ``selection.seed``, from the same search of an earlier job or anew."""
    if cfg.selection.seed is not None:
        cfg = OmegaConf.merge(cfg, {"seed": require_seed("selection.seed", cfg.selection.seed)})  # type: ignore[assignment]
    key = identity(cfg), str(cfg.trainer.precision), *fingerprints(source).values()
    if key not in searches:
        searches[key] = select(cfg, stage, diary)
    return searches[key]


def select(cfg: DictConfig, stage: Stage, diary: Diary) -> Choice:
    """Choose on ``stage`` what ``cfg.sweep`` leaves open."""
    try:
        return choose(
            stage,
            lambda point, callbacks: train(cfg, stage, point, callbacks),
            grid(cfg),
            corrector(cfg),
            cfg.selection.objective,
            cfg.selection.patience,
            lambda points: _solve(cfg, stage, points),
            diary,
            cfg.selection.every,
            partial(finish, loop=loop(cfg), seed=require_seed("seed", cfg.seed)),
        )
    except (InterruptedRunError, KeyboardInterrupt):
        where = f"trial {len(diary.trials) + 1}, which will begin again"
        raise InterruptedRunError(where, resumable=True) from None


def _solve(cfg: DictConfig, stage: Stage, points: Sequence[Hyperparameters]) -> Iterator[ZSLModel] | None:
    dims, kind = Dimensions(*stage.dims), type(build(cfg.method, ANY_DATA, {}))
    models = (build(cfg.method, dims, point) for point in points)
    return fit_grid(kind, models, stage.training(kind.setting), loop(cfg))


def train(
    cfg: DictConfig,
    stage: Stage,
    hyperparameters: Hyperparameters,
    callbacks: Sequence[Callback] = (),
    checkpoints: Path | None = None,
) -> ZSLModel:
    """Build the method of ``cfg`` with these hyperparameters in place of its own, and train it on ``stage``."""
    model = begun(cfg, stage, hyperparameters)
    resume = cfg.resume and checkpoints is not None and (checkpoints / CHECKPOINT).is_file()
    return fit(model, stage.training(model.setting), loop(cfg), cfg.seed, checkpoints, resume, callbacks)


def begun(cfg: DictConfig, stage: Stage, hyperparameters: Hyperparameters) -> ZSLModel:
    """The method of ``cfg``, not yet trained; the global random streams are where its seed leads."""
    seed_everything(require_seed("seed", cfg.seed), verbose=False)
    return build(cfg.method, Dimensions(*stage.dims), hyperparameters)


@contextmanager
def timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Note how long something takes."""
    start = time.perf_counter()
    yield
    timings[name] = round(time.perf_counter() - start, 4)
