"""Encoders of libraries are given as many images at a time as fill their forward passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL.Image import Image
from torch import Tensor, nn

from zsl.backbones import passes
from zsl.backbones.network import Network
from zsl.errors import InputError


class Flat(Network):
    """θ(x) = x of one pixel."""

    name = "flat"
    transform = "none"
    network = nn.Identity()  # type: ignore[assignment]

    def prepare(self, image: Image) -> Any:
        return np.zeros(1, np.float32)

    def pooled(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(("batch", "found"), [(None, 64), (8, 64), (48, 96), (100, 100), (256, 256)])
def test_on_a_processor_passes_have_8_images(batch: int | None, found: int) -> None:
    assert Flat(model="any", batch=batch).at_once(64) == found


@pytest.mark.parametrize(("fits", "found"), [(1000, 256), (200, 128), (40, 64), (1, 64)])
def test_on_an_accelerator_they_have_as_many_as_fit(monkeypatch: pytest.MonkeyPatch, fits: int, found: int) -> None:
    def run(_: object, size: int, __: object, pixels: list[Any]) -> Any:
        if size > fits:
            raise torch.OutOfMemoryError
        return np.stack(pixels)

    monkeypatch.setattr(passes, "_pass", run)
    backbone = Flat(model="any", device="meta")
    assert backbone.at_once(64) == found
    assert len(backbone.encode([np.zeros(1, np.float32)] * 300)) == 300


def test_where_not_one_image_fits_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(passes, "_pass", run)
    for use in (lambda it: it.at_once(64), lambda it: it([Image()])):
        with pytest.raises(InputError, match=r"backbone\.batch=1: does not fit into the memory of meta; lower it"):
            use(Flat(model="any", device="meta"))
