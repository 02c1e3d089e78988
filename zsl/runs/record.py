"""The result of a run, and the description of a run for trackers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray as Array
from torch import Tensor

from zsl.config import plugins
from zsl.config.build import ANY_DATA
from zsl.config.experiment import Experiment
from zsl.data import protocol
from zsl.data.dataset import Dataset
from zsl.data.protocol import Stage
from zsl.data.training_set import Setting
from zsl.evaluation.chance import chance
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.evaluate import Evaluation
from zsl.evaluation.statistics import TOP, ScoreStatistics
from zsl.evaluation.synthetic import near_own, plane
from zsl.files.redaction import without_secrets
from zsl.methods.method import ZSLModel
from zsl.outputs.provenance import commit, versions
from zsl.outputs.result import Result, Selection
from zsl.selection.choice import Choice
from zsl.selection.space import CORRECTION, EMBEDDING, of_correction
from zsl.tracking.tracker import RunDescription

OCCURRENCES = (1, 5, TOP)
"""values of k for which k-occurrences are recorded; values above the number of classes are left out"""
SUPERVISED = "supervised: seen classes are scored by a classifier of their labelled images, not by their descriptions"
"""note on the method of a run that declares to be supervised"""


def describe_run(
    experiment: Experiment, source: protocol.EmbeddedDataset, output: Path, checkpoints: Path, resumed: bool
) -> RunDescription:
    """Return the description of a run for trackers; its group is the folder name of its multirun, if any."""
    names, data = experiment.names, source.dataset.name
    setting = _setting(experiment.correction, experiment.method(ANY_DATA, {}))
    corrected = "" if names.correction == "none" else f" {names.correction}"
    return RunDescription(
        name=without_secrets(f"{names.method}{corrected} {data} seed {experiment.seed}"),
        group=None if output == experiment.output else without_secrets(experiment.output.name),
        tags=without_secrets((names.method, data, setting, f"selection {experiment.selection.policy}")),
        config=without_secrets(dict(experiment.config)),
        facts={
            "names": without_secrets({**vars(names), "data": data, "setting": setting}),
            "fingerprints": dict(source.fingerprints),
            "versions": _versions(),
            "commit": _commit(),
        },
        output=output,
        checkpoints=checkpoints,
        resumed=resumed,
    )


def record(
    experiment: Experiment,
    source: protocol.EmbeddedDataset,
    stage: Stage,
    choice: Choice | None,
    model: ZSLModel,
    correction: Correction,
    evaluation: Evaluation,
    timings: Mapping[str, float],
) -> Result:
    """Return the result of a run; if its choices were made on the test set, the name of every metric is marked †."""
    policy, dataset, names = experiment.selection.policy, source.dataset, experiment.names
    means = model.class_means(stage.training(model.setting).to(model.device))
    numbers = evaluation.metrics | ({"synthetic_near_own": near_own(*means)} if means else {})
    dagger = "†" if policy == "test" else ""
    return Result(
        method=names.method,
        data=dataset.name,
        data_title=dataset.card.title,
        class_embedding=names.class_embedding,
        setting=_setting(correction, model),
        correction=names.correction,
        protocol=stage.name,
        selection=_selection(experiment, choice),
        seed=experiment.seed,
        metrics={name + dagger: value for name, value in numbers.items()},
        card=_card(dataset),
        fingerprints=dict(source.fingerprints),
        config=dict(experiment.config),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        per_class=_per_class(evaluation, stage),
        curve=_curve(evaluation),
        hubness=_hubness(evaluation, stage),
        synthetic=_synthetic(*means, stage) if means else {},
        chance=chance(evaluation.zsl, _every(evaluation)),
        deterministic=model.deterministic,
        notes=[SUPERVISED] * model.supervised,
        overrides=list(experiment.overrides),
        versions=_versions(),
        commit=_commit(),
        timings=timings,
    )


_versions, _commit = cache(lambda: {**plugins.versions(), **versions()}), cache(commit)
"""cached, because the code of this process stays the same even if another commit is checked out"""


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


def _selection(experiment: Experiment, choice: Choice | None) -> Selection:
    policy = experiment.selection.policy
    if choice is None:
        return Selection(policy)
    chosen = {f"method.{key}": value for key, value in choice.hyperparameters.items()}
    chosen |= {EMBEDDING + key: value for key, value in choice.embedding.items()}
    given = experiment.config["correction"]
    asked = of_correction(choice.trials[0].chosen)
    now = {key: value for key, value in vars(choice.correction).items() if key in given}
    chosen |= {CORRECTION + key: value for key, value in now.items() if key in asked or value != given[key]}
    trials, found = [trial.record() for trial in choice.trials], choice.calibration
    return Selection(policy, chosen, trials, *((found.gamma, found.temperature) if found else ()))


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


def _every(evaluation: Evaluation) -> ScoreStatistics:
    assert evaluation.gzsl is not None
    return evaluation.gzsl


def _hubness(evaluation: Evaluation, stage: Stage) -> dict[str, dict[str, Any]]:
    names, seen = np.array(stage.classes.names), stage.classes.seen.numpy()
    return {"ZSL": _occurrences(evaluation.zsl, names[~seen]), "GZSL": _occurrences(_every(evaluation), names)}


def _occurrences(images: ScoreStatistics, names: Array) -> dict[str, Any]:
    ks = [k for k in OCCURRENCES if k <= len(names)]
    counts = {k: images.occurrences(k) for k in ks}
    N, bad = ({name.format(k): counts[k][i] for k in ks} for i, name in enumerate(("N{}", "bad_N{}")))
    return {"classes": names, **N, **bad}
