"""Every method trains and scores where its images are, if not on the processor, and in mixed precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from tests.configured import METHODS, config, keys, names, recipe
from tests.pretended_device import GPU, MixedDevicesError, PretendedDevice
from zsl import devices
from zsl.config.build import build_method
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.methods.method import Dimensions, ZSLModel
from zsl.testing.method_under_test import LOOP, MethodUnderTest
from zsl.training import fit as training
from zsl.training.fit import fit


def copied(train: TrainingSet, device: PretendedDevice) -> TrainingSet:
    classes = LabelSpace(train.classes.names, device.copy(train.classes.embeddings), device.copy(train.classes.seen))
    examples = Examples(device.copy(train.examples.tensor), device.copy(train.examples.labels))
    unlabelled = None if train.unlabelled is None else device.copy(train.unlabelled)
    return replace(train, examples=examples, classes=classes, unlabelled=unlabelled)


def trained_and_scored(model: ZSLModel, under: MethodUnderTest) -> torch.Tensor:
    device = PretendedDevice()
    train = copied(under.stage.training(model.setting), device)
    with pytest.MonkeyPatch.context() as patch, device:
        # Lightning believes that the processor trains, and would move batches there
        patch.setattr(training, "device_of", lambda _loop: GPU)
        patch.setattr(ZSLModel, "transfer_batch_to_device", lambda _self, batch, *_: batch)
        fit(model, train, LOOP, 0)
        with torch.no_grad():
            scores = model.scores(train.examples.inputs, train.classes)
        assert scores.device == GPU
    return scores


@pytest.mark.parametrize("method", METHODS)
def test_devices_are_not_mixed(method: str) -> None:
    under = MethodUnderTest(recipe(method))
    torch.manual_seed(0)
    model = under.untrained()
    scores = trained_and_scored(model, under)
    train = under.stage.training(model.setting)
    expected = under.model.scores(train.examples.tensor, train.classes)
    assert torch.allclose(scores, expected, rtol=1e-3, atol=1e-4)


def short(part: str, name: str) -> dict[str, Any]:
    """Return a choice of a part of a generator, with two passes where it is trained."""
    return {part: name} | ({f"{part}.epochs": 2} if "epochs" in keys(name, f"method/{part}") else {})


PARTS = [short(part, name) for part in ("head", "space") for name in names(f"method/{part}")]


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_parts_of_generators_do_not_mix_devices(part: Mapping[str, Any]) -> None:
    under = MethodUnderTest(recipe("fclswgan"))
    choices: Any = OmegaConf.to_object(config("fclswgan"))
    trained_and_scored(build_method(choices, Dimensions(*under.stage.dims), dict(part)), under)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_in_mixed_precision(method: str) -> None:
    """Products are in bfloat16 then; weights, and scores afterwards, are in single precision."""
    under = MethodUnderTest(recipe(method))
    torch.manual_seed(0)
    trains_in_mixed_precision(under.untrained(), under)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_parts_of_generators_train_in_mixed_precision(part: Mapping[str, Any]) -> None:
    under = MethodUnderTest(recipe("fclswgan"))
    choices: Any = OmegaConf.to_object(config("fclswgan"))
    trains_in_mixed_precision(build_method(choices, Dimensions(*under.stage.dims), dict(part)), under)


@pytest.mark.parametrize("fast", [False, True])
def test_bfloat16_that_is_slow_is_told_once(
    fast: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda _: fast)
    monkeypatch.setattr("platform.machine", lambda: "AMD64")
    devices.warn_of_bfloat16.cache_clear()
    under = MethodUnderTest(recipe("devise"))
    for precision in ("32-true", "bf16-mixed", "bf16-mixed"):
        model = under.untrained()
        fit(model, under.stage.training(model.setting), replace(LOOP, precision=precision), 0)
    told = "trainer.precision=bf16-mixed: this CPU has no arithmetic of bfloat16, and may take 100 times as long; "
    assert caplog.messages == ([] if fast else [told + "choose 32-true"])


def trains_in_mixed_precision(model: ZSLModel, under: MethodUnderTest) -> None:
    train = under.stage.training(model.setting)
    fit(model, train, replace(LOOP, precision="bf16-mixed"), 0)
    with torch.no_grad():
        scores = model.scores(train.examples.inputs, train.classes)
    assert scores.isfinite().all()
    assert all(weight.dtype is not torch.bfloat16 for weight in model.state_dict().values())


def test_a_mixture_is_noticed() -> None:
    device, here = PretendedDevice(), torch.ones(3)
    with device:
        there = here.to(GPU)
        assert (there + 1).device == torch.zeros(2, device=GPU).device == there.new_tensor([1.0]).device == GPU
        assert (there * torch.tensor(2.0)).sum().cpu().device == here.device
        with pytest.raises(MixedDevicesError):
            there + here
        with pytest.raises(MixedDevicesError):
            torch.cat([there, torch.zeros(3)])
        with pytest.raises(MixedDevicesError):
            there.numpy()
