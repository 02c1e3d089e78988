"""What every correction must do, found in conf/correction/ by itself: a new file there is tested with no edit here."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import get_object, instantiate
from omegaconf import OmegaConf

from zsl.config.tree import tree
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.scored_images import ScoredImages

CORRECTIONS = sorted(path.stem for path in (tree() / "conf" / "correction").glob("*.yaml"))


def images(seed: int = 0, n: int = 60, classes: int = 12) -> ScoredImages:
    """Scores with hubs and with a bias towards seen classes; a third of the classes is unseen."""
    rng = np.random.default_rng(seed)
    seen = rng.permutation(np.arange(classes) < 2 * classes // 3)
    labels = rng.permutation(np.arange(n) % classes)
    scores = rng.standard_normal((n, classes)) + 1.5 * np.eye(classes)[labels] + seen + rng.standard_normal(classes)
    return ScoredImages(scores, labels, seen)


def correction(name: str, validation: ScoredImages | None = None) -> Correction:
    """As configured, with what is open chosen on validation images."""
    made = instantiate(OmegaConf.load(tree() / "conf" / "correction" / f"{name}.yaml"))
    assert isinstance(made, Correction)
    return made.chosen_on(validation or images(seed=1))


@pytest.fixture(params=CORRECTIONS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_corrections_are_found() -> None:
    assert {"none", "csls", "calibrated_stacking"} <= set(CORRECTIONS)


def test_every_correction_has_a_test_of_its_own(name: str) -> None:
    assert (Path(__file__).parent / "evaluation" / "corrections" / f"test_{name}.py").is_file()


def test_defaults_stand_in_code_and_configuration_alike(name: str) -> None:
    cfg = OmegaConf.to_container(OmegaConf.load(tree() / "conf" / "correction" / f"{name}.yaml"))
    assert isinstance(cfg, dict)
    target = get_object(cfg.pop("_target_"))
    assert cfg == {key: p.default for key, p in inspect.signature(target).parameters.items()}


def test_scores_come_out_as_they_went_in(name: str) -> None:
    """Same shape, finite, and what was given is not written on."""
    given = images()
    before = given.scores.copy()
    found = correction(name)(given.scores, given.seen)
    assert found.shape == before.shape
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
    assert (given.scores == before).all()
    assert (correction(name)(given.scores, given.seen) == found).all()


def test_the_order_of_classes_does_not_matter(name: str) -> None:
    given, order = images(), np.random.default_rng(2).permutation(12)
    correct = correction(name)
    expected = correct(given.scores, given.seen)[:, order]
    np.testing.assert_allclose(correct(given.scores[:, order], given.seen[order]), expected, atol=1e-10)


def test_the_order_of_images_does_not_matter(name: str) -> None:
    given, order = images(), np.random.default_rng(2).permutation(60)
    correct = correction(name)
    expected = correct(given.scores, given.seen)[order]
    np.testing.assert_allclose(correct(given.scores[order], given.seen), expected, atol=1e-10)


def test_what_is_declared_holds_in_both_directions(name: str) -> None:
    """Inductive: an image alone is scored as in a batch. Transductive: other images change how its classes compare."""
    given, correct = images(), correction(name)
    found = correct(given.scores, given.seen)
    alone = np.concatenate([correct(row[None], given.seen) for row in given.scores])
    other = given.scores.copy()
    other[1:] = images(seed=5).scores[1:]
    in_other_company = correct(other, given.seen)[0]
    if not correct.transductive:
        assert (alone == found).all()
        assert (in_other_company == found[0]).all()
    else:
        assert not np.allclose(alone - alone[:, :1], found - found[:, :1])
        assert not np.allclose(in_other_company - in_other_company[0], found[0] - found[0, 0])


@pytest.mark.parametrize(("scale", "shift"), [(1e-3, 1.0), (40.0, -900.0), (1.0, -5.0)])
def test_it_takes_scores_of_any_kind(name: str, scale: float, shift: float) -> None:
    """Cosines in a narrow band, logits, negative distances: all that is left open is chosen on scores of that kind."""
    given, validation = images(), images(seed=1)
    expected = correction(name, validation)(given.scores, given.seen)
    moved = ScoredImages(scale * validation.scores + shift, validation.labels, validation.seen)
    found = correction(name, moved)(scale * given.scores + shift, given.seen)
    assert (np.argsort(found, axis=1) == np.argsort(expected, axis=1)).all()


@pytest.mark.parametrize(
    "scores", [np.zeros((4, 3)), np.ones((1, 1)), np.ones((1, 3)), np.arange(4.0)[:, None]], ids=str
)
def test_few_images_few_classes_and_ties(name: str, scores: np.ndarray) -> None:
    found = correction(name)(scores, np.zeros(scores.shape[1], dtype=bool))
    assert found.shape == scores.shape
    assert np.isfinite(found).all()
    if np.ptp(scores) == 0:
        assert np.ptp(found) == 0
