"""Keys that came later do not make other runs of those before."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from zsl.config.experiment import Experiment
from zsl.outputs.identity import NEUTRAL, identity


def without(config: dict[str, Any], key: str) -> dict[str, Any]:
    changed = copy.deepcopy(config)
    group, name = key.split(".")
    del changed[group][name]
    return changed


@pytest.mark.parametrize("key", NEUTRAL)
def test_a_key_that_changes_nothing_is_as_if_it_were_not_there(key: str) -> None:
    config = dict(Experiment.compose(["data=synthetic", "method=ale"]).config)
    assert identity(without(config, key)) == identity(config)


@pytest.mark.parametrize("override", ["data.shots=2", "data.shots_seed=3", "trainer.devices=2"])
def test_another_value_is_another_run(override: str) -> None:
    words = ["data=synthetic", "method=ale"]
    assert identity(Experiment.compose([*words, override]).config) != identity(Experiment.compose(words).config)
