"""Published numbers: checked as they are read."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from zsl.config.compose import compose
from zsl.config.tree import choices
from zsl.errors import InputError
from zsl.outputs.claims import SPREAD, claims
from zsl.outputs.statistics import Summary, summarize

PUBLISHED: dict[str, Any] = {
    "source": "Nobody 2020",
    "features": "res101",
    "features_sha256": "a" * 64,
    "split": "PS v1",
    "class_embedding": "attributes",
    "setting": "inductive",
    "selection": "validation classes",
    "selected_on": "validation",
    "tolerance": 2.0,
    "results": {
        "cub": [
            {"T1": 57.0, "u": 20.0, "s": 60.0, "H": 30.0, "verified": True},
            {"T1": 50.0, "verified": False, "features": "other", "source": "a friend"},
        ],
        "awa1": [{"T1": 60.0, "u": 10.0, "s": 90.0, "H": 18.0, "verified": True}],
    },
}


def changed(**rows: list[dict[str, Any]]) -> dict[str, Any]:
    published = copy.deepcopy(PUBLISHED)
    published["results"] |= rows
    return published


def test_a_row_has_what_all_rows_share_unless_it_says_otherwise() -> None:
    first, second, third = claims(PUBLISHED)
    assert (first.data, second.data, third.data) == ("cub", "cub", "awa1")
    assert (first.source, first.features, first.tolerance) == ("Nobody 2020", "res101", 2.0)
    assert (second.source, second.features, second.split) == ("a friend", "other", "PS v1")
    assert second.metrics == {"T1": Summary(50.0, None, None, 1)}
    assert (first.features_sha256, second.features_sha256) == ("a" * 64, None)
    assert claims(None) == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"T1": 157.0, "verified": True}], r"published.results.cub\[0\].T1: 157.0 is out of \[0, 100\]"),
        ([{"T1": 57.0}], r"published.results.cub\[0\].verified: is missing"),
        ([{"T1": 57.0, "verified": "yes"}], r"verified: 'yes' is not true or false"),
        ([{"verified": True}], r"published.results.cub\[0\]: has none of T1, u, s, H"),
        ([{"T1": 57.0, "V": 3.0, "verified": True}], r"published.results.cub\[0\].V: is not a key"),
        ({"T1": 57.0, "verified": True}, r"published.results.cub: .* is not a list"),
        (
            [{"u": 63.8, "s": 92.5, "H": 79.4, "verified": True}],
            r"published.results.cub: H = 79.4 does not follow from u = 63.8 and s = 92.5: 75.5",
        ),
        (
            [{"T1": 60.0, "u": 10.0, "s": 90.0, "H": 18.0, "verified": True}],
            r"published.results.awa1: has the numbers of cub",
        ),
    ],
)
def test_rows_that_cannot_be_are_refused(rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        claims(changed(cub=rows))
    assert "\n" not in str(caught.value)


def test_several_runs_and_printed_spreads_are_kept() -> None:
    row = {"T1": [44.9, 48.4], "H": {"mean": 40.8, "std": 0.5, "n": 3}, "AUSUC": 0.33, "verified": True}
    found = claims(changed(cub=[row]))[0].metrics
    assert found["T1"] == summarize([44.9, 48.4])
    assert (found["H"].mean, found["H"].std, found["H"].n) == (40.8, 0.5, 3)
    assert found["AUSUC"].mean == 0.33


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([50.0], r"cub\[0\].T1: is a list of fewer than two runs"),
        ([50.0, 150.0], r"cub\[0\].T1\[1\]: 150.0 is out of"),
        ({"mean": 50.0, "std": 1.0}, r"cub\[0\].T1.n: is missing"),
        ({"mean": 50.0, "std": 1.0, "n": 1}, r"cub\[0\].T1.n: is below 2"),
        ("54.9", r"cub\[0\].T1: '54.9' is not a finite number"),
    ],
)
def test_runs_that_cannot_be_are_refused(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        claims(changed(cub=[{"T1": value, "verified": True}]))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("selected_on", "testing", "'testing' is not one of 'nothing', 'training', 'validation', 'test'"),
        ("setting", "semantic", "'semantic' is not one of 'inductive', 'unseen semantics', 'transductive'"),
        ("features_sha256", "res101", "'res101' is not a SHA-256 of 64 hexadecimal digits"),
    ],
)
def test_conditions_are_words_that_runs_have(key: str, value: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        claims(PUBLISHED | {key: value})


def test_what_is_not_known_is_null() -> None:
    unknown = claims(PUBLISHED | {"setting": None, "selection": None, "selected_on": None})[0]
    assert (unknown.setting, unknown.selection, unknown.selected_on) == (None, None, None)
    before = claims({key: value for key, value in PUBLISHED.items() if key != "selected_on"})[0]
    assert before.selected_on is None


def test_a_claim_without_its_conditions_is_refused() -> None:
    for key in ("source", "features", "split", "class_embedding", "setting", "selection", "tolerance", "results"):
        with pytest.raises(InputError, match=f"published.{key}: is missing"):
            claims({name: value for name, value in PUBLISHED.items() if name != key})


@given(u=st.floats(1, 99), s=st.floats(1, 99))
def test_h_as_printed_follows_from_u_and_s_as_printed(u: float, s: float) -> None:
    H = 2 * u * s / (u + s)
    row = {"u": round(u, 1), "s": round(s, 1), "H": round(H, 1), "verified": True}
    assert claims(changed(cub=[row]))[0].metrics["H"].mean == row["H"]
    wrong = row | {"H": round(H + SPREAD + 0.2, 1)}
    with pytest.raises(InputError, match="does not follow"):
        claims(changed(cub=[wrong]))


@pytest.mark.parametrize("name", choices()["experiments"])
def test_every_experiment_has_a_claim_that_can_be(name: str) -> None:
    published = compose([f"experiments={name}"]).published
    found = claims(None if published is None else OmegaConf.to_container(published, resolve=True))  # type: ignore[arg-type]
    assert bool(found) == (published is not None)
    assert published is None or "selected_on" in published
