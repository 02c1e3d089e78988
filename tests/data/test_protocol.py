"""The protocol: two stages, three settings, and scaling fitted on training images only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import worlds
from zsl.data.protocol import EmbeddedDataset, Stage, final, tune
from zsl.data.scaling import fit_scaling, scale_embeddings
from zsl.data.training_set import Setting
from zsl.errors import InputError


def rows_of(stage: Stage, source: EmbeddedDataset, x: torch.Tensor) -> set[int]:
    """Return the rows of images, found by their values."""
    table = {row.tobytes(): i for i, row in enumerate(np.asarray(source.dataset.features))}
    return {table[row.tobytes()] for row in x.numpy()}


@pytest.fixture
def plain() -> EmbeddedDataset:
    """A data set without scaling, so that images can be identified."""
    return replace(worlds.source(), feature_scale="none", embedding_scale="none")


def test_final_trains_on_trainval_and_asks_about_the_test_images(plain: EmbeddedDataset) -> None:
    stage, splits = final(plain), plain.dataset.splits
    assert rows_of(stage, plain, stage.training(Setting.INDUCTIVE).examples.inputs) == set(splits.trainval)
    assert rows_of(stage, plain, stage.held_out.seen().inputs) == set(splits.test_seen)
    assert rows_of(stage, plain, stage.held_out.unseen().inputs) == set(splits.test_unseen)


def test_under_tune_no_test_image_and_no_test_class_is_reachable(plain: EmbeddedDataset) -> None:
    stage, splits = tune(plain), plain.dataset.splits
    trained = rows_of(stage, plain, stage.training(Setting.TRANSDUCTIVE).examples.inputs)
    seen = rows_of(stage, plain, stage.held_out.seen().inputs)
    unseen = rows_of(stage, plain, stage.held_out.unseen().inputs)
    assert trained | seen == set(splits.train)
    assert not trained & seen
    assert unseen == set(splits.val)
    assert not (trained | seen | unseen) & {*splits.test_seen, *splits.test_unseen}
    tested = {plain.dataset.classes.names[i] for i in plain.dataset.labels[splits.test_unseen]}
    assert not set(stage.classes.names) & tested


def arrays_within(thing: object) -> Iterator[np.ndarray]:
    """Return all arrays that can be reached from an object, and the arrays they are views of."""
    if isinstance(thing, torch.Tensor):
        yield from arrays_within(thing.numpy())
    elif isinstance(thing, np.ndarray):
        yield thing
        if isinstance(thing.base, np.ndarray):
            yield from arrays_within(thing.base)
    elif isinstance(thing, list | tuple):
        for item in thing:
            yield from arrays_within(item)
    elif hasattr(thing, "__dict__"):
        yield from arrays_within(list(vars(thing).values()))


def test_no_array_that_hangs_on_tune_holds_a_test_image(plain: EmbeddedDataset) -> None:
    splits, features = plain.dataset.splits, plain.dataset.features

    def tested(stage: Stage) -> bool:
        images = {features[i].tobytes() for i in (*splits.test_seen, *splits.test_unseen)}
        matrices = [it for it in arrays_within(stage) if it.ndim == 2 and it.shape[1] == features.shape[1]]
        assert matrices
        return any(row.astype(features.dtype).tobytes() in images for it in matrices for row in it)

    assert not tested(tune(plain))
    assert tested(final(plain)), "the walk finds what is there"


def test_every_train_class_keeps_images_and_gives_some(plain: EmbeddedDataset) -> None:
    stage = tune(plain, 0.25)
    seen = set(stage.classes.seen_ids.tolist())
    assert set(stage.training(Setting.UNSEEN_SEMANTICS).examples.labels.tolist()) == seen
    assert set(stage.held_out.seen().labels.tolist()) == seen


@pytest.mark.parametrize("stage_of", [tune, final])
def test_labels_name_the_same_classes_in_every_setting(plain: EmbeddedDataset, stage_of: object) -> None:
    stage = stage_of(plain)  # type: ignore[operator]
    inductive, semantic = stage.training(Setting.INDUCTIVE), stage.training(Setting.UNSEEN_SEMANTICS)
    named = [[t.classes.names[i] for i in t.examples.labels] for t in (inductive, semantic)]
    assert named[0] == named[1]
    assert torch.equal(inductive.examples.inputs, semantic.examples.inputs)
    assert bool(inductive.classes.seen.all())
    assert semantic.classes.names == stage.classes.names


def test_only_transductive_training_holds_unlabelled_images(plain: EmbeddedDataset) -> None:
    stage = final(plain)
    assert stage.training(Setting.INDUCTIVE).unlabelled is None
    assert stage.training(Setting.UNSEEN_SEMANTICS).unlabelled is None
    unlabelled = stage.training(Setting.TRANSDUCTIVE).unlabelled
    assert unlabelled is not None
    assert rows_of(stage, plain, unlabelled) == set(plain.dataset.splits.test_unseen)


@pytest.mark.parametrize("share", [0.0, 1.0, -1, float("nan")])
def test_a_share_that_is_none_is_refused(plain: EmbeddedDataset, share: float) -> None:
    with pytest.raises(InputError, match=r"protocol\.seen_holdout"):
        tune(plain, share)


@pytest.mark.parametrize("kind", ["none", "l2", "sqrt_l2", "standard", "minmax"])
@pytest.mark.parametrize("stage_of", [tune, final])
def test_scaling_depends_on_training_images_alone(kind: str, stage_of: object) -> None:
    source = replace(worlds.source(), feature_scale=kind)  # type: ignore[arg-type]
    stage = stage_of(source)  # type: ignore[operator]
    trained = stage.training(Setting.INDUCTIVE).examples.inputs
    changed = np.array(source.dataset.features)
    tune_rows = source.dataset.splits.train
    kept = tune_rows if stage.name == "tune" else source.dataset.splits.trainval
    if stage.name == "tune":
        kept = np.setdiff1d(kept, stage.held_out.rows)
    mask = np.ones(len(changed), dtype=bool)
    mask[kept] = False
    changed[mask] = 1e9
    again = stage_of(replace(source, dataset=replace(source.dataset, features=changed)))  # type: ignore[operator]
    assert torch.equal(again.training(Setting.INDUCTIVE).examples.inputs, trained)


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 8), st.integers(1, 8))
def test_scalings_follow_their_definitions(seed: int, n: int, d: int) -> None:
    x = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    x[:, 0] = 3.0
    np.testing.assert_array_equal(fit_scaling("none", x)(x), x)
    np.testing.assert_allclose(np.linalg.norm(fit_scaling("l2", x)(x), axis=1), 1, rtol=1e-5)
    root = fit_scaling("sqrt_l2", x)(x)
    np.testing.assert_allclose(np.sign(root) * root**2 * np.abs(x).sum(axis=1, keepdims=True), x, rtol=1e-4)
    standard = fit_scaling("standard", x)(x)
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(standard[:, 1:].std(axis=0), 1 if n > 1 else 0, atol=1e-4)
    box = fit_scaling("minmax", x)(x)
    assert box.min() >= -1e-6
    assert box.max() <= 1 + 1e-6
    assert np.isfinite([*standard.ravel(), *box.ravel()]).all()


def test_rows_of_zeros_stay() -> None:
    zero = np.zeros((2, 3), dtype=np.float32)
    np.testing.assert_array_equal(fit_scaling("l2", zero)(zero), zero)


def test_z_scores_of_class_embeddings_are_fitted_on_seen_classes() -> None:
    phi, seen = np.random.default_rng(0).standard_normal((6, 3)), np.array([True, True, True, True, False, False])
    scaled = scale_embeddings("zscore", phi, seen)
    np.testing.assert_allclose(scaled[seen].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled[seen].std(axis=0), 1)
    phi[~seen] = 7
    np.testing.assert_array_equal(scale_embeddings("zscore", phi, seen)[seen], scaled[seen])


@pytest.mark.parametrize(
    ("key", "source"), [("data.scale", "feature_scale"), ("class_embedding.scale", "embedding_scale")]
)
def test_unknown_scales_are_refused_by_name(key: str, source: str) -> None:
    with pytest.raises(InputError, match=f"{key}=l3 is unknown; choose one of none, l2"):
        final(replace(worlds.source(), **{source: "l3"}))
