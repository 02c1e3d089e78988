"""Corrections in whole runs: applied to both matrices, declared in the result, and seen by selection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import worlds
from tests.gathered import hits
from zsl.cli import main
from zsl.config.experiment import Experiment
from zsl.data import protocol
from zsl.data.training_set import Batches
from zsl.evaluation.accuracy import mean_class_accuracy
from zsl.evaluation.corrections.calibrated_stacking import CalibratedStacking
from zsl.evaluation.corrections.columns import gather_columns
from zsl.evaluation.corrections.correction import Blocks, Correct, Correction
from zsl.evaluation.corrections.csls import CSLS
from zsl.evaluation.corrections.none import Uncorrected
from zsl.evaluation.evaluate import calibrate, evaluate
from zsl.evaluation.scored_images import ScoredImages, ScoreStream
from zsl.evaluation.scoring import Scored, score
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.methods.method import Dimensions
from zsl.runs.train import train
from zsl.selection.choice import choose
from zsl.selection.epochs import BestEpoch
from zsl.selection.validation import Validation

TRANSDUCTIVE = ["csls", "nicdm", "mutual_proximity", "globally_corrected_retrieval", "inverted_softmax"]
GIVEN = {"calibrated_stacking": ["correction.gamma=0.2"], "nicdm": ["correction.k=3"]}
STAGE = protocol.final(worlds.source())


def run(output: Path, *overrides: str) -> dict[str, Any]:
    """Run ``zsl train`` on synthetic data and read its result."""
    command = ["train", "data=synthetic", f"paths.cache={output.parent / 'cache'}", f"paths.output={output}"]
    assert main([*command, *overrides]) == 0
    result = json.loads((output / "result.json").read_text())
    assert isinstance(result, dict)
    return result


def T1(images: ScoreStream) -> float:
    return mean_class_accuracy(hits(images.dense(), images.labels), images.labels)


def corrected(images: ScoreStream, correction: Any) -> ScoredImages:
    """Return all scores corrected at once."""
    return ScoredImages(correction(images.dense(), images.seen), images.labels, images.seen)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """Return uncorrected scores of ESZSL on the synthetic data set."""
    cache = tmp_path_factory.mktemp("cache")
    experiment = Experiment.compose(["data=synthetic", "method=eszsl", f"paths.cache={cache}"])
    stage = experiment.stage(experiment.load_data())
    return score(train(experiment, stage, {}), stage.held_out)


@pytest.mark.parametrize("name", ["none", *TRANSDUCTIVE, "calibrated_stacking"])
def test_every_metric_of_a_run_is_of_corrected_scores(tmp_path: Path, raw: Scored, name: str) -> None:
    chosen = [f"correction={name}", *GIVEN.get(name, [])]
    result = run(tmp_path / "run", "method=eszsl", *chosen)
    correct = Experiment.compose(["data=synthetic", *chosen]).correction
    zsl, gzsl = (corrected(it, correct) for it in (raw.zsl, raw.gzsl))
    assert result["metrics"] == pytest.approx(evaluate(zsl, gzsl).metrics)
    assert result["correction"] == name
    assert result["setting"] == ("transductive" if name in TRANSDUCTIVE else "inductive")
    if name != "none":
        assert result["metrics"] != pytest.approx(evaluate(raw.zsl, raw.gzsl).metrics)


def test_every_table_shows_what_was_corrected_and_that_it_is_transductive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = [f"paths.output={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}"]
    assert main(["train", "-m", "data=synthetic", "correction=none,csls", *output]) == 0
    assert "eszsl + csls on synthetic toy (attributes, transductive," in capsys.readouterr().out
    assert main(["report", str(tmp_path / "runs"), "--format", "markdown"]) == 0
    page = capsys.readouterr().out
    header, *lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")]
    assert header[:2] == ["| method", "correction"]
    assert any("N1 skewness" in name for name in header)
    shown = {line[1]: line[header.index("setting")] for line in lines[1:]}
    assert shown == {"none": "inductive", "csls": "transductive"}
    assert "options" not in header
    assert main(["report", str(tmp_path / "runs"), "--format", "csv"]) == 0
    assert ",correction,setting," in capsys.readouterr().out


@pytest.mark.parametrize("correction", [Uncorrected(), CSLS(3)])
def test_trials_are_measured_on_corrected_scores(correction: Any) -> None:
    models = {gamma: ESZSL(Dimensions(*STAGE.dims), gamma) for gamma in (0.01, 10.0)}
    for model in models.values():
        model.finalize(STAGE.training(model.setting))
    choice = choose(Validation(STAGE, lambda point, _: models[point["gamma"]], correction), {"gamma": list(models)})
    for trial in choice.trials:
        raw = score(models[trial.chosen["gamma"]], STAGE.held_out).zsl
        assert T1(corrected(raw, correction)) == trial.T1
    best = score(models[choice.hyperparameters["gamma"]], STAGE.held_out).gzsl
    assert choice.calibration == calibrate(corrected(best, correction))
    assert choice.correction == correction


def test_a_correction_can_change_what_is_chosen() -> None:
    """A shift of one class's scores, which the correction removes, changes which γ is best."""
    good, lifted = score(_fitted(1.0), STAGE.held_out), _fitted(1.0)
    assert T1(good.zsl) > T1(score(_Lifted(lifted), STAGE.held_out).zsl)
    models = {1.0: _Lifted(lifted), 1e6: _fitted(1e6)}

    class Unlifted(Correction):
        transductive = True

        def fitted(self, blocks: Blocks, seen: Any) -> Correct:
            mean = gather_columns(blocks).mean
            return lambda scores, _start: scores - mean

    found = [
        choose(Validation(STAGE, lambda point, _: models[point["gamma"]], c), {"gamma": [1.0, 1e6]})
        for c in (Uncorrected(), Unlifted())
    ]
    assert [choice.hyperparameters["gamma"] for choice in found] == [1e6, 1.0]


def _fitted(gamma: float) -> ESZSL:
    model = ESZSL(Dimensions(*STAGE.dims), gamma)
    model.finalize(STAGE.training(model.setting))
    return model


class _Lifted(ESZSL):
    def __init__(self, model: ESZSL) -> None:
        super().__init__(Dimensions(*STAGE.dims))
        self.load_state_dict(model.state_dict())

    def scores(self, x: Any, classes: Any) -> Any:
        lift = 1e3 * (classes.embeddings == STAGE.classes.embeddings[-1]).all(dim=1)
        return super().scores(x, classes) + lift


def test_epochs_are_chosen_on_corrected_scores() -> None:
    model = _fitted(1.0)
    watch = BestEpoch(STAGE.held_out.load(), "T1", 10, CSLS(3))
    loader = Batches(STAGE.training(model.setting), 8, seed=0)
    trainer = type("Trainer", (), {"current_epoch": 0, "should_stop": False, "train_dataloader": loader})()
    model.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
    watch.on_train_epoch_end(trainer, model)
    assert watch.best is not None
    corrected = score(model, STAGE.held_out).corrected(CSLS(3))
    assert T1(corrected.zsl) == watch.best.T1


def test_stacking_chosen_on_validation_moves_u_s_H_along_the_same_curve(tmp_path: Path) -> None:
    validation = ["method=eszsl", "selection=validation", "sweep.gamma=[1]", "sweep.lamb=[0.1,1]"]
    plain = run(tmp_path / "plain", *validation)
    found = run(tmp_path / "stacked", *validation, "correction=calibrated_stacking")
    assert found["setting"] == "inductive"
    assert found["selection"]["chosen"] == {
        **plain["selection"]["chosen"],
        "correction.gamma": pytest.approx(plain["selection"]["gamma"]),
    }
    assert found["selection"]["gamma"] == pytest.approx(0, abs=1e-9)
    for name in ("T1", "AUSUC"):
        assert found["metrics"][name] == pytest.approx(plain["metrics"][name], abs=1e-9)
    for name in ("u", "s", "H"):
        assert found["metrics"][name] == pytest.approx(plain["metrics"][f"{name}_calibrated"])
        assert found["metrics"][name] != plain["metrics"][name]


@pytest.mark.parametrize("method", ["method=eszsl", "method=dem"])
def test_a_sweep_can_hold_keys_of_the_correction(tmp_path: Path, method: str) -> None:
    """The choice and every trial equal those of runs with each value alone."""
    own = ["sweep.gamma=[0.1,10]"] if "eszsl" in method else ["method.epochs=3", "sweep.weight_decay=[0]"]
    given = [method, "selection=validation", "~sweep", f"+{own[-1]}", *own[:-1], "correction=csls"]
    swept = run(tmp_path / "swept", *given, "+sweep.correction.k=[10,1,3]")
    alone = {k: run(tmp_path / str(k), *given, f"correction.k={k}") for k in (10, 1, 3)}
    trials = swept["selection"]["trials"]
    for k, result in alone.items():
        of_k = [trial for trial in trials if trial["chosen"]["correction.k"] == k]
        assert [{**t, "chosen": {**t["chosen"], "correction.k": k}} for t in result["selection"]["trials"]] == of_k
    best = max(trials, key=lambda trial: float(trial["T1"]))["chosen"]
    k = best["correction.k"]
    expected = {key if key == "correction.k" else f"method.{key}": value for key, value in best.items()}
    assert swept["selection"]["chosen"] == expected
    assert swept["metrics"] == pytest.approx(alone[k]["metrics"])


def test_a_perfect_score_need_not_be_above_zero() -> None:
    """For distances of at least 5, F* = -5 is above every score, as required."""
    correction = Experiment.compose(["data=synthetic", "correction=nicdm", "correction.perfect=-5"]).correction
    correction.require_chosen()
    scores = np.array([[-5.5, -7.0], [-6.0, -6.5]])
    assert np.isfinite(correction(scores, np.zeros(2, dtype=bool))).all()


def test_a_given_gamma_is_left_as_it_is_by_selection() -> None:
    choice = choose(Validation(STAGE, lambda *_: _fitted(1.0), CalibratedStacking(0.25)), {})
    assert choice.correction == CalibratedStacking(0.25)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["correction=csls", "correction.k=0"], "correction.k=0: must be a whole number of at least 1"),
        (["correction=nicdm", "correction.k=2.5"], "correction.k=2.5: must be a whole number"),
        (["correction=nicdm", "correction.perfect=one"], "correction.perfect=one: must be a finite number or null"),
        (["correction=mutual_proximity", "correction.marginals=gamma"], "correction.marginals=gamma"),
        (["correction=inverted_softmax", "correction.temperature=0"], "correction.temperature=0: must be a finite"),
        (["correction=inverted_softmax", "correction.temperature=.inf"], "correction.temperature=.inf"),
        (["correction=calibrated_stacking"], "correction.gamma=null: is chosen by selection=validation"),
        (["correction=none", "+correction.k=1"], "correction.k: there is no such key"),
        (["correction=csls", "+sweep.correction.k=[5,0]"], "correction.k=0: must be a whole number of at least 1"),
        (["correction=csls", "+sweep.correction.k=5"], "sweep.correction.k=5: list at least one value"),
        (["correction=csls", "+sweep.correction.k=[]"], "sweep.correction.k=[]: list at least one value"),
        (["correction=csls", "+sweep.correction=5"], "sweep.correction=5: "),
        (["correction=csls", "+sweep.correction.n=[5]"], "sweep.correction.n: the correction has no such hyperpara"),
        (["correction=none", "+sweep.correction.k=[5]"], "sweep.correction.k: the correction has no such hyperpara"),
        (["correction=clss"], "correction=clss: there is no such correction; did you mean csls?"),
        (["correction=none", "correction._target_=zsl.methods.method.Dimensions"], "correction.features is missing"),
        (["correction=none", "correction._target_=zsl.training.fit.Loop"], "makes no Correction"),
    ],
)
def test_mistakes_are_refused_by_name_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], overrides: list[str], message: str
) -> None:
    nowhere = ["data=xlsa17", "data.name=x", f"data.root={tmp_path / 'nowhere'}", f"paths.output={tmp_path / 'run'}"]
    assert main(["train", *nowhere, *overrides]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
