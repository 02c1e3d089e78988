"""Retrieval, against a slow computation of its definitions, and laws of rankings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zsl
from zsl.evaluation import retrieval
from zsl.evaluation.corrections.calibrated_stacking import CalibratedStacking
from zsl.evaluation.corrections.csls import CSLS
from zsl.evaluation.corrections.none import Uncorrected
from zsl.evaluation.retrieval import Search, retrieve

CORRECTIONS = ("none", "csls", "nicdm", "inverted_softmax", "mutual_proximity", "globally_corrected_retrieval")


@st.composite
def searches(draw: st.DrawFn, same: bool | None = None) -> Search:
    """Unit vectors in groups, with equal rows among them, so that cosines tie."""
    n, m, d = draw(st.integers(1, 8)), draw(st.integers(2, 9)), draw(st.integers(1, 4))
    itself = draw(st.booleans()) if same is None else same
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    m = max(n, 2) if itself else m
    gallery = rng.integers(-2, 3, (m, d)) + rng.choice([0.5, 0.25], (m, d))
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    owned = rng.integers(0, 4, m)
    if itself:
        return Search(gallery, gallery, owned, owned, same=True)
    queries = rng.normal(size=(n, d))
    return Search(queries / np.linalg.norm(queries, axis=1, keepdims=True), gallery, rng.integers(0, 4, n), owned)


def slow(search: Search, k: int) -> tuple[list[int], list[float], list[int]]:
    """Ranks, average precisions and N_k, by the definitions, without a correction."""
    first, precision, N = [], [], [0] * len(search.gallery)
    scores = next(iter(search.cosines))
    for i, group in enumerate(search.asked):
        items = [j for j in range(len(search.gallery)) if not (search.same and i == j)]
        items.sort(key=lambda j: (-scores[i, j], j))
        for j in items[:k]:
            N[j] += 1
        ranks = [r for r, j in enumerate(items, 1) if search.owned[j] == group]
        first.append(ranks[0] if ranks else 0)
        precision.append(sum(i / r for i, r in enumerate(ranks, 1)) / len(ranks) if ranks else np.nan)
    return first, precision, N


@given(searches(), st.integers(1, 3))
def test_ranks_precisions_and_occurrences_are_those_of_the_definitions(search: Search, k: int) -> None:
    k = min(k, len(search.gallery) - search.same)
    found, (first, precision, N) = retrieve(search, Uncorrected(), k), slow(search, k)
    assert found.first.tolist() == first
    assert found.occurrence.tolist() == N
    np.testing.assert_allclose(found.precision, precision)


@given(searches(), st.permutations(range(9)))
def test_the_order_of_queries_changes_no_metric_but_theirs(search: Search, order: list[int]) -> None:
    order = [i for i in order if i < len(search.queries)]
    if search.same:
        return
    other = Search(search.queries[order], search.gallery, search.asked[order], search.owned)
    one, two = retrieve(search, Uncorrected(), 1), retrieve(other, Uncorrected(), 1)
    assert one.first[order].tolist() == two.first.tolist()
    assert one.occurrence.tolist() == two.occurrence.tolist()


@given(searches())
def test_recall_grows_with_k_and_reaches_all(search: Search) -> None:
    found = retrieve(search, Uncorrected(), 1)
    if (found.first > 0).any():
        metrics = found.metrics(range(1, len(search.gallery) + 1))
        recalls = [metrics[f"R@{k}"] for k in range(1, len(search.gallery) + 1)]
        assert recalls == sorted(recalls)
        assert recalls[-1] == 100
        assert metrics["mAP"] <= 100 + 1e-9
        assert metrics["queries"] + metrics["undefined"] == len(search.queries)


@pytest.mark.parametrize("name", CORRECTIONS)
@pytest.mark.parametrize("same", [False, True])
def test_blocks_of_any_size_give_the_same(name: str, same: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 23, 5))
    groups = np.arange(23) // 2
    given_ = {"images": x, "image_groups": groups} if same else {"images": x, "texts": y, "text_groups": np.arange(23)}
    one = zsl.retrieve(**given_, correction=name)
    monkeypatch.setattr(retrieval, "rows_per_block", lambda _: 4)
    for direction, metrics in zsl.retrieve(**given_, correction=name).items():
        assert metrics == pytest.approx(one[direction])


def test_csls_is_twice_the_cosine_without_the_means_of_both_neighbourhoods() -> None:
    rng = np.random.default_rng(0)
    x, y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.normal(size=(2, 30, 6)))
    F = x @ y.T
    r_x, r_y = np.sort(F, axis=1)[:, -4:].mean(1), np.sort(F, axis=0)[-4:].mean(0)
    best = (2 * F - r_x[:, None] - r_y).argmax(axis=1)
    found = zsl.retrieve(x, y, correction=CSLS(k=4))
    assert found["image→text"]["R@1"] == pytest.approx(100 * np.mean(best == np.arange(30)))


def test_an_image_neither_finds_itself_nor_counts_among_its_neighbours() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 4))
    found = zsl.retrieve(x, image_groups=[*range(11), 10], correction="csls", k=3)["image→image"]
    assert (found["queries"], found["undefined"]) == (2, 10)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    F = x @ x.T
    np.fill_diagonal(F, -np.inf)
    r = np.sort(F, axis=1)[:, 2:].mean(axis=1)  # 10 of 11 others
    corrected = 2 * F - r[:, None] - r
    rank = [1 + int((corrected[i] > corrected[i, j]).sum()) for i, j in ((10, 11), (11, 10))]
    assert found["median_rank"] == np.median(rank)


def test_five_captions_of_an_image_all_belong_to_it() -> None:
    images = np.eye(3)
    texts = np.repeat(images, 5, axis=0) + 0.01
    found = zsl.retrieve(images, texts, text_groups=np.repeat(np.arange(3), 5), k=3)
    assert found["image→text"]["R@1"] == found["image→text"]["mAP"] == found["text→image"]["R@1"] == 100
    names = zsl.retrieve(images, texts, image_groups=list("abc"), text_groups=list("aaaaabbbbbccccc"), k=3)
    assert names == found


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"texts": np.ones((2, 3))}, "text_groups: 2 texts"),
        ({"texts": np.ones((3, 4))}, "texts: rows of 4 numbers"),
        ({"texts": np.zeros((3, 3))}, "texts: row 0 is zero"),
        ({"texts": np.ones((3, 3)), "text_groups": ["a", "b", "c"]}, "text_groups: names on one side"),
        ({"texts": np.ones((3, 3)), "text_groups": [0.5, 1, 2]}, "text_groups: float64"),
        ({"texts": np.ones((3, 3)), "text_groups": [7, 8, 9]}, "text_groups: 7 is no row of an image"),
        ({"texts": np.ones((3, 3)), "image_groups": [1, 2, 3], "text_groups": [7, 8, 9]}, "groups: no query"),
        ({}, "texts: there are none"),
        ({"texts": np.ones((3, 3)), "correction": CalibratedStacking(1.0)}, "correction: CalibratedStacking"),
        ({"texts": np.ones((3, 3)), "at": (0,)}, "k: 0"),
        ({"texts": np.ones((3, 3)), "k": 0}, "k-occurrence: k = 0"),
    ],
)
def test_a_mistake_is_one_line(given_: dict, message: str) -> None:
    with pytest.raises(zsl.InputError, match=message):
        zsl.retrieve(np.eye(3), **given_)


def test_the_published_recalls_of_real_embeddings(data_root: Path) -> None:
    folder = data_root / "pairs" / "flickr8k_tinyclip"
    images, texts = np.load(folder / "image.npy"), np.load(folder / "text.npy")
    recalls = {
        name: [
            round(zsl.retrieve(images, texts, correction=name)[way]["R@1"], 1) for way in ("image→text", "text→image")
        ]
        for name in ("none", "csls")
    }
    assert recalls == {"none": [55.6, 52.0], "csls": [59.0, 57.4]}
