"""Scores made block by block give what the whole matrix gives, and are never kept."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy import ndarray as Array
from scipy.optimize import brentq
from scipy.special import log_ndtr, softmax
from torch import Tensor

from zsl.errors import InputError
from zsl.evaluation import statistics
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.corrections.csls import CSLS
from zsl.evaluation.corrections.globally_corrected_retrieval import GloballyCorrectedRetrieval
from zsl.evaluation.corrections.inverted_softmax import InvertedSoftmax
from zsl.evaluation.corrections.mutual_proximity import MutualProximity
from zsl.evaluation.corrections.nicdm import NICDM
from zsl.evaluation.evaluate import Calibration, calibrate, evaluate
from zsl.evaluation.scored_images import ScoredImages, ScoreStream
from zsl.evaluation.statistics import gather


@dataclass
class Stream(ScoreStream):
    """A matrix cut into blocks of given lengths; counts how often it is read."""

    scores: Tensor
    labels: Array
    seen: Array
    rows: tuple[int, ...]
    passes: int = 0

    def blocks(self) -> Iterator[Tensor]:
        self.passes += 1
        start = i = 0
        while start < len(self.scores):
            yield self.scores[start : start + self.rows[i % len(self.rows)]]
            start, i = start + self.rows[i % len(self.rows)], i + 1


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Both kinds of classes and images; ties, in one precision or the other, in blocks of any length."""
    n, more = draw(st.integers(2, 25)), draw(st.lists(st.booleans(), max_size=14))
    seen = np.array(draw(st.permutations([True, False, *more])))
    scores = draw(arrays(np.float64, (n, len(seen)), elements=st.integers(-6, 6))) / 4
    labels = draw(arrays(np.int64, n, elements=st.integers(0, len(seen) - 1)))
    labels[:2] = np.argmax(seen), np.argmin(seen)
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    rows = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    return Stream(torch.from_numpy(scores).to(dtype), labels, seen, tuple(rows))


def at_once(some: Stream) -> Stream:
    """The same scores as one block."""
    return Stream(some.scores, some.labels, some.seen, (len(some.scores),))


def unseen_part(every: Stream) -> Stream:
    own, columns = ~every.of_seen_class, ~every.seen
    scores = every.scores[torch.from_numpy(own)][:, torch.from_numpy(columns)]
    return Stream(scores, (np.cumsum(columns) - 1)[every.labels[own]], every.seen[columns], every.rows)


def accuracy(right: Array, labels: Array) -> float:
    return float(np.mean([100 * np.mean(right[labels == c]) for c in np.unique(labels)]))


def calibration_error(scores: Array, labels: Array, temperature: float = 1.0) -> float:
    p = softmax(scores / temperature, axis=1)
    confidence, right = p.max(axis=1), scores.argmax(axis=1) == labels
    bins = np.minimum(np.ceil(confidence * 15 - 1e-12), 15)
    return sum(abs((right - confidence)[bins == b].sum()) for b in range(16)) / len(labels)


@given(streams(), st.integers(-8, 8), st.sampled_from([0.25, 1.0, 3.0]))
def test_metrics_are_those_of_the_whole_matrix(every: Stream, eighths: int, temperature: float) -> None:
    gamma, F, seen, y = eighths / 8, every.scores.double().numpy(), every.seen, every.labels
    unseen = unseen_part(every)
    found = evaluate(unseen, every, calibration=Calibration(gamma, temperature), top_k=(1, 2, 12))
    of_seen, biased = seen[y], F - gamma * seen
    metrics = found.metrics
    assert metrics["u"] == accuracy((F.argmax(1) == y)[~of_seen], y[~of_seen])
    assert metrics["s"] == accuracy((F.argmax(1) == y)[of_seen], y[of_seen])
    assert metrics["u_calibrated"] == accuracy((biased.argmax(1) == y)[~of_seen], y[~of_seen])
    assert metrics["s_calibrated"] == accuracy((biased.argmax(1) == y)[of_seen], y[of_seen])
    order = np.argsort(-unseen.scores.double().numpy(), axis=1, kind="stable")
    for k in (1, 2, 12):
        right = (order[:, :k] == unseen.labels[:, None]).any(axis=1)
        assert metrics[f"T{k}"] == accuracy(right, unseen.labels)
    edges = softmax(F, axis=1).max(1) * 15
    if (np.abs(edges - np.round(edges)) > 1e-9).all():
        assert metrics["ECE_GZSL"] == pytest.approx(calibration_error(F, y), abs=1e-9)
    margin = F[:, seen].max(1) - F[:, ~seen].max(1)
    assert found.gzsl is not None
    assert (found.gzsl.margin == margin).all()
    assert (every.passes, unseen.passes) == (1, 1)
    whole = evaluate(at_once(unseen), at_once(every), calibration=Calibration(gamma, temperature), top_k=(1, 2, 12))
    assert found.metrics.keys() == whole.metrics.keys()
    for name, value in whole.metrics.items():
        loose = name.startswith(("ECE", "NLL", "Brier", "AURC"))
        assert metrics[name] == (pytest.approx(value, abs=1e-9, nan_ok=True) if loose else value), name
    assert whole.gzsl is not None
    for name in ("top", "best_seen", "best_unseen", "seen_score", "unseen_score"):
        np.testing.assert_array_equal(getattr(found.gzsl, name), getattr(whole.gzsl, name))
    for name, of_class in whole.per_class.items():
        np.testing.assert_array_equal(found.per_class[name], of_class)
    assert found.curve is not None
    assert whole.curve is not None
    for name in ("breakpoints", "u", "s"):
        np.testing.assert_array_equal(getattr(found.curve, name), getattr(whole.curve, name))


@given(streams(), st.integers(1, 10))
def test_occurrences_are_those_of_a_stable_sort(every: Stream, k: int) -> None:
    k = min(k, len(every.seen))
    best = np.argsort(-every.scores.double().numpy(), axis=1, kind="stable")[:, :k]
    N, bad = gather(every).occurrences(k)
    right = (best == every.labels[:, None]).any(axis=1)
    assert (np.bincount(best.ravel(), minlength=len(every.seen)) == N).all()
    assert (N - bad == np.bincount(every.labels[right], minlength=len(every.seen))).all()


def overconfident(seed: int, n: int, classes: int) -> Stream:
    """Labels drawn from softmax(scores / 2.5), with a bias towards seen classes."""
    rng = np.random.default_rng(seed)
    scores = 4 * rng.standard_normal((n, classes))
    labels = (scores / 2.5 + rng.gumbel(size=scores.shape)).argmax(axis=1)
    seen = np.arange(classes) % 3 > 0
    return Stream(torch.from_numpy(scores + 2 * seen).float(), labels, seen, (64,))


@pytest.mark.parametrize("kept", [400, 4_000, 1 << 22])
def test_temperature_is_the_root_of_the_derivative_whatever_is_kept(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    """From 20 images, from 200, and from all 3,000: four passes, three, and one."""
    monkeypatch.setattr(statistics, "SAMPLE", kept)
    stream = overconfident(0, 3_000, 20)
    found = calibrate(stream)
    F = stream.scores.double().numpy() - found.gamma * stream.seen
    own = F[np.arange(len(F)), stream.labels]

    def derivative(log_beta: float) -> float:
        return float(((softmax(math.exp(log_beta) * F, axis=1) * F).sum(axis=1) - own).mean())

    assert found.temperature == pytest.approx(math.exp(-brentq(derivative, -5, 5, xtol=1e-14)), rel=1e-9)
    assert stream.passes <= {400: 4, 4_000: 3}.get(kept, 1)


def rows_and_columns(F: Array, correction: Correction) -> Array:
    """Formulas on the whole matrix, written with nothing of the package."""
    if isinstance(correction, CSLS):
        near = [np.sort(F, axis)[::-1][:3] if axis == 0 else np.sort(F, axis)[:, ::-1][:, :3] for axis in (0, 1)]
        return 2 * F - near[0].mean(axis=0) - near[1].mean(axis=1, keepdims=True)
    if isinstance(correction, NICDM):
        d = (F.max() - F) / (F.max() - F).mean()
        of_class = np.maximum(np.sort(d, 0)[:3].mean(axis=0), 1e-6)
        of_image = np.maximum(np.sort(d, 1)[:, :3].mean(axis=1), 1e-6)
        return -d / np.sqrt(of_class * of_image[:, None])
    if isinstance(correction, MutualProximity):
        return sum(log_ndtr((F - F.mean(axis, keepdims=True)) / F.std(axis, keepdims=True)) for axis in (0, 1))
    z = (F - F.mean(axis=0)) / (0.7 * np.sqrt(((F - F.mean(axis=0)) ** 2).mean()))
    return z - np.log(np.exp(z).sum(axis=0))


@pytest.mark.parametrize("correction", [CSLS(3), NICDM(3), MutualProximity(), InvertedSoftmax()], ids=type)
@settings(max_examples=20)
@given(seed=st.integers(0, 999), rows=st.lists(st.integers(1, 20), min_size=1, max_size=3))
def test_corrections_read_blocks_and_give_what_the_matrix_gives(
    correction: Correction, seed: int, rows: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    F = rng.standard_normal((40, 9)) + rng.standard_normal(9)
    stream = Stream(torch.from_numpy(F), np.zeros(40, np.int64), np.zeros(9, bool), tuple(rows))
    np.testing.assert_allclose(correction.corrected(stream).dense(), rows_and_columns(F, correction), atol=1e-9)
    assert stream.passes <= 3


def test_a_matrix_is_cut_into_blocks_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zsl.evaluation.scored_images.SCORES", 100)
    images = ScoredImages(np.arange(210.0).reshape(30, 7), np.zeros(30, np.int64), np.zeros(7, bool))
    assert [len(block) for block in images.blocks()] == [14, 14, 2]
    assert (images.dense() == images.scores).all()


def test_scores_that_are_not_finite_are_refused_by_row() -> None:
    F = torch.zeros(9, 3)
    F[7, 1] = torch.nan
    with pytest.raises(InputError, match="row 7 of 9 holds NaN"):
        gather(Stream(F, np.zeros(9, np.int64), np.zeros(3, bool), (2,)))


@pytest.mark.parametrize("correction", [GloballyCorrectedRetrieval(), MutualProximity("empirical")], ids=type)
def test_a_correction_by_ranks_says_what_memory_it_takes(
    correction: Correction, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Stream(torch.arange(12.0).reshape(4, 3), np.zeros(4, np.int64), np.zeros(3, bool), (2,))
    monkeypatch.setattr("zsl.evaluation.corrections.correction.LARGE", 200)
    expected = correction(stream.scores.double().numpy(), stream.seen)
    assert (correction.corrected(stream).dense() == expected).all()
    assert "ranks all images of a class, and takes 0.0 GB of memory" in caplog.text
    monkeypatch.setattr(
        "zsl.evaluation.corrections.correction.machine_memory", lambda: 959
    )  # of 8 · 4 · (3 + 9 · 3) bytes
    passes = stream.passes
    with pytest.raises(InputError, match="for 4 images and 3 classes, more than this machine has"):
        correction.corrected(stream).dense()
    assert stream.passes == passes


@pytest.mark.parametrize("correction", [GloballyCorrectedRetrieval(), MutualProximity("empirical")], ids=type)
def test_a_correction_by_ranks_takes_no_more_memory_than_it_says(correction: Correction) -> None:
    n, classes = 2000, 400
    scores = torch.from_numpy(np.random.default_rng(0).standard_normal((n, classes)))
    stream = Stream(scores, np.zeros(n, np.int64), np.zeros(classes, bool), (50,))
    tracemalloc.start()
    try:
        for _ in correction.corrected(stream).blocks():
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * n * (classes + 9 * 64)
