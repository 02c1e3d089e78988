"""LoRA: weights W + α/r BA put into transformers' own model by hand, and gradients of A and B by the chain rule."""

from __future__ import annotations

import copy
import re

import pytest
import torch

from tests.configured import small_tower
from tests.methods import text_towers
from tests.methods.few_labels import Towers, whole
from tests.methods.text_towers import (
    NAMES,
    SEEN,
    WIDTH,
    cosine,
    few,
    slow_loss,
    spelled,
    text_vector,
    token_space,
    trained,
)
from zsl.errors import InputError
from zsl.methods.few_labels.lora import LoRA
from zsl.methods.method import Dimensions

pytest.importorskip("peft", reason="pip install 'zsl[adapters]' to test LoRA")
HOW = {"rank": 3, "alpha": 2.0, "lr": 0.01, "batch_size": 5}


def test_scores_and_gradients_are_those_of_added_products(monkeypatch: pytest.MonkeyPatch) -> None:
    train = few()
    model = trained(LoRA, train, epochs=3, **HOW)
    names = [name for name, _ in model.named_parameters() if "lora_A" in name]
    assert len(names) == 2 * 3
    library = copy.deepcopy(text_towers.library_model())
    monkeypatch.setattr(text_towers, "library_model", lambda: library)
    pairs = []
    for name in names:
        A, B = model.get_parameter(name), model.get_parameter(name.replace("lora_A", "lora_B"))
        place = re.sub(r"^tower\.model\.|\.lora_A.*$", "", name) + ".weight"
        W = library[0].get_parameter(place)
        with torch.no_grad():
            W.add_(2.0 / 3 * B @ A)
        pairs.append((A, B, W))
    x, y = train.examples.tensor, train.examples.labels
    F = [[cosine(row, text_vector(spelled(name))) for name in NAMES] for row in x]
    expected = torch.stack([torch.stack(row) for row in F])
    torch.testing.assert_close(model.scores(x, token_space()), expected, atol=1e-9, rtol=1e-9)
    slow = torch.autograd.grad(slow_loss([row[:SEEN] for row in F], y), [W for *_, W in pairs])
    loss = model.loss(whole(train))
    for (A, B, _), G in zip(pairs, slow, strict=True):
        of_A, of_B = torch.autograd.grad(loss, [A, B], retain_graph=True)
        torch.testing.assert_close(of_A, 2.0 / 3 * B.T @ G, atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(of_B, 2.0 / 3 * G @ A.T, atol=1e-9, rtol=1e-9)
        assert of_B.abs().max() > 1e-6


def test_it_begins_with_the_tower_and_lowers_the_loss() -> None:
    train = few()
    model = LoRA(Dimensions(WIDTH, 24, SEEN), base=Towers, checkpoint=small_tower()).double()
    expected = torch.stack([text_vector(spelled(name)) for name in NAMES])
    torch.testing.assert_close(model.t(token_space().embeddings), expected)
    losses = [trained(LoRA, train, epochs=n, **HOW).loss(whole(train)).item() for n in (1, 15)]
    assert losses[1] < losses[0] - 0.05


def test_dropout_is_that_of_the_adapters_alone_and_off_after_training() -> None:
    train, phi = few(), token_space().embeddings
    model = trained(LoRA, train, dropout=0.5, epochs=2, **HOW)
    assert torch.equal(model.t(phi), model.t(phi))
    model.train()
    assert not torch.equal(model.t(phi), model.t(phi))
    kinds = {type(module).__name__ for name, module in model.tower.named_modules() if module.training and name}
    assert kinds == {"ModuleDict", "ParameterDict", "BufferDict", "Dropout", "Linear"} & kinds
    still = trained(LoRA, train, dropout=0.0, epochs=2, **HOW).train()
    assert torch.equal(still.t(phi), still.t(phi))


def test_layers_are_chosen_by_name() -> None:
    dims = Dimensions(WIDTH, 24, SEEN)
    model = LoRA(dims, base=Towers, checkpoint=small_tower(), targets=["fc1", "out_proj"], rank=1)
    adapted = {name.split(".")[-4] for name, _ in model.named_parameters() if "lora_A" in name}
    assert adapted == {"fc1", "out_proj"}
    with pytest.raises(InputError, match=r"method.targets=\['nothing'\]: the network has no such layers; choose of "):
        LoRA(dims, base=Towers, checkpoint=small_tower(), targets=["nothing"])
