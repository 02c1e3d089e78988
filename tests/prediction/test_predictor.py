"""Laws of answers: which classes are asked about, how scores are calibrated, how classes are found and embedded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

import zsl
from zsl.class_embeddings.word_vectors import WordVectors
from zsl.errors import InputError
from zsl.evaluation import scored_images
from zsl.evaluation.evaluate import Calibration
from zsl.methods import ESZSL
from zsl.prediction.predictor import Predictor

NAMES = ["001.Barn_Swallow", "Gadwall", "barn owl", "Kite", "Zebra"]
PHI = np.random.default_rng(0).normal(size=(5, 3))
W = np.random.default_rng(1).normal(size=(3, 6))


def images(labels: Any, seed: int = 0) -> Any:
    return PHI[labels] @ W + 0.05 * np.random.default_rng(seed).normal(size=(len(labels), 6))


@pytest.fixture(scope="module")
def model() -> Predictor:
    y = np.arange(60) % 3
    return zsl.fit(ESZSL(gamma=1.0, lamb=1.0), images(y), y, classes=NAMES, phi=PHI)


def test_which_classes_are_seen_follows_from_the_labels(model: Predictor) -> None:
    assert model.classes.seen.tolist() == [True, True, True, False, False]
    assert set(model.predict(images(np.array([3, 4, 3])), ["Kite", "Zebra"]).labels[:, 0]) <= {"Kite", "Zebra"}
    near = zsl.fit(ESZSL(gamma=0.01, lamb=0.01), images(np.arange(60) % 3), np.arange(60) % 3, classes=NAMES, phi=PHI)
    assert near.predict(images(np.arange(3))).labels[:, 0].tolist() == NAMES[:3]


@given(order=st.permutations(range(5)), count=st.integers(1, 5))
def test_scores_of_some_classes_are_columns_of_all(order: list[int], count: int) -> None:
    y = np.arange(60) % 3
    own = zsl.fit(ESZSL(gamma=1.0, lamb=1.0), images(y), y, classes=NAMES, phi=PHI)
    x = images(np.arange(5))
    asked = [NAMES[i] for i in order[:count]]
    np.testing.assert_allclose(own.scores(x, asked), own.scores(x)[:, order[:count]], rtol=1e-5)


def test_answers_do_not_depend_on_the_blocks_in_which_they_are_made(
    model: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = images(np.arange(40) % 5)
    whole = model.predict(x, top_k=2)
    monkeypatch.setattr(scored_images, "SCORES", 15)
    assert scored_images.rows_per_block(5) == 3
    parts = model.predict(x, top_k=2)
    assert np.array_equal(parts.labels, whole.labels)
    np.testing.assert_allclose(parts.confidence, whole.confidence, rtol=1e-5)
    np.testing.assert_allclose(parts.margin, whole.margin, rtol=1e-4, atol=1e-5)
    expected = np.argsort(-model.scores(x), axis=1, kind="stable")[:, :2]
    assert np.array_equal(parts.labels, np.array(NAMES, dtype=object)[expected])


def test_names_are_found_however_they_are_spelled(model: Predictor) -> None:
    assert model.label_space(["barn swallow", "GADWALL"]).names == ("001.Barn_Swallow", "Gadwall")


def test_a_label_space_and_names_without_a_value_can_be_asked_about(model: Predictor) -> None:
    x, space = images(np.array([0, 3])), model.label_space(["Kite", "Gadwall"])
    assert np.array_equal(model.scores(x, space), model.scores(x, ["Kite", "Gadwall"]))
    mixed = model.label_space({"gadwall": None, "okapi": PHI[4]})
    assert mixed.names == ("Gadwall", "okapi")
    assert mixed.seen.tolist() == [True, False]


def test_a_new_class_with_its_phi_is_scored_as_a_known_one_would_be(model: Predictor) -> None:
    x = images(np.array([3, 4]))
    found = model.scores(x, {"okapi": PHI[4], "Kite": PHI[3]})
    np.testing.assert_allclose(found, model.scores(x, ["Zebra", "Kite"]), rtol=1e-6)
    assert model.label_space({"okapi": PHI[4]}).seen.tolist() == [False]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "no class is asked about"),
        (["okapi"], "'okapi' is no class of the model, which has no class embedding"),
        (["Gadwal"], "did you mean 'Gadwall'"),
        ({"okapi": np.ones(2)}, r"φ of 'okapi' has shape \(2,\); give 3"),
        ({"okapi": np.full(3, np.nan)}, "give 3 finite numbers"),
        (["Kite", "Kite"], "labels: 'Kite' occurs twice"),
        (["Kite", " "], "labels: name 2 is empty"),
        (["x" * 256], "labels: name 1 has 256 characters; shorten it to 255"),
        ({"Kite": None, "a\x1bb": PHI[4]}, "labels: name 2 contains the control character"),
    ],
)
def test_labels_that_cannot_be_asked_about(model: Predictor, labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        model.predict(images(np.array([0])), labels)


@pytest.mark.parametrize(
    "x", [np.zeros(6), np.zeros((2, 5)), np.zeros((0, 6)), np.full((1, 6), np.nan), np.array([["a"] * 6])]
)
def test_features_of_another_kind_are_refused(model: Predictor, x: Any) -> None:
    with pytest.raises(InputError, match="features: "):
        model.predict(x)


@pytest.mark.parametrize("top_k", [0, -1, True])
def test_top_k_counts(model: Predictor, top_k: int) -> None:
    with pytest.raises(InputError, match=f"top_k={top_k}"):
        model.predict(images(np.array([0])), top_k=top_k)


@given(
    gamma=st.floats(-3, 3),
    temperature=st.floats(0.1, 5),
    seed=st.integers(0, 99),
    n=st.integers(1, 7),
    k=st.integers(1, 7),
)
def test_answers_are_calibrated_as_the_formula_says(
    gamma: float, temperature: float, seed: int, n: int, k: int
) -> None:
    scores = np.random.default_rng(seed).normal(size=(n, 5))
    y = np.arange(12) % 3
    plain = zsl.fit(ESZSL(), images(y), y, classes=NAMES, phi=PHI)
    own = Predictor(**{**vars(plain), "calibration": Calibration(gamma, temperature)})
    found = own.answers(scores, own.classes, k)
    z = (scores - gamma * np.array([1, 1, 1, 0, 0])) / temperature
    order = np.argsort(-z, axis=1, kind="stable")[:, :k]
    assert found.labels.tolist() == [[NAMES[i] for i in row] for row in order]
    np.testing.assert_allclose(found.confidence, np.take_along_axis(softmax(z, axis=1), order, 1))
    np.testing.assert_allclose(found.margin, z[:, :3].max(axis=1) - z[:, 3:].max(axis=1))


def test_of_unseen_classes_alone_there_is_no_margin(model: Predictor) -> None:
    assert np.isnan(model.predict(images(np.array([3, 4])), ["Kite", "Zebra"]).margin).all()


def test_tensors_and_arrays_are_the_same(model: Predictor) -> None:
    x = images(np.array([0, 1, 4])).astype(np.float32)
    assert np.array_equal(model.scores(torch.from_numpy(x)), model.scores(x))


def test_new_names_are_embedded_by_the_class_embedding_of_the_model(tmp_path: Any) -> None:
    vectors = tmp_path / "v.txt"
    words = ["ant", "bee", "cow", "dog"]
    rows = np.random.default_rng(2).normal(size=(4, 3)).round(3)
    vectors.write_text("".join(f"{w} {' '.join(map(str, row))}\n" for w, row in zip(words, rows, strict=True)))
    y = np.arange(40) % 2
    x = rows[y] @ W + 0.05 * np.random.default_rng(3).normal(size=(40, 6))
    embedding = WordVectors(path=str(vectors), cache=str(tmp_path / "cache"))
    own = zsl.fit(ESZSL(), x, y, classes=words[:3], class_embedding=embedding, phi_scale="zscore")
    own.save(tmp_path / "model")
    again = zsl.load(tmp_path / "model")
    for model in (own, again):
        dog = model.label_space(["dog", "ant"])
        seen = rows[:2]
        np.testing.assert_allclose(dog.embeddings[0], (rows[3] - seen.mean(0)) / seen.std(0), rtol=1e-5)
        assert dog.seen.tolist() == [False, True]
        with pytest.raises(InputError, match="out of vocabulary"):
            model.predict(x[:1], ["xylophone"])
