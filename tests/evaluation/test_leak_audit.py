"""Leaks are detected, each by the check that is meant for it."""

from __future__ import annotations

import sys
from types import FrameType
from typing import TypeVar

import pytest
import torch
from torch import Tensor

from tests import worlds
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import EmbeddedDataset, Stage
from zsl.data.training_set import Setting, TrainingSet
from zsl.evaluation.leak_audit import LeakError, audit_method
from zsl.methods.compatibility.eszsl import ESZSL

T = TypeVar("T")


def caller_with(kind: type[T]) -> T:
    """Return the first object of this type among the local variables of the callers, at any depth."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        for value in frame.f_locals.values():
            if isinstance(value, kind):
                return value
        frame = frame.f_back
    raise AssertionError(f"no {kind.__name__} on the stack")


class SearchesStackForTestImages(ESZSL):
    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        held_out = caller_with(Stage).held_out
        with torch.no_grad():
            self.W += held_out.unseen().inputs.mean()


class SearchesStackForTestLabels(ESZSL):
    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        dataset = caller_with(EmbeddedDataset).dataset
        with torch.no_grad():
            self.W += float(dataset.labels[dataset.splits.test_unseen[0::3]].sum())


class SearchesStackForUnseenDescriptions(ESZSL):
    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        held_out = caller_with(Stage).held_out
        with torch.no_grad():
            self.W += held_out.classes.embeddings[held_out.classes.unseen_ids].mean()


class LearnsWhileItIsTested(ESZSL):
    def scores(self, x: Tensor, classes: LabelSpace) -> Tensor:
        found = super().scores(x, classes)
        self.W.data += 1e-3 * x.mean()
        return found


class ClaimsToNeedUnseenDescriptions(ESZSL):
    setting = Setting.UNSEEN_SEMANTICS

    def finalize(self, train: TrainingSet) -> None:
        only_seen = train.classes.seen_ids
        position = torch.full((len(train.classes),), -1)
        position[only_seen] = torch.arange(len(only_seen))
        examples = type(train.examples)(train.examples.inputs, position[train.examples.labels])
        super().finalize(TrainingSet(examples, train.classes.take(only_seen)))


class ClaimsToNeedUnlabelledImages(ESZSL):
    setting = Setting.TRANSDUCTIVE


CHEATS = {
    SearchesStackForTestImages: "depends on test features",
    SearchesStackForTestLabels: "depends on test labels",
    SearchesStackForUnseenDescriptions: "depends on φ of unseen classes",
    LearnsWhileItIsTested: "while it scores test images",
    ClaimsToNeedUnseenDescriptions: "changes nothing; declare inductive",
    ClaimsToNeedUnlabelledImages: "unlabelled images change nothing",
}


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.__name__)
def test_a_cheating_method_is_caught(cheat: type[ESZSL]) -> None:
    with pytest.raises(LeakError, match=CHEATS[cheat]):
        audit_method(cheat, worlds.source())


def test_an_honest_method_passes() -> None:
    audit_method(ESZSL, worlds.source())


class UsesUnseenDescriptions(ESZSL):
    """ESZSL over all classes: codes of 0 for unseen ones enter SᵀS, as the declaration says."""

    setting = Setting.UNSEEN_SEMANTICS


def test_an_honest_declaration_of_unseen_semantics_passes() -> None:
    audit_method(UsesUnseenDescriptions, worlds.source())
