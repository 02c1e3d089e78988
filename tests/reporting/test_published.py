"""What papers print: checked as it is read, and compared only with what can be compared."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from zsl.configuration import choices, compose
from zsl.errors import InputError
from zsl.reporting.published import SPREAD, Claim, claims, compare
from zsl.reporting.result import Result
from zsl.reporting.statistics import over_seeds

Make = Callable[..., Result]

PUBLISHED: dict[str, Any] = {
    "source": "Nobody 2020",
    "features": "res101",
    "split": "PS v1",
    "class_embedding": "attributes",
    "setting": "inductive",
    "selection": "validation classes",
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


def run(make: Make, **changes: Any) -> Result:
    config = {"data": {"features": "res101.mat"}, "method": {"gamma": 1.0}}
    return make(**({"config": config, "overrides": ["experiments=eszsl_nobody2020", "data=cub", "seed=0"]} | changes))


def claim(**changes: Any) -> Claim:
    first = claims(PUBLISHED)[0]
    return Claim(**(vars(first) | changes))


def test_a_row_has_what_all_rows_share_unless_it_says_otherwise() -> None:
    first, second, third = claims(PUBLISHED)
    assert (first.data, second.data, third.data) == ("cub", "cub", "awa1")
    assert (first.source, first.features, first.tolerance) == ("Nobody 2020", "res101", 2.0)
    assert (second.source, second.features, second.split) == ("a friend", "other", "PS v1")
    assert second.metrics == {"T1": 50.0}
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
            r"published.results.awa1: the same numbers stand under cub",
        ),
    ],
)
def test_rows_that_cannot_be_are_refused(rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        claims(changed(cub=rows))
    assert "\n" not in str(caught.value)


def test_a_claim_without_its_conditions_is_refused() -> None:
    for key in ("source", "features", "split", "class_embedding", "setting", "selection", "tolerance", "results"):
        with pytest.raises(InputError, match=f"published.{key}: is missing"):
            claims({name: value for name, value in PUBLISHED.items() if name != key})


@given(u=st.floats(1, 99), s=st.floats(1, 99))
def test_h_as_printed_follows_from_u_and_s_as_printed(u: float, s: float) -> None:
    H = 2 * u * s / (u + s)
    row = {"u": round(u, 1), "s": round(s, 1), "H": round(H, 1), "verified": True}
    assert claims(changed(cub=[row]))[0].metrics["H"] == row["H"]
    wrong = row | {"H": round(H + SPREAD + 0.2, 1)}
    with pytest.raises(InputError, match="does not follow"):
        claims(changed(cub=[wrong]))


@pytest.mark.parametrize(
    ("T1", "u", "verdict"),
    [(57.0, 20.0, "reproduced"), (58.9, 20.0, "reproduced"), (59.1, 20.0, "better"), (54.9, 20.0, "worse"),
     (57.0, 25.0, "better"), (60.0, 15.0, "worse")],
)  # fmt: skip
def test_the_verdict_goes_by_t1_and_h(make: Make, T1: float, u: float, verdict: str) -> None:
    found = run(make, T1=T1, u=u, s=60.0)
    comparison = compare(found, over_seeds([found.metrics]), claim())
    assert comparison.verdict == verdict
    assert comparison.differences["T1"] == pytest.approx(T1 - 57.0)
    assert comparison.differences["u"] == pytest.approx(u - 20.0)


@given(seeds=st.lists(st.floats(40, 70), min_size=1, max_size=6), theirs=st.floats(40, 70), tolerance=st.floats(0.1, 5))
def test_the_verdict_is_of_the_mean(make: Make, seeds: list[float], theirs: float, tolerance: float) -> None:
    metrics = over_seeds([{"T1": value} for value in seeds])
    comparison = compare(run(make), metrics, claim(metrics={"T1": theirs}, tolerance=tolerance))
    gap = metrics["T1"].mean - theirs
    expected = "reproduced" if abs(gap) <= tolerance else "better" if gap > 0 else "worse"
    assert comparison.verdict == expected
    ci = metrics["T1"].ci
    assert comparison.uncertain == (ci is not None and ci > tolerance)


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        ({}, {"verified": False}, "unverified number"),
        ({"protocol": "tune"}, {}, "ours is measured on validation classes"),
        ({}, {"features": "vit"}, r"other features \(res101, not vit\)"),
        ({"data_title": "CUB, 312 attributes"}, {}, r"other split \(CUB, 312 attributes, not PS v1\)"),
        ({"class_embedding": "sentence"}, {}, r"other class embedding \(sentence, not attributes\)"),
        ({"setting": "transductive"}, {}, r"other setting \(transductive, not inductive\)"),
        ({}, {"setting": "transductive"}, r"other setting \(inductive, not transductive\)"),
        ({"correction": "csls"}, {}, r"scores corrected \(csls\)"),
        ({"overrides": ["experiments=e", "method.gamma=3"]}, {}, r"changed on the command line \(method.gamma"),
        ({"overrides": ["experiments=e", "+sweep.lamb=[1]"]}, {}, r"changed on the command line \(sweep.lamb"),
        ({"overrides": ["experiments=e", "trainer.precision=bf16-mixed"]}, {}, r"command line \(trainer.precision"),
        ({"overrides": ["experiments=e", "data.scale=none"]}, {}, r"changed on the command line \(data.scale"),
    ],
)  # fmt: skip
def test_what_differs_is_not_comparable(
    make: Make, ours: Mapping[str, Any], theirs: Mapping[str, Any], reason: str
) -> None:
    found = run(make, **ours)
    comparison = compare(found, over_seeds([found.metrics]), claim(**theirs))
    assert comparison.verdict == "not comparable"
    assert len(comparison.reasons) == 1
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(str(comparison))


def test_numbers_chosen_on_the_test_set_never_reproduce(oracle: Make) -> None:
    found = run(oracle)
    comparison = compare(found, over_seeds([found.metrics]), claim())
    assert comparison.verdict == "not comparable"
    assert not comparison.differences


def test_where_it_runs_changes_nothing(make: Make) -> None:
    places = ["data.root=/x", "paths.output=y", "trainer=gpu", "trainer.progress_bar=false", "save.weights=true"]
    found = run(make, overrides=["experiments=e", "data=cub", "selection.seed=0", *places])
    assert compare(found, over_seeds([found.metrics]), claim()).verdict == "reproduced"


@pytest.mark.parametrize("name", choices()["experiments"])
def test_every_experiment_has_a_claim_that_can_be(name: str) -> None:
    published = compose([f"experiments={name}"]).published
    found = claims(None if published is None else OmegaConf.to_container(published, resolve=True))  # type: ignore[arg-type]
    assert bool(found) == (published is not None)
