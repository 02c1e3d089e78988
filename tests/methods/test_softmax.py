"""The softmax head: its formula, and how classes are identified."""

from __future__ import annotations

import pytest
import torch

from tests import worlds
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import final
from zsl.data.training_set import Setting, TrainingSet
from zsl.errors import InputError
from zsl.methods.generative.softmax import Softmax
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

STAGE = final(worlds.source())


@pytest.fixture(scope="module")
def model() -> Softmax:
    torch.manual_seed(0)
    made = Softmax(Dimensions(*STAGE.dims), epochs=3, batch_size=8)
    fit(made, STAGE.training(Setting.INDUCTIVE), Loop(progress_bar=False), 0)
    return made


@torch.no_grad()
def test_scores_are_log_probabilities_by_class(model: Softmax) -> None:
    x, classes = STAGE.held_out.seen().inputs, STAGE.classes.take(STAGE.classes.seen_ids)
    order = torch.tensor([2, 0, 1])
    found = model.scores(x, classes.take(order))
    for row, scores in zip(x, found, strict=True):
        z = [float(model.V[c] @ row + model.c[c]) for c in range(len(model.c))]
        total = sum(torch.tensor(z).exp())
        for column, c in enumerate(order.tolist()):
            assert float(scores[column]) == pytest.approx(float((torch.tensor(z[c]).exp() / total).log()), abs=1e-5)


def test_an_unknown_class_is_refused_by_name(model: Softmax) -> None:
    unseen = STAGE.classes.take(STAGE.classes.unseen_ids)
    with pytest.raises(InputError, match=f"class '{unseen.names[0]}' was not there when the classifier was trained"):
        model.scores(STAGE.held_out.seen().inputs, unseen)


def test_classes_of_equal_description_are_one_answer() -> None:
    twins = LabelSpace(("a", "b", "c"), torch.tensor([[1.0, 0], [0, 1], [1, 0]]), torch.tensor([True, True, True]))
    model = Softmax(Dimensions(2, 2, 3))
    model.phi.copy_(twins.embeddings)
    found = model.scores(torch.randn(4, 2), twins)
    assert torch.equal(found[:, 0], found[:, 2])
    assert not torch.equal(found[:, 0], found[:, 1])
    first = torch.log_softmax(torch.tensor([2.0, 5.0, 7.0]), dim=0)[0]
    with torch.no_grad():
        model.V.zero_()
        model.c.copy_(torch.tensor([2.0, 5.0, 7.0]))
    assert torch.equal(model.scores(torch.randn(1, 2), twins)[0, [0, 2]], first.expand(2))


@pytest.mark.parametrize(("features", "passes"), [(200, 300), (256 * 12, 25), (256 * 11, 28)])
def test_few_features_have_no_fewer_steps(features: int, passes: int) -> None:
    x, classes = torch.zeros(features, 4), LabelSpace(("a",), torch.zeros(1, 3), torch.tensor([True]))
    head = Softmax(Dimensions(4, 3, 1))
    head.prepared(TrainingSet(Examples(x, torch.zeros(features, dtype=torch.long)), classes))
    assert head.epochs == passes
    assert Softmax(Dimensions(4, 3, 1), epochs=3).epochs == 3
