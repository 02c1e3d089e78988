"""CMT*: densities image by image, and the two sides kept apart."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from tests import worlds
from zsl.data.protocol import Stage, final
from zsl.errors import InputError
from zsl.evaluation.corrections.none import Uncorrected
from zsl.evaluation.scoring import score
from zsl.methods.method import Dimensions
from zsl.methods.transfer.cmt import CMT
from zsl.methods.transfer.cmt_star import CMTStar
from zsl.methods.transfer.novelty import Gaussians
from zsl.selection.epochs import BestEpoch, ValidationScores
from zsl.training.fit import fit
from zsl.training.loop import Loop


@pytest.fixture(scope="module")
def stage() -> Stage:
    return final(worlds.source(per_class=20))


@pytest.fixture(scope="module")
def model(stage: Stage) -> CMTStar:
    torch.manual_seed(0)
    star = CMTStar(Dimensions(*stage.dims), rejected=0.3, hidden=8, epochs=3)
    fit(star, stage.training(star.setting), Loop(progress_bar=False), 0)
    return star


def distances(model: CMTStar, stage: Stage, x: torch.Tensor, seen_only: bool) -> np.ndarray:
    with torch.no_grad():
        f = model.f(x).numpy()
    phi = stage.classes.embeddings[stage.classes.seen if seen_only else slice(None)].numpy()
    return np.array([[np.sum((row - point) ** 2) for point in phi] for row in f])


def log_densities(model: CMTStar, stage: Stage, x: torch.Tensor) -> np.ndarray:
    """max_y log N(f; φ(y), σ_y² I), by scipy."""
    train = stage.training(model.setting)
    own, labels = distances(model, stage, train.examples.inputs, True), train.examples.labels.numpy()
    with torch.no_grad():
        f = model.f(x).double().numpy()
    classes = train.classes.embeddings.double().numpy()
    k = classes.shape[1]
    variance = [own[labels == label, label].mean() / k for label in range(len(classes))]
    each = [multivariate_normal(phi, v * np.eye(k)).logpdf(f) for phi, v in zip(classes, variance, strict=True)]
    return np.max(each, axis=0)


def test_novel_is_what_is_less_dense_than_the_share_of_training_images(model: CMTStar, stage: Stage) -> None:
    train, x = stage.training(model.setting).examples.inputs, 2 * stage.held_out.unseen().inputs
    threshold = np.quantile(log_densities(model, stage, train), 0.3)
    for images in (train, x):
        expected = log_densities(model, stage, images) - threshold
        assert (expected < 0).any()
        with torch.no_grad():
            found = model.novel(model.f(images)).numpy()
        clear = abs(expected) > 1e-3
        assert clear.mean() > 0.9
        assert (found == (expected < 0))[clear].all()
    with torch.no_grad():
        assert model.novel(model.f(train)).float().mean().item() == pytest.approx(0.3, abs=1 / len(train))


def test_a_class_of_one_image_on_its_embedding_has_a_density() -> None:
    detector = Gaussians(Dimensions(2, 3, 2), rejected=0.0)
    S = torch.eye(3)[:2]
    detector.fit(S, torch.arange(2), S)
    assert detector(torch.cat([S, S + 1])).tolist() == [False, False, True, True]


def test_the_decided_side_comes_first_each_side_in_its_own_order(model: CMTStar, stage: Stage) -> None:
    """Seen classes by logistic regression on the features, unseen ones by distance."""
    x = torch.cat([stage.held_out.unseen().inputs, stage.held_out.seen().inputs, 3 * stage.held_out.seen().inputs])
    to_all = distances(model, stage, x, False)
    z = x.numpy() @ model.seen.weight.detach().numpy().T + model.seen.bias.detach().numpy()
    with torch.no_grad():
        found, novel = model.scores(x, stage.classes).numpy(), model.novel(model.f(x)).tolist()
    assert 0 < sum(novel) < len(novel)
    seen = stage.classes.seen.tolist()
    for i, unknown in enumerate(novel):
        expected, known = [], 0
        for y, is_seen in enumerate(seen):
            value = math.exp(z[i, known]) / np.exp(z[i]).sum() if is_seen else 1 / (1 + to_all[i, y])
            expected.append(value - (unknown == is_seen))
            known += is_seen
        np.testing.assert_allclose(found[i], expected, rtol=1e-4, atol=1e-5)
        decided = stage.classes.seen.numpy() != unknown
        assert found[i][decided].min() > found[i][~decided].max()


def test_among_unseen_classes_it_ranks_as_cmt_does(model: CMTStar, stage: Stage) -> None:
    x, classes = stage.held_out.unseen().inputs, stage.classes.take(stage.classes.unseen_ids)
    with torch.no_grad():
        found, expected = model.scores(x, classes), CMT.scores(model, x, classes)
    assert torch.equal(found.argsort(dim=1), expected.argsort(dim=1))


def test_the_map_is_learned_as_cmt_learns_it(model: CMTStar, stage: Stage) -> None:
    """The classifier of seen classes starts after f and shares nothing with it."""
    torch.manual_seed(0)
    cmt = CMT(Dimensions(*stage.dims), hidden=8, epochs=3)
    fit(cmt, stage.training(cmt.setting), Loop(progress_bar=False), 0)
    for name, value in cmt.f.state_dict().items():
        torch.testing.assert_close(model.f.state_dict()[name], value, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("novelty", ["gaussian", "loop"])
def test_the_more_are_rejected_the_more_are_novel(
    model: CMTStar, stage: Stage, novelty: Literal["gaussian", "loop"]
) -> None:
    x, counts = stage.held_out.seen().inputs, []
    for rejected in (0.0, 0.5, 0.99):
        star = CMTStar(Dimensions(*stage.dims), rejected=rejected, novelty=novelty, neighbours=5, hidden=8)
        star.f.load_state_dict(model.f.state_dict())
        star.finalize(stage.training(star.setting))
        counts.append(int(star.novel(star.f(x)).sum()))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


@pytest.mark.parametrize(
    ("key", "value"),
    [("rejected", 1.0), ("rejected", -0.1), ("rejected", math.nan), ("references", 0), ("neighbours", 1.5), ("lr", 0)],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}: must be"):
        CMTStar(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]


def test_validation_measures_the_method_as_it_will_be_used(stage: Stage) -> None:
    """The detector belongs to the weights of the epoch that is measured, not to those of none."""
    watch = BestEpoch(stage.held_out.load(), "H", 10, Uncorrected())
    torch.manual_seed(0)
    star = CMTStar(Dimensions(*stage.dims), rejected=0.3, hidden=8, epochs=1)
    fit(star, stage.training(star.setting), Loop(progress_bar=False), 0, callbacks=[watch])
    assert watch.best is not None
    again = ValidationScores.of(score(star, stage.held_out), Uncorrected())
    assert (watch.best.T1, watch.best.H, watch.best.H_raw) == (again.T1, again.H, again.H_raw)
    assert watch.best.calibrated() == again.calibrated()


def test_with_local_outliers_scores_are_each_images_own_and_survive_saving(stage: Stage) -> None:
    torch.manual_seed(0)
    star = CMTStar(Dimensions(*stage.dims), novelty="loop", references=7, neighbours=3, hidden=8, epochs=2)
    fit(star, stage.training(star.setting), Loop(progress_bar=False), 0)
    fresh = CMTStar(Dimensions(*stage.dims), novelty="loop", references=7, neighbours=3, hidden=8)
    fresh.load_state_dict(star.state_dict())
    images, order = stage.held_out.seen().inputs, torch.arange(len(stage.classes)).flip(0)
    x = torch.cat([0.5 * images, 2 * images])
    with torch.no_grad():
        expected = star.scores(x, stage.classes)
        novel = star.novel(star.f(x))
        assert torch.equal(fresh.scores(x, stage.classes), expected)
        torch.testing.assert_close(star.scores(x, stage.classes.take(order)), expected[:, order])
        torch.testing.assert_close(torch.cat([star.scores(row, stage.classes) for row in torch.split(x, 1)]), expected)
    assert 0 < int(novel.sum()) < len(novel)
    assert torch.equal(~stage.classes.seen[expected.argmax(dim=1)], novel)
