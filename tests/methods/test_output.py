"""Last functions of generators against the range of the features."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from tests import worlds
from tests.configured import config, keys
from tests.selection.test_shared_steps import GENERATORS
from tests.test_method_contract import LOOP
from zsl.config.build import build_method
from zsl.data.protocol import final
from zsl.errors import InputError
from zsl.methods.method import Dimensions
from zsl.training.fit import fit

STAGE = final(worlds.source())


@pytest.mark.parametrize("method", [name for name in GENERATORS if "output" in keys(name)])
def test_a_sigmoid_refuses_features_that_it_cannot_make(method: str) -> None:
    model = build_method(OmegaConf.to_object(config(method)), Dimensions(*STAGE.dims), {"output": "sigmoid"})
    message = r"method.output=sigmoid: features must lie in \[0, 1\]; add data.scale=minmax$"
    with pytest.raises(InputError, match=message):
        fit(model, STAGE.training(model.setting), LOOP, 0)


@pytest.mark.parametrize("method", [name for name in GENERATORS if "output" in keys(name)])
def test_a_rectifier_that_cannot_make_features_is_told(method: str, caplog: pytest.LogCaptureFixture) -> None:
    model = build_method(OmegaConf.to_object(config(method)), Dimensions(*STAGE.dims), {"output": "relu"})
    fit(model, STAGE.training(model.setting), LOOP, 0)
    assert "method.output=relu: features are negative" in caplog.text
