"""One run: data -> method -> fit -> finalize -> scores -> metrics -> ``result.json``."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray as Array
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback, seed_everything

from zsl.class_embeddings.embedding import ClassEmbedding
from zsl.configuration import compose_choice
from zsl.data import protocol
from zsl.data.dataset import Dataset
from zsl.data.fingerprint import sha256
from zsl.data.protocol import Stage
from zsl.data.splits import Source as SplitSource
from zsl.data.splits import audit
from zsl.data.training_set import Setting
from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.evaluate import Evaluation, evaluate
from zsl.evaluation.hubness import bad_k_occurrence, k_occurrence
from zsl.evaluation.scored_images import ScoredImages
from zsl.fit import Loop, finish, fit, fit_grid
from zsl.model import Dimensions, ZSLModel
from zsl.output import folder, save_predictions, save_weights
from zsl.reporting.provenance import commit, versions
from zsl.reporting.result import Result, Selection, write
from zsl.resumption import CHECKPOINT, InterruptedRunError, require_begun
from zsl.scoring import Scored, score
from zsl.selection import CORRECTION, Choice, Hyperparameters, choose, of_correction, of_method
from zsl.settings import ClassEmbeddingKeys, CorrectionKeys, DataKeys, MethodKeys, check, instantiate, plain
from zsl.trials import NAME, Diary

PROTOCOL_KEYS = ("scale", "shuffle_seed")
"""keys of ``data`` and ``class_embedding`` that the protocol uses; all others are the loader's"""
NOT_IDENTITY = ("paths", "resume", "save", "trainer", "published")
"""parts of a configuration that do not change what is computed"""
ANY_DATA = Dimensions(2, 2, 1000)
"""sizes to try hyperparameters at before there is data: small to build, with more seen classes than any of them needs;
what the data turns out too small for is refused when the method is built for it, still before training"""
OCCURRENCES = (1, 5, 10)
"""k of the k-occurrences that are recorded, of those that are not above the number of classes"""


Searches = dict[tuple[str, ...], Choice]
"""what was chosen, by all that can change it"""


@dataclass(frozen=True)
class Names:
    """What was chosen from the groups of ``conf/``, by name."""

    method: str
    class_embedding: str
    correction: str


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
    policy = _check(cfg)
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
    with _timed(timings, "data"):
        source = prepare(cfg)
        stage = stage_of(cfg, source, cfg.protocol.name)
    choice: Choice | None = None
    with Diary(None if policy == "fixed" else checkpoints / NAME, fingerprints(source), cfg.resume) as diary:
        if policy != "fixed":
            with _timed(timings, "selection"):
                where = stage_of(cfg, source, "tune") if policy == "validation" else stage
                choice = _searched(cfg, source, where, diary, searches)
        with _timed(timings, "fit"):
            model = train(cfg, stage, choice.hyperparameters if choice else {}, checkpoints=checkpoints)
    with _timed(timings, "evaluation"):
        correction = choice.correction if choice else corrector(cfg)
        scored = score(model, stage.held_out).corrected(correction)
        evaluation = evaluate(scored.zsl, scored.gzsl, calibration=choice.calibration if choice else None)
        diagnostics = model.diagnostics(stage.training(model.setting).to(model.device))
    dagger = "†" if policy == "test" else ""
    result = Result(
        method=names.method,
        data=source.dataset.name,
        data_title=source.dataset.card.title,
        class_embedding=names.class_embedding,
        setting=(Setting.TRANSDUCTIVE if correction.transductive else model.setting).value,
        correction=names.correction,
        protocol=stage.name,
        selection=_selection(cfg, policy, choice),
        seed=cfg.seed,
        metrics={name + dagger: value for name, value in evaluation.metrics.items()} | diagnostics,
        fingerprints=fingerprints(source),
        config=OmegaConf.to_container(cfg, resolve=True),  # type: ignore[arg-type]
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        per_class=_per_class(evaluation, stage),
        curve=_curve(evaluation),
        hubness=_hubness(scored, stage),
        overrides=list(overrides),
        versions=versions(),
        commit=commit(),
        timings=timings,
    )
    if cfg.save.weights:
        save_weights(model, output)
    if cfg.save.predictions:
        save_predictions(scored, stage, output)
    write(result, output)
    return result


def _searched(cfg: DictConfig, source: protocol.Source, stage: Stage, diary: Diary, searches: Searches) -> Choice:
    """What is chosen with this configuration and ``selection.seed``, from the same search of an earlier job or anew."""
    if cfg.selection.seed is not None:
        cfg = OmegaConf.merge(cfg, {"seed": _seed("selection.seed", cfg.selection.seed)})  # type: ignore[assignment]
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
            partial(finish, loop=Loop(**plain(cfg, "trainer", Loop)), seed=_seed("seed", cfg.seed)),
        )
    except (InterruptedRunError, KeyboardInterrupt):
        where = f"trial {len(diary.trials) + 1}, which will begin again"
        raise InterruptedRunError(where, resumable=True) from None


def _solve(cfg: DictConfig, stage: Stage, points: Sequence[Hyperparameters]) -> Iterator[ZSLModel] | None:
    dims, kind = Dimensions(*stage.dims), type(build(cfg.method, ANY_DATA, {}))
    models = (build(cfg.method, dims, point) for point in points)
    return fit_grid(kind, models, stage.training(kind.setting), Loop(**plain(cfg, "trainer", Loop)))


def prepare(cfg: DictConfig) -> protocol.Source:
    """The data set with its class embeddings, not yet divided.

    Raises:
        InputError: either cannot be loaded, or they do not fit together.
    """
    dataset = load_data(cfg)
    node = _loader(cfg, "class_embedding", ClassEmbeddingKeys)
    embed = instantiate(node, "class_embedding", ClassEmbedding)  # type: ignore[type-abstract]
    phi = np.asarray(embed(dataset.classes), dtype=np.float64)
    bad = ~np.isfinite(phi).all(axis=1)
    if bad.any():
        name = dataset.classes.names[int(bad.argmax())]
        raise InputError(f"class_embedding: φ of class {name!r} is not finite; choose another class embedding")
    shuffle = cfg.class_embedding.shuffle_seed
    if shuffle is not None:
        phi = phi[np.random.default_rng(_seed("class_embedding.shuffle_seed", shuffle)).permutation(len(phi))]
    return protocol.Source(dataset, phi, cfg.data.scale, cfg.class_embedding.scale)


def load_data(cfg: DictConfig) -> Dataset:
    """The data set that ``cfg.data`` describes, from its cache or built once, its splits audited."""
    dataset = instantiate(_loader(cfg, "data", DataKeys), "data", Dataset)
    audit(dataset.splits, dataset.labels, SplitSource(dataset.name))
    return dataset


def fingerprints(source: protocol.Source) -> dict[str, str]:
    """SHA-256 of features, labels, every split, and the class embeddings as they came (permuted, if asked)."""
    return {**source.dataset.fingerprints, "class_embeddings": sha256(source.phi)}


def train(
    cfg: DictConfig,
    stage: Stage,
    hyperparameters: Hyperparameters,
    callbacks: Sequence[Callback] = (),
    checkpoints: Path | None = None,
) -> ZSLModel:
    """Build the method of ``cfg`` with these hyperparameters in place of its own, and train it on ``stage``."""
    seed = _seed("seed", cfg.seed)
    seed_everything(seed, verbose=False)
    model = build(cfg.method, Dimensions(*stage.dims), hyperparameters)
    loop = Loop(**plain(cfg, "trainer", Loop))
    resume = cfg.resume and checkpoints is not None and (checkpoints / CHECKPOINT).is_file()
    return fit(model, stage.training(model.setting), loop, seed, checkpoints, resume, callbacks)


def build(method: DictConfig, dims: Dimensions, hyperparameters: Hyperparameters) -> ZSLModel:
    """The method that a configuration names.

    Raises:
        InputError: a hyperparameter is unknown or out of range.
    """
    node: dict[str, Any] = OmegaConf.to_container(method, resolve=True)  # type: ignore[assignment]
    for key, value in hyperparameters.items():
        *parts, name = key.split(".")
        place: Any = node
        for part in parts:
            place = place.get(part) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name not in place:
            own = ", ".join(str(name) for name in node if name != "_target_")
            raise InputError(f"sweep.{key}: the method has no such hyperparameter; it has {own}")
        chosen = isinstance(place[name], dict) and isinstance(value, str)
        place[name] = compose_choice(f"method/{name}", value) if chosen else value
    check("method", node, MethodKeys)
    return instantiate(node, "method", ZSLModel, dims)  # type: ignore[type-abstract]


def corrector(cfg: DictConfig, hyperparameters: Hyperparameters | None = None) -> Correction:
    """The correction that ``cfg.correction`` describes, with these hyperparameters in place of its own, and with what
    it leaves open not yet chosen.

    Raises:
        InputError: a hyperparameter is unknown or out of range.
    """
    node = plain(cfg, "correction", CorrectionKeys)
    own = [name for name in node if name != "_target_"]
    for name in sorted(set(hyperparameters or {}) - set(own)):
        has = f"it has {', '.join(own)}" if own else "it has none"
        raise InputError(f"sweep.correction.{name}: the correction has no such hyperparameter; {has}")
    node |= hyperparameters or {}
    check("correction", node, CorrectionKeys)
    return instantiate(node, "correction", Correction)  # type: ignore[type-abstract]


def grid(cfg: DictConfig) -> dict[str, list[Any]]:
    """Every key of ``cfg.sweep`` with its values. Those below another are dotted: ``correction.k`` of the correction,
    ``head.lr`` of a part of the method; the values of ``head`` itself are names of the group ``method/head``.

    Raises:
        InputError: a key has no list of values.
    """
    axes: dict[str, list[Any]] = {}
    for key, values in plain(cfg)["sweep"].items():
        below = (
            {f"{key}.{name}": item for name, item in values.items()} if isinstance(values, Mapping) else {key: values}
        )
        check("sweep", below, Mapping[str, list[Any]])
        axes |= below
    return axes


def identity(cfg: DictConfig) -> str:
    """Eight characters for all of a configuration that changes what is computed."""
    kept = {key: value for key, value in plain(cfg).items() if key not in NOT_IDENTITY}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _check(cfg: DictConfig) -> str:
    """All that can be known to be wrong before there is data, hyperparameters and every value of a sweep included."""
    settings = plain(cfg)
    policy = str(settings["selection"]["policy"])
    if policy == "test" and settings["protocol"]["name"] == "tune":
        raise InputError("selection=test with protocol=tune: under tune no test image is reachable; use protocol=final")
    protocol.require_share(settings["protocol"]["seen_holdout"])
    _seed("seed", settings["seed"])
    _seed("selection.seed", settings["selection"]["seed"] or 0)
    Loop(**settings["trainer"])
    correction = corrector(cfg)
    if policy == "fixed":
        correction.require_chosen()
    build(cfg.method, ANY_DATA, {})
    for name, values in grid(cfg).items():
        for value in values:
            build(cfg.method, ANY_DATA, of_method({name: value}))
            corrector(cfg, of_correction({name: value}))
    return policy


def _seed(key: str, value: int) -> int:
    if not 0 <= value < 2**32:
        raise InputError(f"{key}={value}: give a whole number from 0 to {2**32 - 1}")
    return value


def _loader(cfg: DictConfig, key: str, hint: type) -> dict[str, Any]:
    return {name: value for name, value in plain(cfg, key, hint).items() if name not in PROTOCOL_KEYS}


def _selection(cfg: DictConfig, policy: str, choice: Choice | None) -> Selection:
    if choice is None:
        return Selection(policy)
    chosen = {f"method.{key}": value for key, value in choice.hyperparameters.items()}
    given = plain(cfg, "correction", CorrectionKeys)
    asked = of_correction(choice.trials[0].chosen)
    now = {key: value for key, value in vars(choice.correction).items() if key in given}
    chosen |= {CORRECTION + key: value for key, value in now.items() if key in asked or value != given[key]}
    return Selection(
        policy,
        chosen,
        [trial.record() for trial in choice.trials],
        choice.calibration.gamma,
        choice.calibration.temperature,
    )


def _per_class(evaluation: Evaluation, stage: Stage) -> dict[str, dict[str, float | None]]:
    seen = stage.classes.seen.tolist()
    names = {
        flag: [name for name, s in zip(stage.classes.names, seen, strict=True) if s is flag] for flag in (True, False)
    }
    return {
        metric: {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(names[metric == "s"], values, strict=True)
        }
        for metric, values in evaluation.per_class.items()
    }


def _curve(evaluation: Evaluation) -> dict[str, list[float]]:
    if evaluation.curve is None:
        return {}
    u, s = evaluation.curve.corners()
    return {"u": u.tolist(), "s": s.tolist()}


def _hubness(scored: Scored, stage: Stage) -> dict[str, dict[str, Any]]:
    names, seen = np.array(stage.classes.names), stage.classes.seen.numpy()
    return {"ZSL": _occurrences(scored.zsl, names[~seen]), "GZSL": _occurrences(scored.gzsl, names)}


def _occurrences(images: ScoredImages, names: Array) -> dict[str, Any]:
    ks = [k for k in OCCURRENCES if k <= len(names)]
    N = {f"N{k}": k_occurrence(images.scores, k) for k in ks}
    bad = {f"bad_N{k}": bad_k_occurrence(images.scores, images.labels, k) for k in ks}
    return {"classes": names, **N, **bad}


def stage_of(cfg: DictConfig, source: protocol.Source, name: str) -> Stage:
    """The stage of this name."""
    return protocol.tune(source, cfg.protocol.seen_holdout) if name == "tune" else protocol.final(source)


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[name] = round(time.perf_counter() - start, 4)
