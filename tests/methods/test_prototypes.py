"""Prototype heads: their loss in plain Python, the prior of every class by counting, and the contract of methods."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import leaky_relu

import zsl
from tests import worlds
from tests.methods.adversarial import LOOP, SMALL
from zsl.config.compose import compose
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import final
from zsl.data.training_set import Batch, TrainingSet
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.losses import log_prior
from zsl.methods.generative.prototypes import Prototypes
from zsl.methods.generative.softmax import Softmax
from zsl.methods.method import Dimensions
from zsl.testing import check_method
from zsl.training.fit import fit

STAGE = final(worlds.source())


def priors(labels: list[int], seen: list[bool], ratio: float) -> list[float]:
    """log p(y | S) + log p(S), class by class."""
    counts = [max(labels.count(c), 1) for c in range(len(seen))]
    of_seen = sum(n for n, is_seen in zip(counts, seen, strict=True) if is_seen)
    return [
        math.log(n / of_seen) + math.log(ratio / (1 + ratio))
        if is_seen
        else math.log(1 / seen.count(False)) + math.log(1 / (1 + ratio))
        for n, is_seen in zip(counts, seen, strict=True)
    ]


@settings(deadline=None, max_examples=40)
@given(
    seen=st.lists(st.booleans(), min_size=1, max_size=6),
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=20),
    ratio=st.floats(0.01, 1000),
    seed=st.integers(0, 99),
)
@torch.no_grad()
def test_the_loss_is_an_adjusted_cross_entropy(seen: list[bool], labels: list[int], ratio: float, seed: int) -> None:
    torch.manual_seed(seed)
    labels = [label % len(seen) for label in labels]
    y, phi, x = torch.tensor(labels), torch.randn(len(seen), 3).double(), torch.randn(len(labels), 4).double()
    classes = LabelSpace(tuple(map(str, range(len(seen)))), phi, torch.tensor(seen))
    train = TrainingSet(Examples(x, y), classes)
    prior = priors(labels, seen, ratio)
    found = log_prior(y.bincount(minlength=len(seen)).double(), classes.seen, ratio)
    assert found.tolist() == pytest.approx(prior)
    if any(seen) and not all(seen):
        assert found.exp().sum().item() == pytest.approx(1)
    for model in (Prototypes(Dimensions(4, 3, 2), ratio=ratio), Softmax(Dimensions(4, 3, len(seen)), ratio=ratio)):
        model.double().batches(train, 0)
        expected = 0.0
        for row, label in zip(x, labels, strict=True):
            if isinstance(model, Prototypes):
                W1, b1, W2, b2 = model.layers.parameters()
                protos = [W2 @ leaky_relu(W1 @ p + b1, 0.2) + b2 for p in phi]
                z = [float(row @ p / row.norm() / p.norm()) / 0.04 for p in protos]
            else:
                z = (model.V @ row + model.c).tolist()
            adjusted = [a + b for a, b in zip(z, prior, strict=True)]
            expected += math.log(sum(math.exp(a - adjusted[label]) for a in adjusted)) / len(labels)
        assert model.loss(Batch(x, y, classes)).item() == pytest.approx(expected, rel=1e-6)


def test_scores_have_no_prior_in_them_and_take_classes_that_training_did_not_have() -> None:
    train = STAGE.training(Prototypes.setting)
    models = []
    for ratio in (None, 30.0):
        torch.manual_seed(0)
        models.append(Prototypes(Dimensions(*STAGE.dims), ratio=ratio))
    for model in models:
        model.batches(train, 0)
    x = STAGE.held_out.unseen().inputs
    assert torch.equal(*(model.scores(x, STAGE.classes) for model in models))


def test_a_large_ratio_leaves_more_to_unseen_classes() -> None:
    """The more training says that classes are seen, the higher the logits of unseen classes must be."""
    train = STAGE.training(FCLSWGAN.setting)
    shares = []
    for ratio in (0.01, 1.0, 1000.0):
        torch.manual_seed(0)
        head = lambda dims, r=ratio: Prototypes(dims, ratio=r, epochs=20, lr=1e-2)  # noqa: E731
        model = FCLSWGAN(Dimensions(*STAGE.dims), **{**SMALL, "head": head, "epochs": 1})  # type: ignore[arg-type]
        fit(model, train, LOOP, 0)
        x = torch.cat([STAGE.held_out.seen().inputs, STAGE.held_out.unseen().inputs])
        answers = model.scores(x, STAGE.classes).argmax(dim=1)
        shares.append((~STAGE.classes.seen[answers]).double().mean().item())
    assert shares[0] <= shares[1] <= shares[2]
    assert shares[0] < shares[2]


@pytest.mark.parametrize("head", ["prototype", "zlap", "logit_adjusted"])
def test_heads_are_chosen_by_name_and_adjust_by_a_ratio(head: str) -> None:
    node = compose(["method=fclswgan", f"method/head={head}"]).method.head
    assert (node.ratio is None) == (head == "prototype")


@pytest.mark.parametrize("size", [0.01, 3.0, 100.0])
def test_what_prototypes_learn_does_not_depend_on_the_length_of_descriptions(size: float) -> None:
    train, scores = STAGE.training(FCLSWGAN.setting), []
    x = STAGE.held_out.unseen().inputs
    for factor in (1.0, size):
        torch.manual_seed(0)
        classes = replace(train.classes, embeddings=factor * train.classes.embeddings)
        model = fit(Prototypes(Dimensions(*STAGE.dims), hidden=8, steps=20), replace(train, classes=classes), LOOP, 0)
        scores.append(model.scores(x, classes))
    torch.testing.assert_close(*scores, rtol=1e-3, atol=1e-3)


@given(n=st.integers(1, 3000), batch=st.integers(1, 600), steps=st.integers(1, 2000))
def test_passes_make_the_steps_and_no_pass_too_many(n: int, batch: int, steps: int) -> None:
    x, classes = torch.zeros(n, 4), LabelSpace(("a",), torch.zeros(1, 3), torch.tensor([True]))
    head = Prototypes(Dimensions(4, 3, 1), hidden=1, batch_size=batch, steps=steps)
    head.prepared(TrainingSet(Examples(x, torch.zeros(n, dtype=torch.long)), classes))
    each = math.ceil(n / batch)
    assert head.epochs * each >= steps > (head.epochs - 1) * each
    assert Prototypes(Dimensions(4, 3, 1), epochs=7, steps=steps).epochs == 7


def test_prototypes_hold_the_contract_of_methods() -> None:
    check_method(Prototypes, {"epochs": 3, "hidden": 8, "batch_size": 16, "ratio": 5.0})
    assert zsl.methods.Prototypes is not None
