"""Leak audit: a method is trained on data that differ only in what its declared setting excludes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from zsl.data.dataset import ClassDescriptions, Dataset
from zsl.data.descriptions import Embed
from zsl.data.protocol import EmbeddedDataset, final
from zsl.data.training_set import Setting
from zsl.evaluation.scoring import score
from zsl.methods.method import Dimensions, ZSLModel
from zsl.training.fit import fit
from zsl.training.loop import Loop

Build = Callable[[Dimensions], ZSLModel]


class LeakError(AssertionError):
    """Violation of a declared setting: the method used data it may not see, or did not use data it declares."""


def audit_method(build: Build, source: EmbeddedDataset, seed: int = 0) -> None:
    """Hold a method to its declared setting, in both directions, by comparing trained weights bit by bit.

    - Every test label shuffled, every test feature overwritten with NaN: the weights may not change (a transductive
      method may depend on the features, never on the labels).
    - φ of the unseen classes replaced: the weights may not change if inductive, and must change otherwise.
    - Unlabelled unseen images replaced: the weights must change if transductive.
    - Scoring test images may not change the weights.

    Raises:
        LeakError: one of these does not hold.
    """
    name, setting = build.__name__ if hasattr(build, "__name__") else str(build), Setting.INDUCTIVE

    def weights(world: EmbeddedDataset) -> dict[str, Tensor]:
        nonlocal name, setting
        torch.manual_seed(seed)
        stage = final(world)
        model = build(Dimensions(*stage.dims))
        name, setting = type(model).__name__, model.setting
        fit(model, stage.training(setting), Loop(progress_bar=False), seed)
        learned = {key: value.clone() for key, value in model.state_dict().items()}
        if world is source:
            deque(score(model, stage.held_out).gzsl.blocks(), maxlen=0)
            if not _equal(learned, model.state_dict()):
                raise LeakError(f"{name} changes its weights while it scores test images; learn in fit and finalize")
        return learned

    reference = weights(source)
    if not _equal(reference, weights(_shuffled_labels(source))):
        raise LeakError(f"{name} depends on test labels")
    if setting is not Setting.TRANSDUCTIVE and not _equal(reference, weights(_overwritten(source, np.nan))):
        raise LeakError(f"{name} depends on test features, but declares {setting.value!r}")
    uses_phi = not _equal(reference, weights(_other_unseen_phi(source)))
    if uses_phi and setting is Setting.INDUCTIVE:
        raise LeakError(f"{name} depends on φ of unseen classes, but declares {setting.value!r}")
    if not uses_phi and setting is not Setting.INDUCTIVE:
        raise LeakError(
            f"{name} declares {setting.value!r}, but φ of unseen classes changes nothing; declare inductive"
        )
    if setting is Setting.TRANSDUCTIVE and _equal(reference, weights(_overwritten(source, 0.5))):
        raise LeakError(f"{name} declares {setting.value!r}, but the unlabelled images change nothing")


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def _shuffled_labels(source: EmbeddedDataset) -> EmbeddedDataset:
    """Return a source with test labels permuted among unseen and among seen classes, so that splits stay valid."""
    generator, labels = np.random.default_rng(0), source.dataset.labels.copy()
    for rows in (source.dataset.splits.test_seen, source.dataset.splits.test_unseen):
        labels[rows] = np.roll(labels[rows], 1) if len(rows) < 3 else generator.permutation(labels[rows])
    return replace(source, dataset=_with(source.dataset, labels=labels))


def _overwritten(source: EmbeddedDataset, value: float) -> EmbeddedDataset:
    features = np.array(source.dataset.features)
    features[np.concatenate([source.dataset.splits.test_seen, source.dataset.splits.test_unseen])] = value
    return replace(source, dataset=_with(source.dataset, features=features))


def _other_unseen_phi(source: EmbeddedDataset) -> EmbeddedDataset:
    unseen = ~source.dataset.seen()

    def fit(known: ClassDescriptions) -> Embed:
        embed = source.fit_embedding(known)

        def replaced(classes: ClassDescriptions) -> np.ndarray:
            phi, other = np.array(embed(classes)), unseen[list(classes.numbers)]
            phi[other] = np.random.default_rng(0).standard_normal(phi[other].shape)
            return phi

        return replaced

    return replace(source, fit_embedding=fit)


def _with(dataset: Dataset, **changes: np.ndarray) -> Dataset:
    return replace(dataset, **changes)  # type: ignore[arg-type]
