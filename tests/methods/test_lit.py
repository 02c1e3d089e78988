"""A trained text tower: loss and gradients against transformers' own model, one text at a time."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

from tests.configured import small_tower
from tests.methods.few_labels import whole
from tests.methods.text_towers import BEGIN, END, NAMES, WIDTH, few, library_model, spelled, text_vector, token_space
from zsl.class_embeddings.text_tower import TextTower
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.alignment.lit import LiT
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

pytest.importorskip("transformers")
LENGTH = 24
"""tokens that the small tower reads"""


def untrained(train: TrainingSet, **keys: object) -> LiT:
    torch.manual_seed(0)
    dims = Dimensions(WIDTH, LENGTH, len(train.classes))
    return LiT(dims, small_tower(), dropout=0.0, **keys).double()  # type: ignore[arg-type]


def test_loss_and_gradients_are_those_of_the_definition() -> None:
    train = few()
    model = untrained(train)
    library, vocabulary = copy.deepcopy(library_model())
    x, y = train.examples.tensor, train.examples.labels.tolist()
    ids = [[vocabulary[token] for token in (BEGIN, *spelled(NAMES[label]), END)] for label in y]
    texts = [library.get_text_features(input_ids=torch.tensor([row])).pooler_output[0] for row in ids]
    expected = torch.zeros((), dtype=torch.float64)
    for i in range(len(y)):
        same = [j for j in range(len(y)) if y[j] == y[i]]
        for rows in ([(x[i], t) for t in texts], [(v, texts[i]) for v in x]):
            z = [model.s.exp() * normalize(model.A @ v, dim=0) @ normalize(t, dim=0) for v, t in rows]
            total = torch.stack(z).logsumexp(0)
            expected = expected - sum(z[j] - total for j in same) / (2 * len(same) * len(y))
    loss = model.loss(whole(train))
    torch.testing.assert_close(loss, expected)
    trained = {name: W for name, W in model.tower.model.named_parameters() if W.requires_grad}
    theirs = [library.get_parameter(name) for name in trained]
    ours = torch.autograd.grad(loss, list(trained.values()))
    for name, own, other in zip(trained, ours, torch.autograd.grad(expected, theirs), strict=True):
        torch.testing.assert_close(own, other, atol=1e-9, rtol=1e-7, msg=lambda said, name=name: f"{name}: {said}")


def test_it_begins_with_the_tower_and_changes_it() -> None:
    train, classes = few(), token_space()
    model = untrained(train, epochs=30, lr=0.01, tower_lr=0.003)
    expected = torch.stack([text_vector(spelled(name)) for name in NAMES])
    torch.testing.assert_close(model.w(classes.embeddings), normalize(expected), atol=1e-6, rtol=1e-6)
    before = model.loss(whole(train)).item()
    fit(model, train, Loop(progress_bar=False), seed=0)
    assert model.loss(whole(train)).item() < before - 0.1
    with torch.no_grad():
        assert (model.w(classes.embeddings) - normalize(expected)).abs().max() > 0.01
        constant = TextTower(small_tower()).double()(classes.embeddings)
    torch.testing.assert_close(constant, expected, atol=1e-6, rtol=1e-6)


def test_texts_are_encoded_once_for_blocks_of_images_and_anew_for_other_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, classes = few(), token_space()
    model, passes = untrained(train), []
    forward = TextTower.forward
    monkeypatch.setattr(TextTower, "forward", lambda self, *given: passes.append(1) or forward(self, *given))
    with torch.inference_mode():
        first = [model.scores(block, classes) for block in train.examples.tensor.split(3)]
        assert len(passes) == 1
        for weight in model.tower.parameters():
            weight.mul_(1.1)
        second = [model.scores(block, classes) for block in train.examples.tensor.split(3)]
    assert len(passes) == 2
    assert not torch.allclose(torch.cat(first), torch.cat(second))


def test_a_rate_of_its_own_and_no_decay_of_vectors() -> None:
    model = untrained(few(), tower_lr=1e-4, weight_decay=0.2)
    groups = model.configure_optimizers().param_groups
    rate = {id(W): (group["lr"], group["weight_decay"]) for group in groups for W in group["params"]}
    assert rate[id(model.A)] == (1e-3, 0.2)
    assert rate[id(model.s)] == (1e-3, 0.0)
    learned = [W for W in model.tower.parameters() if W.requires_grad]
    assert learned
    assert {rate[id(W)] for W in learned} == {(1e-4, 0.2), (1e-4, 0.0)}
    assert all((rate[id(W)][1] > 0) == (W.ndim > 1) for W in learned)


def test_what_makes_no_tower_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"method\.tower_lr=0"):
        LiT(Dimensions(4, LENGTH, 3), small_tower(), tower_lr=0)
    with pytest.raises(InputError, match=r"method\.checkpoint=3: must be a folder"):
        LiT(Dimensions(4, LENGTH, 3), 3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="nothing"):
        LiT(Dimensions(4, LENGTH, 3), tmp_path / "nothing")
