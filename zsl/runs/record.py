"""What a run found -> the result that is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray as Array
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from zsl.config.build import ANY_DATA, build, corrector, fingerprints
from zsl.config.hydra_job import Names
from zsl.config.settings import CorrectionKeys, plain
from zsl.data import protocol
from zsl.data.dataset import Dataset
from zsl.data.protocol import Stage
from zsl.data.training_set import Setting
from zsl.evaluation.chance import chance
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.evaluate import Evaluation
from zsl.evaluation.hubness import occurrences
from zsl.evaluation.scored_images import ScoredImages
from zsl.evaluation.scoring import Scored
from zsl.evaluation.synthetic import near_own, plane
from zsl.files.redaction import without_secrets
from zsl.methods.method import ZSLModel
from zsl.results.provenance import commit, versions
from zsl.results.result import Result, Selection
from zsl.selection.choice import Choice
from zsl.selection.space import CORRECTION, of_correction
from zsl.tracking.tracker import Job

OCCURRENCES = (1, 5, 10)
"""k of the k-occurrences that are recorded, of those that are not above the number of classes"""


@dataclass(frozen=True)
class Findings:
    """All that a run found."""

    source: protocol.Source
    stage: Stage
    choice: Choice | None
    model: ZSLModel
    correction: Correction
    scored: Scored
    evaluation: Evaluation
    timings: Mapping[str, float]


def job(cfg: DictConfig, names: Names, source: protocol.Source, output: Path, checkpoints: Path, resumed: bool) -> Job:
    """What is known of a run before it trains; where it is one of a multirun, its folder lies in that of the sweep."""
    data, setting = source.dataset.name, _setting(corrector(cfg), build(cfg.method, ANY_DATA, {}))
    sweep = Path(cfg.paths.output).expanduser().absolute()
    corrected = "" if names.correction == "none" else f" {names.correction}"
    return Job(
        name=without_secrets(f"{names.method}{corrected} {data} seed {cfg.seed}"),
        group=None if output == sweep else without_secrets(sweep.name),
        tags=without_secrets((names.method, data, setting, f"selection {cfg.selection.policy}")),
        config=without_secrets(OmegaConf.to_container(cfg, resolve=True)),  # type: ignore[arg-type]
        facts={
            "names": without_secrets({**vars(names), "data": data, "setting": setting}),
            "fingerprints": fingerprints(source),
            "versions": _versions(),
            "commit": _commit(),
        },
        output=output,
        checkpoints=checkpoints,
        resumed=resumed,
    )


def record(cfg: DictConfig, names: Names, overrides: Sequence[str], found: Findings) -> Result:
    """The result of a run; every number of a run whose choices were made on the test set is marked †."""
    policy, stage, model = cfg.selection.policy, found.stage, found.model
    means = model.class_means(stage.training(model.setting).to(model.device))
    numbers = found.evaluation.metrics | ({"synthetic_near_own": near_own(*means)} if means else {})
    dagger = "†" if policy == "test" else ""
    return Result(
        method=names.method,
        data=found.source.dataset.name,
        data_title=found.source.dataset.card.title,
        class_embedding=names.class_embedding,
        setting=_setting(found.correction, model),
        correction=names.correction,
        protocol=stage.name,
        selection=_selection(cfg, policy, found.choice),
        seed=cfg.seed,
        metrics={name + dagger: value for name, value in numbers.items()},
        card=_card(found.source.dataset),
        fingerprints=fingerprints(found.source),
        config=OmegaConf.to_container(cfg, resolve=True),  # type: ignore[arg-type]
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        per_class=_per_class(found.evaluation, stage),
        curve=_curve(found.evaluation),
        hubness=_hubness(found.scored, stage),
        synthetic=_synthetic(*means, stage) if means else {},
        chance=chance(found.scored.zsl, found.scored.gzsl),
        deterministic=model.deterministic,
        overrides=list(overrides),
        versions=_versions(),
        commit=_commit(),
        timings=found.timings,
    )


_versions, _commit = cache(versions), cache(commit)
"""of what this process runs, whatever is checked out while it does"""


def _setting(correction: Correction, model: ZSLModel) -> str:
    return (Setting.TRANSDUCTIVE if correction.transductive else model.setting).value


def _card(dataset: Dataset) -> dict[str, Any]:
    seen, labels = dataset.seen(), dataset.labels
    images, dimension = dataset.features.shape
    return {
        "images": images,
        "features": dimension,
        "classes": {"seen": int(seen.sum()), "unseen": int((~seen).sum())},
        "parts": {
            name: {"images": len(rows), "classes": len(np.unique(labels[rows]))}
            for name, rows in dataset.splits.parts().items()
        },
        "licences": dataset.card.licences,
        "notes": dataset.card.notes,
    }


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
    u, s, gamma = evaluation.curve.corners()
    return {"u": u.tolist(), "s": s.tolist(), "gamma": gamma.tolist()}


def _synthetic(real: Tensor, made: Tensor, stage: Stage) -> dict[str, list[Any]]:
    names = stage.classes.take(stage.classes.seen_ids).names
    drawn = dict(zip(("real", "made"), plane(real, made), strict=True))
    places = {f"{name}_{axis}": points[:, i].tolist() for name, points in drawn.items() for i, axis in enumerate("xy")}
    return {"classes": list(names), **places}


def _hubness(scored: Scored, stage: Stage) -> dict[str, dict[str, Any]]:
    names, seen = np.array(stage.classes.names), stage.classes.seen.numpy()
    return {"ZSL": _occurrences(scored.zsl, names[~seen]), "GZSL": _occurrences(scored.gzsl, names)}


def _occurrences(images: ScoredImages, names: Array) -> dict[str, Any]:
    ks = [k for k in OCCURRENCES if k <= len(names)]
    counts = {k: occurrences(images.scores, images.labels, k) for k in ks}
    N, bad = ({name.format(k): counts[k][i] for k in ks} for i, name in enumerate(("N{}", "bad_N{}")))
    return {"classes": names, **N, **bad}
