"""Records of a run other than its metrics: the card of its data, and the biases of its curve."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from zsl.cli import main
from zsl.config.experiment import Experiment
from zsl.errors import InputError
from zsl.outputs.result import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run on the synthetic data set."""
    output = tmp_path_factory.mktemp("run")
    assert main(["train", "data=synthetic", "method=eszsl", f"paths.output={output}", "selection=validation"]) == 0
    return output


def test_the_card_says_what_the_data_are(folder: Path) -> None:
    dataset, card = Experiment.compose(["data=synthetic"]).load_data().dataset, read(folder / "result.json").card
    assert (card["images"], card["features"]) == dataset.features.shape
    assert card["classes"]["seen"] + card["classes"]["unseen"] == len(dataset.classes.names)
    for name, rows in dataset.splits.parts().items():
        assert card["parts"][name] == {"images": len(rows), "classes": len(set(dataset.labels[rows].tolist()))}
    assert card["notes"] == list(dataset.card.notes)


def test_the_curve_passes_through_the_numbers_of_the_table(folder: Path) -> None:
    """u and s at γ = 0 and at the chosen γ lie between adjacent points of the curve, up to 1 %."""
    result = read(folder / "result.json")
    gamma = np.array(result.curve["gamma"])
    assert result.selection.gamma is not None
    for suffix, at in (("", 0.0), ("_calibrated", result.selection.gamma)):
        j = int(np.searchsorted(gamma, at))
        around = slice(max(j - 1, 0), j + 1)
        for name in ("u", "s"):
            near = np.array(result.curve[name])[around]
            assert near.min() - 1 <= result.metrics[name + suffix] <= near.max() + 1


def test_a_closed_form_says_that_no_seed_changes_it(folder: Path) -> None:
    assert read(folder / "result.json").deterministic is True


def test_chance_is_recorded_and_results_of_before_are_read_without_it(folder: Path, tmp_path: Path) -> None:
    result = read(folder / "result.json")
    unseen, seen = len(result.per_class["u"]), len(result.per_class["s"])
    assert result.chance["T1"]["level"] == pytest.approx(100 / unseen)
    assert result.chance["u"]["level"] == result.chance["s"]["level"] == pytest.approx(100 / (unseen + seen))
    record = json.loads((folder / "result.json").read_text())
    del record["chance"], record["deterministic"]
    (tmp_path / "result.json").write_text(json.dumps(record) + "\n")
    old = read(tmp_path / "result.json")
    assert (old.chance, old.deterministic) == ({}, None)


@pytest.mark.parametrize(
    ("chance", "message"),
    [
        ({"T1": {"level": 20.0, "high": 10.0}}, "chance.T1.high: 10.0 is below the level, 20.0"),
        ({"T1": {"level": 20.0}}, "chance.T1.high: is missing"),
        ({"H": {"level": 1.0, "high": 2.0}}, "chance.H: is not a key of this schema"),
    ],
)
def test_a_chance_that_cannot_be_is_refused(
    folder: Path, tmp_path: Path, chance: dict[str, dict[str, float]], message: str
) -> None:
    record = json.loads((folder / "result.json").read_text()) | {"chance": chance}
    (tmp_path / "result.json").write_text(json.dumps(record) + "\n")
    with pytest.raises(InputError, match=message):
        read(tmp_path / "result.json")


def test_a_run_that_knows_no_more_than_chance_says_so_when_it_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "data=synthetic", f"paths.output={tmp_path}"]
    assert main(words) == 0
    assert "chance" not in capsys.readouterr().out
    assert main([*words, "class_embedding.shuffle_seed=1"]) == 0
    guess = 100 / len(read(tmp_path / "result.json").per_class["T1"])
    assert re.search(rf"T1 \d+\.\d \(chance is {guess:.1f}\)", capsys.readouterr().out)
