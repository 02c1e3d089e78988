"""What a run records beside its metrics: the card of its data, and the biases of its curve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zsl.assembly import load_data
from zsl.cli import main
from zsl.configuration import compose
from zsl.reporting.result import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the synthetic data set."""
    output = tmp_path_factory.mktemp("run")
    assert main(["train", "data=synthetic", "method=eszsl", f"paths.output={output}", "selection=validation"]) == 0
    return output


def test_the_card_says_what_the_data_are(folder: Path) -> None:
    dataset, card = load_data(compose(["data=synthetic"])), read(folder / "result.json").card
    assert (card["images"], card["features"]) == dataset.features.shape
    assert card["classes"]["seen"] + card["classes"]["unseen"] == len(dataset.classes.names)
    for name, rows in dataset.splits.parts().items():
        assert card["parts"][name] == {"images": len(rows), "classes": len(set(dataset.labels[rows].tolist()))}
    assert card["notes"] == list(dataset.card.notes)


def test_the_curve_passes_through_the_numbers_of_the_table(folder: Path) -> None:
    """u and s at γ = 0 and at the γ that validation chose, read off the curve between its neighbouring points."""
    result = read(folder / "result.json")
    gamma = np.array(result.curve["gamma"])
    assert result.selection.gamma is not None
    for suffix, at in (("", 0.0), ("_calibrated", result.selection.gamma)):
        j = int(np.searchsorted(gamma, at))
        around = slice(max(j - 1, 0), j + 1)
        for name in ("u", "s"):
            near = np.array(result.curve[name])[around]
            assert near.min() - 1 <= result.metrics[name + suffix] <= near.max() + 1
