"""Whole runs on real data through the command line, against the reference values of an independent float64 ESZSL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zsl.cli import main

REAL = {
    "CUB": (
        "resnet_fc1000.mat",
        {"T1": 57.0186, "u": 16.5376, "s": 64.5764, "H": 26.3318, "AUSUC": 0.32895422518693473},
    ),
    "AWA1": ("hand5_pca512.mat", {"T1": 31.4754, "u": 10.3113, "s": 34.8016, "H": 15.9089, "AUSUC": 0.094204}),
}


def train(output: Path, *overrides: str) -> dict[str, Any]:
    """Run ``zsl train`` and read its result."""
    assert main(["train", *overrides, f"paths.output={output}"]) == 0
    result = json.loads((output / "result.json").read_text())
    assert isinstance(result, dict)
    return result


@pytest.fixture
def real(data_root: Path, cache: Path) -> Any:
    """Return a function that gives the overrides for a real data set."""

    def overrides(folder: str, *more: str) -> list[str]:
        features, _ = REAL[folder]
        return [
            "data=xlsa17",
            f"data.name={folder.lower()}",
            f"data.root={data_root / folder}",
            f"data.features={features}",
            "data.scale=l2",
            "class_embedding.scale=l2",
            f"paths.cache={cache}",
            *more,
        ]

    return overrides


@pytest.mark.parametrize("folder", REAL)
def test_eszsl_gives_the_reference_values(tmp_path: Path, real: Any, folder: str) -> None:
    result = train(tmp_path, *real(folder, "method=eszsl", "method.gamma=1", "method.lamb=0.1"))
    expected = REAL[folder][1]
    for metric in ("T1", "u", "s", "H"):
        assert result["metrics"][metric] == pytest.approx(expected[metric], abs=0.1)
    assert result["metrics"]["AUSUC"] == pytest.approx(expected["AUSUC"], abs=1e-4)
    assert result["data_title"].startswith(f"{folder} PS v1")
    assert result["selection"]["policy"] == "fixed"
    assert set(result["fingerprints"]) >= {
        "features",
        "labels",
        "trainval",
        "test_seen",
        "test_unseen",
        "class_embeddings",
    }


@pytest.mark.parametrize(("folder", "ceiling"), [("CUB", 5), ("AWA1", 18)])
def test_with_permuted_class_embeddings_it_falls_to_chance(
    tmp_path: Path, real: Any, folder: str, ceiling: float
) -> None:
    eszsl = real(folder, "method=eszsl", "method.gamma=1", "method.lamb=0.1")
    T1 = [
        train(tmp_path / str(seed), *eszsl, f"class_embedding.shuffle_seed={seed}")["metrics"]["T1"]
        for seed in range(3)
    ]
    assert np.mean(T1) < ceiling


@pytest.mark.parametrize("method", ["eszsl", "ale"])
def test_the_same_seed_gives_the_same_metrics(tmp_path: Path, real: Any, method: str) -> None:
    quick = ["method.epochs=1"] if method == "ale" else []
    runs = [train(tmp_path / str(i), *real("CUB", f"method={method}", "seed=3", *quick)) for i in range(2)]
    assert runs[0]["metrics"] == runs[1]["metrics"]
    assert runs[0]["per_class"] == runs[1]["per_class"]


def test_choosing_on_validation_calibrates_and_records_every_trial(tmp_path: Path, real: Any) -> None:
    result = train(
        tmp_path, *real("CUB", "method=eszsl", "selection=validation", "sweep.gamma=[1,10]", "sweep.lamb=[1]")
    )
    selection, metrics = result["selection"], result["metrics"]
    assert selection["policy"] == "validation"
    assert len(selection["trials"]) == 2
    best = max(selection["trials"], key=lambda trial: trial["T1"])
    assert selection["chosen"] == {f"method.{key}": value for key, value in best["chosen"].items()}
    assert selection["gamma"] == best["gamma"]
    assert metrics["H_calibrated"] > metrics["H"] + 5
    assert not any(name.endswith("†") for name in metrics)


def test_choosing_on_the_test_set_is_marked_everywhere(tmp_path: Path, real: Any) -> None:
    result = train(tmp_path, *real("CUB", "method=eszsl", "selection=test", "sweep.gamma=[1]", "sweep.lamb=[0.1]"))
    assert all(name.endswith("†") for name in result["metrics"])
    assert result["metrics"]["H_calibrated†"] == pytest.approx(47.94, abs=0.01)


def test_under_tune_the_numbers_are_of_validation_classes(tmp_path: Path, real: Any) -> None:
    result = train(tmp_path, *real("CUB", "method=eszsl", "protocol=tune"))
    assert result["protocol"] == "tune"
    assert len(result["per_class"]["u"]) == 50
    assert len(result["per_class"]["s"]) == 100


def test_predictions_on_request(tmp_path: Path, real: Any) -> None:
    result = train(tmp_path, *real("CUB", "method=eszsl", "save.predictions=true", "save.model=true"))
    saved = np.load(tmp_path / "predictions.npz", allow_pickle=False)
    right = saved["predicted"] == saved["labels"]
    seen = saved["seen"][saved["labels"]]
    per_class = [right[saved["labels"] == c].mean() for c in np.unique(saved["labels"][seen])]
    assert 100 * np.mean(per_class) == pytest.approx(result["metrics"]["s"], abs=1e-3)
    unseen = saved["labels"][~seen]
    T1 = [(saved["predicted_zsl"][unseen == c] == c).mean() for c in np.unique(unseen)]
    assert 100 * np.mean(T1) == pytest.approx(result["metrics"]["T1"])
    assert (tmp_path / "model" / "model.json").is_file()


def test_a_multirun_runs_every_job_and_reports_them_together(
    tmp_path: Path, real: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = real("CUB", "method=eszsl", "seed=0,1", f"paths.output={tmp_path}")
    assert main(["train", *overrides, "-m"]) == 0
    assert len(list(tmp_path.rglob("result.json"))) == 2
    capsys.readouterr()
    assert main(["report", str(tmp_path), "--format", "csv"]) == 0
    assert "cub" in capsys.readouterr().out.lower()


def test_runs_over_seeds_may_choose_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zsl.runs import choosing

    searches, select = [], choosing.select
    monkeypatch.setattr(choosing, "select", lambda it, *rest: searches.append(it.seed) or select(it, *rest))
    places = [f"paths.output={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}"]
    ale = ["data=synthetic", "method=ale", "method.epochs=4", "sweep.lr=[0.1,1]", "selection=validation", *places]
    assert main(["train", "-m", "seed=range(3)", "selection.seed=1", *ale]) == 0
    folders = sorted((tmp_path / "runs").glob("ale-synthetic-seed*"))
    results = [json.loads((folder / "result.json").read_text()) for folder in folders]
    assert [result["seed"] for result in results] == [0, 1, 2]
    assert all(result["selection"] == results[0]["selection"] for result in results)
    assert len({str(result["metrics"]) for result in results}) == 3
    assert searches == [1]
    assert main(["train", "seed=1", *ale[:-2], f"paths.output={tmp_path / 'alone'}", places[1]]) == 0
    alone = json.loads((tmp_path / "alone" / "result.json").read_text())
    assert alone["selection"] == results[1]["selection"]
    assert alone["metrics"] == results[1]["metrics"]


def test_what_is_chosen_is_best_by_the_objective(tmp_path: Path) -> None:
    """T1 and H_raw of a trial are T1 and H of a run on the validation classes."""
    eszsl = ["data=synthetic", "method=eszsl", f"paths.cache={tmp_path / 'cache'}"]
    search = [*eszsl, "selection=validation", "sweep.gamma=[0.01,1,100]", "sweep.lamb=[0.1,10,1000]"]
    chosen = {}
    for objective in ("T1", "H", "H_raw"):
        selection = train(tmp_path / objective, *search, f"selection.objective={objective}")["selection"]
        best = max(selection["trials"], key=lambda trial: trial[objective])
        assert selection["chosen"] == {f"method.{key}": value for key, value in best["chosen"].items()}
        assert (selection["gamma"], selection["temperature"]) == (best["gamma"], best["temperature"])
        chosen[objective] = selection["chosen"]
        as_printed = [f"{key}={value}" for key, value in selection["chosen"].items()]
        metrics = train(tmp_path / f"{objective} again", *eszsl, "protocol=tune", *as_printed)["metrics"]
        assert (metrics["T1"], metrics["H"]) == (best["T1"], best["H_raw"])
        assert best["H_raw"] <= best["H"]
    assert chosen["H_raw"] != chosen["H"]


def test_a_head_is_chosen_on_validation_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["data=synthetic", "method=fclswgan", "method.hidden=16", "method.critic_hidden=16", "method.epochs=2"]
    small += ["sweep.features_per_class=[10]", "selection=validation"]
    places = [f"paths.output={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}"]
    assert main(["train", *small, "+sweep.head=[softmax,eszsl]", *places]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    trials = {trial["chosen"]["head"]: trial["H_raw"] for trial in result["selection"]["trials"]}
    assert set(trials) == {"softmax", "eszsl"}
    best = max(trials, key=lambda head: trials[head])
    assert result["selection"]["chosen"]["method.head"] == best
    alone = [*small, f"method/head={best}", f"+sweep.head=[{best}]", f"paths.output={tmp_path / 'alone'}", places[1]]
    assert main(["train", *alone]) == 0
    assert json.loads((tmp_path / "alone" / "result.json").read_text())["metrics"] == result["metrics"]


def test_a_head_is_chosen_with_values_of_its_own(tmp_path: Path) -> None:
    """A chosen head gives the metrics of that head configured directly; a search by Optuna chooses the same head."""
    small = ["data=synthetic", "method=fclswgan", "method.hidden=16", "method.critic_hidden=16", "method.epochs=2"]
    small += ["method.features_per_class=10", "sweep.features_per_class=[10]", f"paths.cache={tmp_path / 'cache'}"]
    heads = "[{softmax:{epochs:1,lr:0.0001}},{sje:{lr:0.01,epochs:3}},{eszsl:{gamma:10.0}}]"
    space = [f"+sweep.head={heads}"]
    found = train(tmp_path / "found", *small, *space, "selection=validation")
    head = found["selection"]["chosen"]["method.head"]
    ((name, own),) = head.items()
    given = [f"method/head={name}", *(f"method.head.{key}={value}" for key, value in own.items())]
    epochs = f"method.epochs={found['selection']['chosen']['method.epochs']}"
    alone = train(tmp_path / "alone", *small, *given, epochs)
    assert {name: alone["metrics"][name] for name in ("T1", "u", "s", "H")} == {
        name: found["metrics"][name] for name in ("T1", "u", "s", "H")
    }
    assert main(["sweep", *small, *space, "search=grid", f"paths.output={tmp_path / 'optuna'}"]) == 0
    assert json.loads((tmp_path / "optuna" / "result.json").read_text())["metrics"] == found["metrics"]


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("+sweep.head=[sofmax]", "sweep.head: there is no method/head=sofmax; did you mean softmax?"),
        ("+sweep.head=[{sje:{lr:-1}}]", "method.head.lr=-1: must be a finite number greater than 0"),
        ("+sweep.head=[{sje:{rate:1}}]", "method.head.rate: there is no such key"),
        ("+sweep.head=[{sofmax:{lr:1}}]", "sweep.head: there is no method/head=sofmax; did you mean softmax?"),
        ("+sweep.head=[{sje:1}]", "sweep.head: {'sje': 1} names no head; write sje, or {sje: {lr: 0.01}}"),
        ("+sweep.head=[1]", "sweep.head: 1 names no head; write sje, or {sje: {lr: 0.01}}"),
        ("+sweep.head.lr=[-1]", "method.head.lr=-1: must be a finite number greater than 0"),
        ("+sweep.head.rate=[1]", "sweep.head.rate: the method has no such hyperparameter; it has head, "),
        ("+sweep.head.lr=1", "sweep.head.lr=1: "),
    ],
)
def test_what_a_sweep_says_of_heads_is_checked(sweep: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "data=synthetic", "method=fclswgan", "selection=validation", sweep]) == 2
    assert capsys.readouterr().err.startswith(f"zsl: error: {message}")


def test_a_supervised_method_says_so_below_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = train(tmp_path / "probe", "data=synthetic", "method=linear_probe", "method.base.epochs=1")
    assert [note.partition(":")[0] for note in result["notes"]] == ["supervised"]
    assert train(tmp_path / "cache", "data=synthetic", "method=tip_adapter", "method.base.epochs=1")["notes"] == []
    capsys.readouterr()
    assert main(["report", str(tmp_path), "--format", "markdown"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "supervised" in line)
    assert line.startswith("- linear_probe: supervised: seen classes are scored by a classifier of their labelled")
