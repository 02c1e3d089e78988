"""Robustness to distribution shift, against its definitions and published numbers; classes are masked by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import softmax

import zsl
from zsl.errors import InputError
from zsl.evaluation.shift import BASELINES, Accuracy, Line, clopper_pearson, fitted_line, robustness
from zsl.methods import ESZSL


@given(st.integers(1, 60), st.data())
def test_intervals_are_those_of_scipy(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    expected = stats.binomtest(hits, n).proportion_ci(0.995, method="exact")
    assert clopper_pearson(hits, n) == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-8)


@given(st.floats(0.2, 2), st.floats(-4, 4), st.lists(st.floats(5, 95), min_size=2, max_size=6, unique=True))
def test_a_line_is_recovered_from_models_that_lie_on_it(slope: float, intercept: float, x: list[float]) -> None:
    if max(x) - min(x) < 1:
        return
    truth = Line(slope, intercept, 0)
    y = [truth(value) for value in x]
    found = fitted_line(x, y)
    assert [found(value) for value in x] == pytest.approx(y, abs=1e-6)
    logit = [np.log(v / (100 - v)) for v in x]
    assert found(x[0]) == pytest.approx(100 / (1 + np.exp(-(slope * logit[0] + intercept))), abs=1e-6)


@pytest.mark.parametrize("name", list(BASELINES))
def test_lines_rise_with_accuracy_and_nearly_meet_at_the_knee(name: str) -> None:
    line, x = BASELINES[name], np.linspace(5, 99, 200)
    predicted = [line(float(value)) for value in x]
    assert all(np.diff(predicted) > 0)
    assert all(0 < value < accuracy for value, accuracy in zip(predicted, x, strict=True))
    if line.knee:
        assert line(line.knee + 1e-6) == pytest.approx(line(line.knee), abs=1.9)  # their residual


def test_effective_robustness_of_published_models() -> None:
    """ImageNet and ImageNet-V2: ResNet-50 (76.1, 63.2) lies on the line, CLIP ViT-B/32 (63.3, 55.9) 5.6 above it."""
    line = BASELINES["imagenet-v2"]
    assert 63.2 - line(76.1) == pytest.approx(-0.7, abs=0.2)
    assert 55.9 - line(63.3) == pytest.approx(5.6, abs=0.3)


def test_rows_are_the_definitions() -> None:
    models = {
        "f": {"id": Accuracy(70.0), "ood": Accuracy(50.0), "part": Accuracy(80.0), "r": Accuracy(40.0)},
        "g": {"id": Accuracy(60.0), "ood": Accuracy(55.0)},
    }
    line = Line(1.0, -1.0, 9)
    rows = {
        (row["model"], row["test set"]): row
        for row in robustness(models, "id", {"ood": line, "r": line}, {"r": "part"})
    }
    assert rows["f", "ood"]["drop"] == 20
    assert rows["f", "ood"]["effective"] == pytest.approx(50 - line(70))
    assert rows["f", "r"]["drop"] == 40
    assert rows["f", "r"]["effective"] == pytest.approx(40 - line(80))
    assert rows["g", "ood"]["relative"] == 5
    assert rows["g", "id"]["relative"] == -10
    assert "relative" not in rows["f", "ood"]
    assert "drop" not in rows["g", "id"]
    with pytest.raises(InputError, match="reference=r: g has no such test set"):
        robustness(models, "r")


@pytest.fixture(scope="module")
def world() -> tuple[zsl.Predictor, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    phi, A = rng.normal(size=(5, 8)), rng.normal(size=(8, 32))
    y = rng.integers(0, 5, 300)
    x = phi[y] @ A + rng.normal(size=(300, 32))
    kept = y < 3
    return zsl.fit(ESZSL(), x[kept], y[kept], classes=list("abcde"), phi=phi, scale="l2"), x, np.array(list("abcde"))[y]


def test_classes_are_masked_by_name_in_every_test_set(world: tuple) -> None:
    model, x, y = world
    noisy = x + np.random.default_rng(1).normal(size=x.shape) * 3
    rows = zsl.shift({"m": model}, {"id": (x, y), "noise": (noisy, y)}, "id", labels=["a", "d"])
    some = np.isin(y, ["a", "d"])
    for row, features in zip(rows, (x, noisy), strict=True):
        answers = model.predict(features[some], ["a", "d"]).labels[:, 0]
        assert row["images"] == some.sum()
        assert row["accuracy"] == pytest.approx(100 * np.mean(answers == y[some]))
    every = zsl.shift({"m": model}, {"id": (x, y)}, "id")
    assert every[0]["accuracy"] < rows[0]["accuracy"]


def test_some_of_many_classes_are_columns_by_name_and_not_by_index() -> None:
    """200 of 1,000: asking about them answers as masked scores of all do, with other probabilities."""
    rng = np.random.default_rng(0)
    names = np.array([f"class {i}" for i in rng.permutation(1000)])
    phi, A, y = rng.normal(size=(1000, 16)), rng.normal(size=(16, 32)), rng.integers(0, 1000, 2000)
    x = phi[y] @ A + 4 * rng.normal(size=(2000, 32))
    kept = y < 800
    model = zsl.fit(ESZSL(), x[kept], y[kept], classes=list(names), phi=phi, scale="l2")
    some = names[rng.permutation(1000)[:200]]
    images = np.isin(names[y], some)
    F = model.scores(x[images])
    masked = np.where(np.isin(names, some), F, -np.inf)
    expected = 100 * np.mean(names[masked.argmax(1)] == names[y[images]])
    folders = sorted(some)  # the order of folders on a disk
    assert folders != [name for name in names if name in set(some)], "is not that of indices"
    for labels in (list(some), folders):
        (row,) = zsl.shift({"m": model}, {"r": (x, names[y])}, "r", labels=labels)
        assert row["accuracy"] == pytest.approx(expected)
        answers = model.predict(x[images], labels)
        np.testing.assert_array_equal(answers.labels[:, 0], names[masked.argmax(1)])
        np.testing.assert_allclose(answers.confidence[:, 0], softmax(masked, axis=1).max(1), rtol=1e-5)
        assert (answers.confidence[:, 0] > 3 * softmax(F, axis=1)[np.isfinite(masked)].reshape(-1, 200).max(1)).all()
    by_index = np.array(folders)[F[:, np.isin(names, some)].argmax(1)]
    assert np.mean(by_index == names[y[images]]) < 0.1 < expected / 100 < 0.95, "an order of its own is another answer"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "x"}, "reference=x"),
        ({"models": {}}, "models: there is none"),
        ({"labels": ["a"], "tests": {"id": (np.ones((1, 32)), ["b"])}}, "no image of the labels"),
        ({"tests": {"id": (np.ones((1, 32)), ["q"])}}, "'q' is no class"),
        ({"tests": {"id": (np.ones((2, 32)), ["a"])}}, "2 rows of features and 1 labels"),
    ],
)
def test_a_mistake_is_one_line(world: tuple, change: dict, message: str) -> None:
    model, x, y = world
    keys = {"models": {"m": model}, "tests": {"id": (x, y)}, "reference": "id", **change}
    with pytest.raises(InputError, match=message):
        zsl.shift(keys.pop("models"), keys.pop("tests"), keys.pop("reference"), **keys)


def test_a_line_needs_two_models() -> None:
    with pytest.raises(InputError, match="baseline"):
        fitted_line([50.0], [40.0])
