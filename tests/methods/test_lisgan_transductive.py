"""LisGAN that learns from confident unlabelled images: which these are, and that its setting says so."""

from __future__ import annotations

import math

import torch

from tests.methods.adversarial import LOOP
from tests.methods.test_lisgan import STAGE, build
from zsl.data.training_set import Setting
from zsl.training.fit import fit


def test_it_declares_what_it_sees_and_its_sibling_does_not() -> None:
    assert build(confident=0.2).setting is Setting.TRANSDUCTIVE
    assert build().setting is type(build()).setting is Setting.UNSEEN_SEMANTICS


def test_heads_are_trained_again_with_the_images_of_the_surest_answers() -> None:
    model = build(confident=0.5)
    train = STAGE.training(Setting.TRANSDUCTIVE)
    assert train.unlabelled is not None
    parts = []
    for head, own in model.heads(train):
        fit(head, own, LOOP, 0)
        if len(parts) == 0:
            first = head.scores(train.unlabelled, own.classes).detach()
        parts.append((head, own))
    (zsl, synthetic), (gzsl, mixed), (again, more), (both, most) = parts
    assert (again, both) == (zsl, gzsl) == (model.zsl_head, model.gzsl_head)
    entropy = []
    for row in first:
        p = [math.exp(v) for v in row.tolist()]
        p = [v / sum(p) for v in p]
        entropy.append(-sum(v * math.log(v) for v in p))
    count = round(0.5 * len(train.unlabelled))
    surest = sorted(range(len(entropy)), key=entropy.__getitem__)[:count]
    added = more.examples.inputs[len(synthetic.examples) :]
    assert count > 2
    assert torch.equal(added.sort(dim=0).values, train.unlabelled[surest].sort(dim=0).values)
    answers = more.examples.labels[len(synthetic.examples) :]
    lookup = {tuple(row.tolist()): i for i, row in enumerate(train.unlabelled)}
    for row, answer in zip(added, answers, strict=True):
        assert first[lookup[tuple(row.tolist())]].argmax() == answer
    assert torch.equal(most.examples.inputs[len(mixed.examples) :], added)
    assert torch.equal(most.examples.labels[len(mixed.examples) :], train.classes.unseen_ids[answers])
