"""Steps of generators never read a value back from the device, which would wait for it, and stay in one precision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from tests import worlds
from tests.configured import config
from tests.selection.test_shared_steps import GENERATORS
from tests.test_method_contract import LOOP
from zsl.config.build import build_method
from zsl.data.protocol import final
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.method import Dimensions, ZSLModel
from zsl.training.fit import fit

STAGE = final(worlds.source())
READING = {"_local_scalar_dense", "nonzero", "masked_select", "unique", "_unique2", "bincount", "equal", "is_nonzero"}
"""operators whose result, or the size of it, is read by the host"""
MOVING = {torch.Tensor.cpu, torch.Tensor.numpy, torch.Tensor.tolist, torch.Tensor.__array__}
"""what brings values to the host; on the processor no operator does it"""


def is_mask(indices: Any) -> bool:
    """Whether there is a mask among indices: how many rows it chooses is read."""
    several = indices if isinstance(indices, list | tuple) else ()
    return any(isinstance(each, torch.Tensor) and each.dtype is torch.bool for each in several)


class Watch(ExitStack):
    """Counts what reads values, and what makes numbers of double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.operators = 0

    def __enter__(self) -> Watch:
        self.enter_context(_Operators(self))
        self.enter_context(_Calls(self))
        return self


class _Operators(TorchDispatchMode):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, result = func.__name__.partition(".")[0], func(*args, **(kwargs or {}))
        self.watch.operators += 1
        if name in READING or (name.startswith("index") and is_mask(args[1])):
            self.watch.found[name] += 1
        several = result if isinstance(result, tuple | list) else (result,)
        if any(isinstance(each, torch.Tensor) and each.dtype is torch.float64 for each in several):
            self.watch.found[f"float64 by {name}"] += 1
        return result


class _Calls(TorchFunctionMode):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in MOVING:
            self.watch.found[func.__name__] += 1
        return func(*args, **(kwargs or {}))


def watched(model: ZSLModel, name: str) -> Watch:
    """Train a model, watching every call of a method of it."""
    watch, method = Watch(), getattr(model, name)

    def observed(*args: Any, **how: Any) -> Any:
        with watch:
            return method(*args, **how)

    setattr(model, name, observed)
    fit(model, STAGE.training(model.setting), LOOP, 0)
    return watch


def step_of(model: ZSLModel) -> str:
    """The method that makes a step: Lightning makes those of a loss, and logs it."""
    return "loss" if model.automatic_optimization else "training_step"


@pytest.mark.parametrize("method", GENERATORS)
def test_steps_read_nothing_back(method: str) -> None:
    model = build_method(OmegaConf.to_object(config(method)), Dimensions(*STAGE.dims), {})
    watch = watched(model, step_of(model))
    assert watch.operators > 100
    assert not watch.found


@pytest.mark.parametrize("head", ["softmax", "prototype", "zlap", "logit_adjusted"])
def test_steps_of_heads_read_nothing_back(head: str) -> None:
    model = build_method(OmegaConf.to_object(config("fclswgan")), Dimensions(*STAGE.dims), {"head": head})
    assert isinstance(model, FCLSWGAN)
    watch, loss = Watch(), model.gzsl_head.loss

    def observed(batch: Any) -> Any:
        with watch:
            return loss(batch)

    model.gzsl_head.loss = observed  # type: ignore[method-assign]
    fit(model, STAGE.training(model.setting), LOOP, 0)
    assert watch.operators > 10
    assert not watch.found


@pytest.mark.parametrize(
    "reading",
    [
        lambda x: x.sum().item(),
        lambda x: x[x > 0],
        lambda x: x.double(),
        lambda x: bool(x.sum() > 0),
        lambda x: x.cpu(),
        lambda x: x.numpy(),
        lambda x: x.tolist(),
    ],
    ids=["item", "mask", "double", "bool", "cpu", "numpy", "tolist"],
)
def test_the_watch_sees(reading: Callable[[torch.Tensor], Any]) -> None:
    with Watch() as watch:
        reading(torch.ones(3))
    assert watch.found
