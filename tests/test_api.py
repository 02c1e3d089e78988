"""The Python front door: what the documents show, and that it does what the command line does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import zsl
from tests import worlds
from zsl.cli import main
from zsl.config.experiment import Experiment
from zsl.methods import ALE, ESZSL, FCLSWGAN, FVAEGAND2, Ridge

CLASSES = ("cat", "dog", "horse", "zebra", "lion", "whale", "apple", "bread")
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


def test_truth_values_are_features_and_attributes() -> None:
    x, y, names, phi = arrays()
    rows = worlds.dataset().splits.trainval
    x, phi = x > np.median(x), phi > np.median(phi)
    given, numbers = (
        zsl.fit(zsl.methods.ESZSL(), a[rows], y[rows], classes=names, phi=b).scores(a)
        for a, b in ((x, phi), (x.astype(np.float32), phi.astype(np.float64)))
    )
    assert np.array_equal(given, numbers)


def test_a_budget_of_time_is_refused_where_nothing_is_chosen() -> None:
    """As on the command line: the weights would depend on the speed of the machine."""
    x, y, names, phi = arrays()
    rows = worlds.dataset().splits.trainval
    method = FCLSWGAN(hidden=4, critic_hidden=4, budget="5min")
    with pytest.raises(zsl.InputError, match=r"^budget=300.0: .* speed of the machine; give epochs in its place$"):
        zsl.fit(method, x[rows], y[rows], classes=names, phi=phi)


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
        ({"scale": "loud"}, "^scale=loud is unknown"),
        ({"phi_scale": "loud"}, "^phi_scale=loud is unknown"),
        ({"device": "cuda"}, "^device=cuda is unknown; choose one of cpu, gpu"),
        ({"x": [[1, 2], [3]]}, r"x: is no array \(rows of different lengths\)"),
        ({"x": np.full((80, 6), 1e200)}, "x: not all features are finite real numbers of 32 bits"),
        ({"y": [[1, 2], [3]]}, "y: is no array"),
        ({"y": np.array([[0]] + [0] * 79, dtype=object)}, r"y: \[0\] is none of the classes"),
        ({"phi": np.full((8, 4), 1e200)}, "phi: not all numbers are finite"),
        ({"classes": "abcdefgh"}, "classes: 'abcdefgh' is no list"),
        ({"classes": range(8)}, "classes: 0 is no text"),
        ({"classes": []}, "classes: there is none"),
        ({"texts": ["one"]}, "texts: 1 for 8 classes"),
        ({"phi": None, "class_embedding": "glov"}, "class_embedding=glov: there is no such .* did you mean glove"),
        ({"phi": None, "class_embedding": 3}, "class_embedding: a int is none"),
        ({"seed": -1}, "seed=-1: give a whole number"),
        ({"seed": 0.5}, "seed=0.5: give a whole number"),
        ({"method": "eszsl"}, "method: 'eszsl' is no method"),
        ({"method": FCLSWGAN(epochs=1), "classes": CLASSES[:6], "phi": np.eye(6)}, "name some"),
        (
            {"method": FVAEGAND2(transductive=True, hidden=4), "unlabelled": np.ones((2, 3))},
            r"unlabelled: shape \(2, 3\)",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    x, y, names, phi = arrays()
    trained = worlds.dataset().splits.trainval
    given: dict[str, Any] = {"method": ESZSL(), "x": x, "y": y, "classes": names, "phi": phi}
    if "method" in change:
        given |= {"x": x[trained], "y": y[trained]}
    with pytest.raises(zsl.InputError, match=message):
        zsl.fit(**given | change)


@pytest.mark.parametrize("change", [torch.tensor, lambda x: torch.tensor(x, requires_grad=True), np.ndarray.tolist])
def test_numbers_may_come_in_any_form(change: Callable[[Any], Any]) -> None:
    x, y, names, phi = arrays()
    rows = worlds.dataset().splits.trainval
    p = zsl.fit(ESZSL(), x[rows], y[rows], classes=names, phi=phi)
    same = zsl.fit(ESZSL, change(x[rows]), [names[i] for i in y[rows]], classes=list(names), phi=change(phi))
    assert np.array_equal(same.scores(change(x)), p.scores(x))
    assert np.array_equal(p.scores(x, {"new": change(phi[0])}), p.scores(x, {"new": phi[0]}))
    assert np.isfinite(p.scores(torch.tensor(x).bfloat16())).all()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda p, x: p.scores(x[:, :2]), r"features: shape \(80, 2\); give a matrix with rows of 6 numbers"),
        (lambda p, x: zsl.fit(Ridge, x, [0] * 80, classes=CLASSES, phi=np.eye(8)).scores(1e37 * x), "are finite"),
        (lambda p, x: p.scores(x, "class 6"), "labels: 'class 6' is no list"),
        (lambda p, x: p.scores(x, [6]), "labels: 6 is no name"),
        (lambda p, x: p.scores(x, {"new": ["a"] * 4}), "labels: φ of 'new' has shape"),
        (
            lambda p, x: p.scores(x, zsl.LabelSpace(("new",), torch.ones(1, 3), torch.tensor([False]))),
            "φ of the label space",
        ),
        (lambda p, x: zsl.LabelSpace(("new",), np.ones((1, 4)), np.array([False])), "give a tensor"),
        (lambda p, x: p.predict(x, top_k=1.5), "top_k=1.5"),
        (lambda p, x: p.to("banana"), "device 'banana'"),
        (lambda p, x: zsl.evaluate(None, x, [0] * 80), "predictor: a NoneType is none"),
        (lambda p, x: zsl.score(p, x, ["class 0"]), "80 rows of features and 1 labels"),
        (lambda p, x: zsl.Scores(x, [0] * 80, names=["a"]), "names: 1 for 6 columns"),
        (lambda p, x: zsl.Scores(x, [0] * 80).corrected("cslz"), "there is no such correction; did you mean csls"),
        (lambda p, x: zsl.Scores(x, [0] * 80).corrected("csls", q=1), "the correction has no such hyperparameter"),
        (lambda p, x: zsl.Scores(x, [0] * 80).hubness(7), "k = 7 with 6 classes"),
        (lambda p, x: ALE(0.1), r"ALE\(0.1\): hyperparameters need their names"),
        (lambda p, x: zsl.choices("methods"), "choices=methods is unknown"),
        (lambda p, x: zsl.experiment("data=synthetic", "seed=1,2"), "use zsl.experiments to run each"),
        (lambda p, x: zsl.experiment(["data=synthetic"]), "is no text; write 'key=value'"),
        (lambda p, x: zsl.load_data("synthetik"), "did you mean synthetic"),
        (lambda p, x: zsl.load_data(3), "data: 3 is no name"),
        (lambda p, x: zsl.results(), "no folder is given"),
    ],
)
def test_wrong_questions_are_refused_in_one_line(ask: Callable[[Any, Any], Any], message: str) -> None:
    x, y, names, phi = arrays()
    rows = worlds.dataset().splits.trainval
    with pytest.raises(zsl.InputError, match=message):
        ask(zsl.fit(ESZSL(), x[rows], y[rows], classes=names, phi=phi), x)


def test_a_class_embedding_has_a_name() -> None:
    """New names are embedded by what the name chooses; classes far from each other in GloVe stay apart."""
    x, y = arrays()[:2]
    rows = worlds.dataset().splits.trainval
    p = zsl.fit(ESZSL(), x[rows], y[rows], classes=CLASSES, class_embedding="glove", phi_scale="l2")
    every = p.label_space(["tractor", *CLASSES])
    assert every.embeddings.shape == (9, 50)
    assert torch.equal(every.embeddings[1:], p.classes.embeddings)
    torch.testing.assert_close(every.embeddings.norm(dim=1), torch.ones(9))


def test_a_data_set_and_its_stages(tmp_path: Path) -> None:
    cache = f"paths.cache={tmp_path / 'cache'}"
    data = zsl.load_data("synthetic", cache, "class_embedding=attributes")
    assert len(data.names) == len(data.phi) == len(data.seen)
    assert repr(data) in data.table()
    x, y = data.images("trainval")
    assert set(y) == set(np.flatnonzero(data.seen))
    final, tune = data.stage(), data.stage("tune")
    p = final.fit(ESZSL(gamma=1, lamb=1))
    scales: dict[str, Any] = {"scale": data.source.feature_scale, "phi_scale": data.source.embedding_scale}
    own = zsl.fit(ESZSL(gamma=1, lamb=1), x, y, classes=data.names, phi=data.phi, **scales)
    assert np.array_equal(p.scores(data.features), own.scores(data.features))
    run = zsl.experiment(
        "data=synthetic", cache, "method.gamma=1", "method.lamb=1", f"paths.output={tmp_path / 'run'}"
    ).run()
    assert final.evaluate(p).metrics == run.metrics
    assert final.scores_of_unseen(p).accuracy == run.metrics["T1"]
    assert final.scores(p).u_s_H() == {name: run.metrics[name] for name in "usH"}
    tuned = tune.fit(ESZSL())
    assert set(tuned.classes.names) < set(final.classes.names)
    assert not set(tune.classes.take(tune.classes.unseen_ids).names) & {data.names[i] for i in data.images("train")[1]}
    assert "learns from" in repr(tune)
    for mistake in (lambda: data.images("test"), lambda: data.stage("last"), lambda: data.pictures([0])):
        with pytest.raises(zsl.InputError, match=r"is unknown; choose one of|has features alone"):
            mistake()


def test_what_a_run_keeps(tmp_path: Path) -> None:
    """Scores and model of a run say what its metrics say; a correction of the scores is that of a corrected run."""
    words = ["data=synthetic", f"paths.cache={tmp_path / 'cache'}", "selection=validation"]
    keep = ["save.scores=true", "save.model=true"]
    run = zsl.experiment(*words, *keep).run(tmp_path / "kept")
    scores = run.scores
    assert scores.u_s_H() == pytest.approx({name: run.metrics[name] for name in "usH"})
    assert pytest.approx(run.metrics["AUSUC"]) == scores.curve().AUSUC
    assert scores.auroc() == pytest.approx(run.metrics["AUROC"])
    assert run.selection.gamma is not None
    calibrated = scores.u_s_H(run.selection.gamma)
    assert calibrated == pytest.approx({name: run.metrics[f"{name}_calibrated"] for name in "usH"})
    assert scores.hubness().occurrence.tolist() == list(run.hubness["GZSL"]["N1"])
    assert scores.hubness().bad_occurrence.tolist() == list(run.hubness["GZSL"]["bad_N1"])
    assert scores.names == run.predictor.classes.names
    assert scores.take(scores.of_seen).accuracy == pytest.approx(run.metrics["s"])
    assert ((scores.margins() > 0) == scores.seen[scores.matrix.argmax(axis=1)]).all()
    x = np.ones((2, run.predictor.dims.features))
    assert np.array_equal(zsl.load(tmp_path / "kept").scores(x), run.predictor.scores(x))
    bare = zsl.experiment(*words, "selection=fixed", "method.gamma=1").run(tmp_path / "bare")
    for kept in (lambda: bare.scores, lambda: bare.predictor):
        with pytest.raises(zsl.InputError, match=r"run it.* with save"):
            kept()
    fixed = ["data=synthetic", words[1], "save.scores=true"]
    plain = zsl.experiment(*fixed).run(tmp_path / "plain")
    corrected = zsl.experiment(*fixed, "correction=csls", "correction.k=3").run(tmp_path / "csls")
    found = plain.scores.corrected("csls", k=3).u_s_H()
    assert found == pytest.approx({name: corrected.metrics[name] for name in "usH"})
    (tmp_path / "plain" / "predictions.npz").write_bytes(b"nothing")
    with pytest.raises(zsl.InputError, match="cannot be read"):
        _ = plain.scores


def test_lists_make_several_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The folders are those of ``zsl train -m``, which finds the results there and runs nothing again."""
    words = ["data=synthetic", "method=eszsl,ridge", "seed=0,1", f"paths.cache={tmp_path / 'cache'}"]
    runs = zsl.experiments(*words, f"paths.output={tmp_path / 'runs'}").run()
    assert capfd.readouterr().out == ""
    assert [(run.method, run.seed) for run in runs] == [("eszsl", 0), ("eszsl", 1), ("ridge", 0), ("ridge", 1)]
    assert main(["train", "-m", *words, f"paths.output={tmp_path / 'runs'}"]) == 0
    assert "4 jobs: 4 kept" in capfd.readouterr().out
    assert len(zsl.results(tmp_path / "runs")) == len(runs) == 4
    assert main(["hubness", str(tmp_path / "runs"), "--format", "markdown"]) == 0
    assert runs.hubness() == capfd.readouterr().out
    with pytest.raises(zsl.InputError, match="no experiment has a published number"):
        runs.published()
    with pytest.raises(zsl.InputError, match="metrics: 'T1' is no list"):
        runs.table("T1")
    with pytest.raises(zsl.InputError, match=r"1 of 2 runs failed; the first: .*seed"):
        zsl.experiments("data=synthetic", "seed=0,-1", words[-1], f"paths.output={tmp_path / 'other'}").run()


def test_runs_of_experiments_stand_beside_what_was_published(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["experiments=eszsl_xian2018", "data=synthetic", "sweep={}", "selection=fixed"]
    words += [f"paths.cache={tmp_path / 'cache'}", f"paths.output={tmp_path / 'runs'}"]
    assert zsl.experiment(*words).config["published"]["results"]["cub"][0]["T1"] == 53.9
    table = zsl.experiments(*words, "seed=0,1").run().published()
    assert main(["report", str(tmp_path / "runs"), "--published", "--format", "markdown"]) == 0
    assert table == capfd.readouterr().out
    assert "eszsl_xian2018" in zsl.choices("experiments")


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
