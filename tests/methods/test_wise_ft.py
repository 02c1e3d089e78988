"""WiSE-FT: weights and outputs averaged by hand, steps of AdamW written out, pixels as the processor is given them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_lightning import Callback
from torch import Tensor
from torch.nn.functional import normalize

from tests.configured import small_tower
from tests.methods.few_labels import SCALE, Towers, whole
from tests.methods.one_at_a_time import random_batch
from zsl.backbones.image_tower import ImageTower
from zsl.backbones.pixels import Pixels
from zsl.backbones.transformers import Transformers
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.few_labels.wise_ft import WiSEFT
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

SIDE, WIDTH, SEEN = 16, 12, 4
ROUNDED = 3e-6
"""means and deviations of pixels are kept in float32"""
HOW = {"lr": 0.003, "epochs": 4, "batch_size": 5, "warm_up": 3}


def few(n: int = 10) -> TrainingSet:
    """Return pictures of four seen classes."""
    batch = random_batch(n, WIDTH, WIDTH, SEEN, seed=0)
    x = torch.randint(0, 256, (n, 3 * SIDE**2), generator=torch.Generator().manual_seed(0)).double()
    return TrainingSet(Examples(x, torch.cat([torch.arange(SEEN), batch.y[SEEN:]])), batch.classes)


def untrained(train: TrainingSet, **keys: Any) -> WiSEFT:
    torch.manual_seed(0)
    dims = Dimensions(train.examples.tensor.shape[1], WIDTH, SEEN)
    return WiSEFT(dims, base=Towers, checkpoint=small_tower(), **keys).double()


def trained(train: TrainingSet, **keys: Any) -> Any:
    return fit(untrained(train, **{**HOW, **keys}), train, Loop(progress_bar=False), seed=0)


def library_model() -> Any:
    from transformers import CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection.from_pretrained(small_tower()).double().eval()


def encoded(model: Any, row: Tensor) -> Tensor:
    """The features of one image, normalised with the means and deviations of the checkpoint."""
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).double().view(3, 1, 1)
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711]).double().view(3, 1, 1)
    image = (row.view(3, SIDE, SIDE) / 255 - mean) / deviation
    return model(pixel_values=image.unsqueeze(0)).image_embeds[0]  # type: ignore[no-any-return]


def space(train: TrainingSet) -> LabelSpace:
    """Return the seen classes among others, in another order."""
    other = random_batch(6, WIDTH, WIDTH, 3, seed=1).classes.embeddings
    phi = torch.cat([other, train.classes.embeddings])
    return LabelSpace(tuple("abcdefg"), phi, torch.arange(7) >= 3).take([6, 0, 4, 1, 3, 2, 5])


def by_hand(e: Any, V: Tensor, train: TrainingSet, classes: LabelSpace) -> Tensor:
    rows = []
    for x in train.examples.tensor:
        z = normalize(encoded(e, x), dim=0)
        row = []
        for phi, seen in zip(classes.embeddings, classes.seen, strict=True):
            label = [torch.equal(phi, own) for own in train.classes.embeddings].index(True) if seen else None
            row.append(z @ (V[label] if label is not None else SCALE * normalize(phi, dim=0)))
        rows.append(torch.stack(row))
    return torch.stack(rows)


def moved(e: Any, full: WiSEFT, share: float) -> Any:
    """Transformers' model with its weights moved by a share of the way to those of a fine-tuned encoder."""
    with torch.no_grad():
        for name, weight in e.named_parameters():
            weight.add_(share * (full.tower.network.get_parameter(name) - weight))
    return e


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_weights_and_outputs_are_means(alpha: float) -> None:
    train = few()
    classes, full = space(train), trained(train, alpha=1.0)
    V0 = SCALE * normalize(train.classes.embeddings, dim=1)
    assert (full.V - V0).abs().max() > 1e-3
    before, after = (
        by_hand(moved(library_model(), full, share), V, train, classes) for share, V in ((0, V0), (1, full.V))
    )
    assert (after - before).abs().max() > 0.1
    outputs = trained(train, alpha=alpha, ensemble="outputs").scores(train.examples.tensor, classes)
    torch.testing.assert_close(outputs, (1 - alpha) * before + alpha * after, atol=ROUNDED, rtol=ROUNDED)
    mean = by_hand(moved(library_model(), full, alpha), V0 + alpha * (full.V - V0), train, classes)
    weights = trained(train, alpha=alpha).scores(train.examples.tensor, classes)
    torch.testing.assert_close(weights, mean, atol=ROUNDED, rtol=ROUNDED)


def test_steps_are_adamw_with_warm_up_cosine_and_clipped_gradients() -> None:
    train = few()
    n = len(train.examples)
    model = trained(train, alpha=1.0, batch_size=n, epochs=5, decay_epochs=5, weight_decay=0.2, clip=0.05)
    slow = untrained(train, weight_decay=0.2)
    for part, _ in slow.foundations(train):
        assert part is slow.base
    weights = [*slow.tower.parameters(), slow.V]
    m, v = ([torch.zeros_like(each) for each in weights] for _ in range(2))
    rates = [0.003 * share for share in (1 / 3, 2 / 3, 1, 1, (1 + math.cos(math.pi / 2)) / 2)]
    for t, rate in enumerate(rates, start=1):
        gradients = torch.autograd.grad(slow.loss(whole(train)), weights)
        length = torch.sqrt(sum((each**2).sum() for each in gradients))  # type: ignore[arg-type]
        assert length > 0.05
        with torch.no_grad():
            for i, (each, gradient) in enumerate(zip(weights, gradients, strict=True)):
                g = gradient * 0.05 / (length + 1e-6)
                m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g**2
                step = (m[i] / (1 - 0.9**t)) / ((v[i] / (1 - 0.999**t)).sqrt() + 1e-8)
                each.mul_(1 - rate * 0.2).sub_(rate * step)
    for found, expected in zip([*model.tower.parameters(), model.V], weights, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_some_epochs_of_a_longer_training_are_a_training_of_that_many() -> None:
    train, seen = few(), list[Tensor]()
    model = untrained(train, alpha=1.0, **{**HOW, "epochs": 8})

    class Third(Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            if trainer.current_epoch == 2:
                seen.extend(weight.detach().clone() for weight in (*pl_module.tower.parameters(), pl_module.V))

    fit(model, train, Loop(progress_bar=False), seed=0, callbacks=[Third()])
    alone = trained(train, alpha=1.0, epochs=3)
    for found, expected in zip(seen, (*alone.tower.parameters(), alone.V), strict=True):
        torch.testing.assert_close(found, expected, atol=0, rtol=0)


def test_it_begins_with_the_base_and_lowers_the_loss() -> None:
    train = few()
    nothing = trained(train, alpha=0.0)
    z = torch.stack([encoded(library_model(), x) for x in train.examples.tensor])
    expected = SCALE * normalize(z, dim=1) @ normalize(space(train).embeddings, dim=1).T
    torch.testing.assert_close(
        nothing.scores(train.examples.tensor, space(train)), expected, atol=ROUNDED, rtol=ROUNDED
    )
    losses = [trained(train, alpha=alpha, epochs=10).loss(whole(train)).item() for alpha in (0.0, 1.0)]
    assert losses[1] < losses[0] - 0.1


def test_pixels_are_what_the_processor_is_given() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    backbone = Pixels(size=SIDE)
    x = backbone([image])
    assert x.shape == (1, 3 * SIDE**2)
    assert (x.min(), x.max(), x.dtype) == (np.round(x.min()), np.round(x.max()), np.float32)
    square = Image.fromarray(backbone.prepare(image).transpose(1, 2, 0))
    tower = ImageTower(small_tower())
    expected = Transformers(model=small_tower())([square])
    np.testing.assert_allclose(tower(torch.from_numpy(x)).detach().numpy(), expected, atol=1e-5)


def test_the_packaged_encoder_is_that_of_the_backbone() -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="pip install 'zsl[images]'")
    from zsl.backbones.efficientnet_lite import EfficientNetLite0

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 240, 3), dtype=np.uint8))
    tower = ImageTower(None)
    found = tower(torch.from_numpy(Pixels(size=224)([image])))
    np.testing.assert_allclose(found.detach().numpy(), EfficientNetLite0()([image]), atol=1e-4)
    assert not any(module.training for module in tower.train().network.modules())


def test_only_the_encoder_that_is_trained_is_saved_and_the_other_is_recognised(tmp_path: Path) -> None:
    from tests.two_towers import checkpoint

    model = untrained(few())
    assert [name for name in model.state_dict() if name.startswith("start.")] == ["start.content"]
    other = WiSEFT(Dimensions(3 * SIDE**2, WIDTH, SEEN), base=Towers, checkpoint=_changed(checkpoint(tmp_path, "clip")))
    with pytest.raises(
        InputError, match=r"image encoder transformers clip .* has other weights than the model was trained"
    ):
        other.load_state_dict(model.state_dict())


def _changed(folder: Path) -> Path:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["visual_projection.weight"] *= 2
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("d", "reason"), [(12 + 1, "which are no square RGB image"), (3 * 8**2, "do not fit the encoder")]
)
def test_what_are_no_pixels_for_it_is_refused(d: int, reason: str) -> None:
    train = few()
    refused(trained, replace(train, examples=Examples(train.examples.tensor[:, :d], train.examples.labels)), reason)


@pytest.mark.parametrize(("value", "shown"), [(0.5, "0.5"), (-1, "-1"), (256, "256"), (math.nan, "nan")])
def test_features_that_are_no_pixels_are_refused_though_their_number_fits(value: float, shown: str) -> None:
    train = few()
    train.examples.tensor[7, 5] = value
    refused(trained, train, f"holds {shown}, and pixels are whole numbers from 0 to 255; extract images with")


@pytest.mark.parametrize("side", [2, 16])
def test_images_too_small_for_the_packaged_encoder_are_refused(side: int) -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="pip install 'zsl[images]'")
    refused(ImageTower(None), torch.zeros(2, 3 * side**2), f"images of {side} × {side} pixels do not fit the encoder")


def test_memory_that_is_used_up_is_no_matter_of_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    tower = ImageTower(small_tower())
    monkeypatch.setattr(type(tower.backbone), "pooled_by", full)
    with pytest.raises(RuntimeError, match="can't allocate"):
        tower(torch.zeros(2, 3 * SIDE**2))


def refused(act: Callable[[Any], Any], given: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        act(given)
    assert str(error.value).startswith("data: ")
    assert str(error.value).endswith("extract images with backbone=pixels, and take data.scale=none")
    assert "\n" not in error.value.args[0]
