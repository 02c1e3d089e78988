"""LoRA of an image encoder: W + α/r BA put into transformers' own model by hand, gradients by the chain rule."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from tests.configured import small_tower
from tests.methods.few_labels import SCALE, Towers, whole
from tests.methods.test_wise_ft import ROUNDED, SEEN, SIDE, WIDTH, encoded, few, library_model, space
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.few_labels.lora_image import LoRAImage
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

pytest.importorskip("peft", reason="pip install 'zsl[adapters]' to test LoRA")
DIMS = Dimensions(3 * SIDE**2, WIDTH, SEEN)


def trained(train: TrainingSet, epochs: int, dropout: float = 0.25) -> LoRAImage:
    torch.manual_seed(0)
    how = {"rank": 3, "alpha": 2.0, "lr": 0.01, "batch_size": 5, "dropout": dropout, "epochs": epochs}
    model = LoRAImage(DIMS, base=Towers, checkpoint=small_tower(), **how).double()  # type: ignore[arg-type]
    found = fit(model, train, Loop(progress_bar=False), seed=0)
    assert isinstance(found, LoRAImage)
    return found


def test_scores_and_gradients_are_those_of_added_products() -> None:
    train = few()
    model, e, pairs = trained(train, 3), library_model(), []
    names = [name for name, _ in model.named_parameters() if "lora_A" in name]
    assert len(names) == 2 * 3
    for name in names:
        A, B = model.get_parameter(name), model.get_parameter(name.replace("lora_A", "lora_B"))
        W = e.get_parameter(re.sub(r"^start\.network\.|\.lora_A.*$", "", name) + ".weight")
        with torch.no_grad():
            W.add_(2.0 / 3 * B @ A)
        pairs.append((A, B, W))
    z = torch.stack([normalize(encoded(e, x), dim=0) for x in train.examples.tensor])
    classes = space(train)
    expected = SCALE * z @ normalize(classes.embeddings, dim=1).T
    found = model.scores(train.examples.tensor, classes)
    torch.testing.assert_close(found, expected, atol=ROUNDED, rtol=ROUNDED)
    F = SCALE * z @ normalize(train.classes.embeddings, dim=1).T
    slow = torch.autograd.grad(cross_entropy(F, train.examples.labels), [W for *_, W in pairs])
    loss = model.loss(whole(train))
    for (A, B, _), G in zip(pairs, slow, strict=True):
        of_A, of_B = torch.autograd.grad(loss, [A, B], retain_graph=True)
        torch.testing.assert_close(of_A, 2.0 / 3 * B.T @ G, atol=ROUNDED, rtol=ROUNDED)
        torch.testing.assert_close(of_B, 2.0 / 3 * G @ A.T, atol=ROUNDED, rtol=ROUNDED)
        assert of_B.abs().max() > 1e-4


def test_features_that_are_no_pixels_are_refused() -> None:
    train = few()
    train.examples.tensor[:] /= 255
    with pytest.raises(InputError, match="pixels are whole numbers from 0 to 255"):
        trained(train, 1)


def test_it_begins_with_the_encoder_lowers_the_loss_and_saves_adapters_alone() -> None:
    train = few()
    losses = [trained(train, epochs, 0.0).loss(whole(train)).item() for epochs in (1, 15)]
    assert losses[1] < losses[0] - 0.05
    start = LoRAImage(DIMS, base=Towers, checkpoint=small_tower()).double()
    z = torch.stack([normalize(encoded(library_model(), x), dim=0) for x in train.examples.tensor])
    expected = SCALE * z @ normalize(train.classes.embeddings, dim=1).T
    torch.testing.assert_close(start.scores(train.examples.tensor, train.classes), expected, atol=ROUNDED, rtol=ROUNDED)
    assert all("lora_" in name or name == "start.content" for name in start.state_dict() if name.startswith("start."))


def test_convolutions_of_single_pixels_of_the_packaged_encoder_are_adapted() -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="pip install 'zsl[images]'")
    torch.manual_seed(0)
    model = LoRAImage(Dimensions(3 * 32**2, 8, SEEN), dropout=0.0)
    weights = dict(model.start.network.named_parameters())
    x = 255 * torch.rand(2, 3 * 32**2)
    before = model.start(x).detach()
    with torch.no_grad():
        for name, weight in weights.items():
            if "lora_B" in name:
                weight.normal_(std=0.1)
    changed = model.start(x)
    assert (changed - before).abs().max() > 1e-3
    for name, B in weights.items():  # W + BA in place of both
        if "lora_B" in name:
            place = name.partition(".lora_B")[0]
            A, layer = weights[name.replace("lora_B", "lora_A")], model.start.network.get_submodule(place)
            layer.base_layer.weight += 0.5 * (B[:, :, 0, 0] @ A[:, :, 0, 0])[:, :, None, None].detach()
            with torch.no_grad():
                B.zero_()
    torch.testing.assert_close(model.start(x), changed, atol=1e-4, rtol=1e-4)
