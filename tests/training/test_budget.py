"""The time that gradient steps may take."""

from __future__ import annotations

import logging

import pytest
import torch

from tests.worlds import source
from zsl.data.protocol import final
from zsl.errors import InputError
from zsl.hyperparameters import seconds
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop


@pytest.mark.parametrize(
    ("text", "length"), [("90s", 90), ("5min", 300), ("1.5h", 5400), (" 2 min ", 120), (None, None)]
)
def test_a_duration_is_read(text: str | None, length: float | None) -> None:
    assert seconds(budget=text) == length


@pytest.mark.parametrize("text", ["", "5 days", "-1s", "0s", "7", 7, -3.0, "1.2.3s", True, float("nan"), "inf"])
def test_what_is_no_duration_is_refused(text: str | float) -> None:
    with pytest.raises(InputError, match=r"method\.budget=.*: must be a time such as 90s, 5min or 1h"):
        seconds(budget=text)


def made(budget: str | None, epochs: int = 40) -> FCLSWGAN:
    stage = final(source(0))
    torch.manual_seed(0)
    small = {"hidden": 8, "critic_hidden": 8, "features_per_class": 4, "classifier_epochs": 1}
    model = FCLSWGAN(Dimensions(*stage.dims), epochs=epochs, budget=budget, **small)  # type: ignore[arg-type]
    fit(model, stage.training(model.setting), Loop(progress_bar=False), 0)
    return model


def test_training_ends_with_the_epoch_in_which_its_time_is_over(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        model = made("0.000001s")
    assert model.epochs == 1
    assert "are over after 1 of 40 epochs" in caplog.text
    alone = made(None, epochs=1)
    assert all(torch.equal(value, alone.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_budget_that_is_not_used_up_changes_nothing() -> None:
    one, other = made("1h", epochs=2), made(None, epochs=2)
    assert one.epochs == 2
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
