"""The Python front door: what the documents show, and that it does what the command line does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zsl
from tests import worlds
from zsl.cli import main
from zsl.config.experiment import Experiment
from zsl.methods import ALE, ESZSL, FCLSWGAN, FVAEGAND2

OPTIONS: dict[str, Any] = {"scale": "l2", "phi_scale": "l2"}


def arrays() -> tuple[Any, Any, tuple[str, ...], Any]:
    data = worlds.dataset()
    return data.features, data.labels, data.classes.names, data.classes.matrices["att"]


def test_from_arrays_to_answers(tmp_path: Path) -> None:
    x, y, names, phi = arrays()
    splits = worlds.dataset().splits
    p = zsl.fit(ESZSL(gamma=1, lamb=1), x[splits.trainval], y[splits.trainval], classes=names, phi=phi, **OPTIONS)
    answers = p.predict(x[:4], labels=["class 6", "class 7"], top_k=2)
    assert answers.labels.shape == answers.confidence.shape == (4, 2)
    tested = np.concatenate([splits.test_seen, splits.test_unseen])
    metrics = zsl.evaluate(p, x[tested], y[tested]).metrics
    assert {"T1", "u", "s", "H", "AUSUC"} <= set(metrics)
    p.save(tmp_path / "world")
    assert np.array_equal(zsl.load(tmp_path / "world").scores(x), p.scores(x))


@pytest.mark.parametrize("method", ["eszsl", "ale", "class_norm"])
def test_command_line_and_python_give_the_same_bits(tmp_path: Path, method: str) -> None:
    epochs = [] if method == "eszsl" else ["method.epochs=2"]
    words = ["data=synthetic", f"method={method}", *epochs, f"paths.cache={tmp_path / 'cache'}", "seed=3"]
    assert main(["train", *words, "save.model=true", f"paths.output={tmp_path / 'cli'}"]) == 0
    result = zsl.experiment(*words, f"paths.output={tmp_path / 'python'}").run()
    written = zsl.results(tmp_path / "cli")
    assert [found.metrics for found in written.by_path.values()] == [result.metrics]
    p = zsl.load(tmp_path / "cli" / "model")
    experiment = Experiment.compose(words)
    source = experiment.load_data()
    splits, features, labels = source.dataset.splits, source.dataset.features, source.dataset.labels
    tested = np.concatenate([splits.test_seen, splits.test_unseen])
    assert zsl.evaluate(p, features[tested], labels[tested]).metrics == result.metrics
    train = splits.trainval
    kind = {"eszsl": ESZSL, "ale": ALE, "class_norm": zsl.methods.ClassNorm}[method]
    given = {key: value for key, value in experiment.config["method"].items() if key != "_target_"}
    own = zsl.fit(
        kind(**given),
        features[train],
        labels[train],
        classes=source.dataset.classes.names,
        phi=source.phi,
        scale=source.feature_scale,
        phi_scale=source.embedding_scale,
        seed=3,
    )
    assert np.array_equal(own.scores(features[tested]), p.scores(features[tested]))


def test_results_become_a_table(tmp_path: Path) -> None:
    words = [f"paths.cache={tmp_path / 'cache'}", f"paths.output={tmp_path / 'runs'}"]
    run = zsl.experiment("data=synthetic", "method=eszsl", "selection=validation", *words).run()
    table = zsl.results(tmp_path / "runs").table(metrics=["T1", "H"])
    assert f"{run.metrics['H']:.1f}" in table
    assert "| eszsl |" in table


def test_heads_and_transductive_methods() -> None:
    x, y, names, phi = arrays()
    rows, unseen = worlds.dataset().splits.trainval, worlds.dataset().splits.test_unseen
    small: dict[str, Any] = {"hidden": 8, "critic_hidden": 8, "features_per_class": 3, "epochs": 1}
    p = zsl.fit(FCLSWGAN(head=ALE(epochs=1), classifier_epochs=1, **small), x[rows], y[rows], classes=names, phi=phi)
    assert p.scores(x).shape == (len(x), len(names))
    transductive = FVAEGAND2(transductive=True, **small)
    with pytest.raises(zsl.InputError, match="unlabelled: FVAEGAND2 learns from images of unseen classes"):
        zsl.fit(transductive, x[rows], y[rows], classes=names, phi=phi)
    q = zsl.fit(transductive, x[rows], y[rows], classes=names, phi=phi, unlabelled=x[unseen])
    assert q.facts is not None
    assert q.facts["setting"] == "transductive"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [0, 1]}, "rows of features and 2 labels"),
        ({"y": ["nobody"] * 80}, "'nobody' is none of the classes"),
        ({"y": [99] * 80}, "label 99 is no position among 8 classes"),
        ({"phi": np.ones((3, 4))}, r"phi: shape \(3, 4\), but there are 8 classes"),
        ({"phi": None}, "give φ as an array, or what makes it"),
        ({"x": np.full((80, 6), np.inf)}, "x: not all features are finite"),
        ({"x": np.ones(80)}, r"x: shape \(80,\)"),
        ({"classes": ["a"] * 8}, "occurs twice"),
        ({"scale": "loud"}, "data.scale=loud is unknown"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    x, y, names, phi = arrays()
    given: dict[str, Any] = {"x": x, "y": y, "classes": names, "phi": phi} | change
    with pytest.raises(zsl.InputError, match=message):
        zsl.fit(ESZSL(), **given)


def test_a_hyperparameter_that_does_not_exist_is_named() -> None:
    with pytest.raises(zsl.InputError, match=r"ESZSL\(gama=…\): there is no such hyperparameter; it has gamma, lamb"):
        ESZSL(gama=1)


def test_importing_zsl_loads_nothing_heavy() -> None:
    code = "import sys, zsl; assert not {'torch', 'hydra', 'numpy', 'pytorch_lightning'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there() -> None:
    for name in zsl.__all__:
        assert getattr(zsl, name) is not None
    with pytest.raises(AttributeError):
        _ = zsl.nothing_of_the_kind
