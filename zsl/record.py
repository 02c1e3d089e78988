"""What a run found -> the result that is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy import ndarray as Array
from omegaconf import DictConfig, OmegaConf

from zsl.assembly import fingerprints
from zsl.data import protocol
from zsl.data.dataset import Dataset
from zsl.data.protocol import Stage
from zsl.data.training_set import Setting
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.evaluate import Evaluation
from zsl.evaluation.hubness import bad_k_occurrence, k_occurrence
from zsl.evaluation.scored_images import ScoredImages
from zsl.model import ZSLModel
from zsl.reporting.provenance import commit, versions
from zsl.reporting.result import Result, Selection
from zsl.scoring import Scored
from zsl.selection import CORRECTION, Choice, of_correction
from zsl.settings import CorrectionKeys, plain

OCCURRENCES = (1, 5, 10)
"""k of the k-occurrences that are recorded, of those that are not above the number of classes"""


@dataclass(frozen=True)
class Names:
    """What was chosen from the groups of ``conf/``, by name."""

    method: str
    class_embedding: str
    correction: str


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


def record(cfg: DictConfig, names: Names, overrides: Sequence[str], found: Findings) -> Result:
    """The result of a run; every number of a run whose choices were made on the test set is marked †."""
    policy, stage, model = cfg.selection.policy, found.stage, found.model
    numbers = found.evaluation.metrics | model.diagnostics(stage.training(model.setting).to(model.device))
    dagger = "†" if policy == "test" else ""
    return Result(
        method=names.method,
        data=found.source.dataset.name,
        data_title=found.source.dataset.card.title,
        class_embedding=names.class_embedding,
        setting=(Setting.TRANSDUCTIVE if found.correction.transductive else model.setting).value,
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
        overrides=list(overrides),
        versions=versions(),
        commit=commit(),
        timings=found.timings,
    )


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


def _hubness(scored: Scored, stage: Stage) -> dict[str, dict[str, Any]]:
    names, seen = np.array(stage.classes.names), stage.classes.seen.numpy()
    return {"ZSL": _occurrences(scored.zsl, names[~seen]), "GZSL": _occurrences(scored.gzsl, names)}


def _occurrences(images: ScoredImages, names: Array) -> dict[str, Any]:
    ks = [k for k in OCCURRENCES if k <= len(names)]
    N = {f"N{k}": k_occurrence(images.scores, k) for k in ks}
    bad = {f"bad_N{k}": bad_k_occurrence(images.scores, images.labels, k) for k in ks}
    return {"classes": names, **N, **bad}
