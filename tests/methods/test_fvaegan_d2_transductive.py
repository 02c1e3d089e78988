"""f-VAEGAN-D2 with a critic of unlabelled images: its batches, its setting, its effect on synthetic features.

Its steps are tested beside the inductive ones, in ``test_fvaegan_d2.py``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from tests import worlds
from tests.methods.adversarial import LOOP, SMALL
from zsl.data.protocol import final
from zsl.data.training_set import Setting, TransductiveDraws
from zsl.methods.generative.fvaegan_d2 import FVAEGAND2
from zsl.methods.method import Dimensions
from zsl.training.fit import fit

STAGE = final(worlds.source())


def build(**changes: Any) -> FVAEGAND2:
    torch.manual_seed(1)
    given = {"critic_hidden": 7, "n_critic": 2, "epochs": 2, "transductive": True}
    return FVAEGAND2(Dimensions(*STAGE.dims), **{**SMALL, **given, **changes})


def test_it_declares_what_it_sees_and_its_inductive_sibling_does_not() -> None:
    assert build().setting is Setting.TRANSDUCTIVE
    assert build(transductive=False).setting is FVAEGAND2.setting is Setting.UNSEEN_SEMANTICS
    assert build(transductive=False).unconditional is None


def test_draws_carry_the_unlabelled_images_and_the_unseen_classes() -> None:
    train = STAGE.training(Setting.TRANSDUCTIVE)
    (batch,) = TransductiveDraws(train, len(train.examples), 2, 0)
    assert batch.x.shape == (2, len(train.examples), STAGE.dims[0])
    assert batch.unlabelled is train.unlabelled
    assert batch.classes.seen.all()
    assert not batch.unseen.seen.any()
    assert len(batch.classes) + len(batch.unseen) == len(train.classes)


def test_the_generator_follows_the_unlabelled_images() -> None:
    """Unlabelled images that are moved far away move the fakes of unseen classes too."""
    train = STAGE.training(Setting.TRANSDUCTIVE)
    assert train.unlabelled is not None
    away = torch.ones(STAGE.dims[0])
    reached = []
    for offset in (-3 * away, 3 * away):
        model = build(critic_hidden=16, epochs=25, lr=3e-2)
        fit(model, replace(train, unlabelled=train.unlabelled + offset), LOOP, 0)
        phi = STAGE.classes.embeddings[STAGE.classes.unseen_ids].repeat(50, 1)
        reached.append((model.synthesize(phi).mean(dim=0) @ away).item())
    assert reached[0] < -1 < 1 < reached[1]
