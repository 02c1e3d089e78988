"""Verdicts on experiments: comparability, deciding metrics, unknown conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.written_results import digest
from zsl.outputs.claims import Claim
from zsl.outputs.result import Result
from zsl.outputs.statistics import Summary, summarize
from zsl.reporting.table import Row, rows
from zsl.reporting.verdict import ORDER, Comparison, compare

Make = Callable[..., Result]
FEATURES = digest("features")


def printed(**numbers: float) -> dict[str, Summary]:
    return {name: Summary(value, None, None, 1) for name, value in numbers.items()}


CLAIM = Claim(
    data="cub",
    metrics=printed(T1=57.0, u=20.0, s=60.0, H=30.0),
    verified=True,
    source="Nobody 2020",
    features="res101",
    split="PS v1",
    class_embedding="attributes",
    setting="inductive",
    selection="validation classes",
    selected_on="validation",
    tolerance=2.0,
    features_sha256=FEATURES,
)


def run(make: Make, **changes: Any) -> Result:
    config = {"data": {"features": "res101.mat"}, "method": {"gamma": 1.0}}
    overrides = ["experiments=eszsl_nobody2020", "data=cub", "seed=0"]
    return make(**({"config": config, "overrides": overrides, "deterministic": True} | changes))


def compared(result: Result, claim: Claim, others: Sequence[Claim] = ()) -> Comparison:
    (row,) = rows({Path("result.json"): result})
    return compare(result, row, claim, others)


def over(make: Make, claim: Claim = CLAIM, **seeds: Sequence[float]) -> Comparison:
    """Compare runs of a method that draws random numbers with a claim."""
    result = run(make, deterministic=False)
    row = Row(rows({Path("a"): result})[0].key, (0,), {name: summarize(own) for name, own in seeds.items()})
    return compare(result, row, claim)


def test_numbers_within_the_tolerance_are_reproduced(make: Make) -> None:
    found = compared(run(make, T1=58.0), CLAIM)
    assert str(found) == "reproduced"
    assert found.caveats == ()


def test_one_lucky_seed_is_not_reproduced(make: Make) -> None:
    found = compared(run(make, deterministic=False), CLAIM)
    assert found.verdict == "inconclusive"
    assert str(found).endswith("about 5 seeds would tell")


def test_seeds_that_scatter_around_the_number_are_inconclusive(make: Make) -> None:
    claim = replace(CLAIM, metrics=printed(T1=54.9))
    found = over(make, claim, T1=[40.0, 70.0, 54.7])
    assert found.verdict == "inconclusive"
    assert "about" in str(found) and "seeds would tell" in str(found)  # noqa: PT018
    assert over(make, claim, T1=[54.7, 55.0, 54.9, 54.8, 55.1]).verdict == "reproduced"


def test_an_h_that_fits_hides_no_u_and_s_that_do_not(make: Make) -> None:
    """Decide by s, which is worse, where u + 36 and s - 39 give the same H."""
    claim = replace(CLAIM, metrics=printed(u=23.9, s=80.0, H=36.8))
    u, s = 59.9, 41.0
    H = 2 * u * s / (u + s)
    found = over(make, replace(claim, metrics=claim.metrics | printed(H=H)), u=[u] * 5, s=[s] * 5, H=[H] * 5)
    assert str(found) == "worse: s -39.0"
    assert {name: each.outcome for name, each in found.differences.items()} == {
        "u": "better", "s": "worse", "H": "reproduced",
    }  # fmt: skip


@given(st.dictionaries(st.sampled_from(["T1", "u", "s", "H"]), st.sampled_from(ORDER), min_size=1))
def test_the_worst_of_all_published_metrics_decides(make: Make, outcomes: dict[str, str]) -> None:
    shift = {"worse": [-9.0] * 5, "better": [9.0] * 5, "reproduced": [0.0] * 5, "inconclusive": [-9, 9, 0, 9, -9]}
    theirs = printed(**dict.fromkeys(outcomes, 50.0))
    seeds = {name: [50.0 + change for change in shift[outcome]] for name, outcome in outcomes.items()}
    found = over(make, replace(CLAIM, metrics=theirs), **seeds)
    assert {name: each.outcome for name, each in found.differences.items()} == outcomes
    order = ["worse", "inconclusive", "better", "reproduced"]
    assert found.verdict == min(outcomes.values(), key=order.index)
    if found.verdict != "reproduced":
        assert all(name in str(found) for name, outcome in outcomes.items() if outcome == found.verdict)


def test_ausuc_counts_within_a_hundredth_of_the_tolerance(make: Make) -> None:
    claim = replace(CLAIM, metrics=printed(T1=57.0, AUSUC=0.32))
    assert compared(run(make), claim).verdict == "reproduced"
    assert str(compared(run(make), replace(claim, metrics=printed(AUSUC=0.30)))) == "better: AUSUC +0.029"


def test_runs_of_theirs_widen_the_interval(make: Make) -> None:
    both = {"T1": summarize([53.0, 61.0])}
    found = compared(run(make), replace(CLAIM, metrics=both))
    assert found.differences["T1"].mean == pytest.approx(0.0)
    assert str(found) == "inconclusive: T1 +0.0 ± 50.8; no number of seeds up to 1000 would tell"


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        ({}, {"verified": False}, "unverified number"),
        ({"protocol": "tune"}, {}, "ours is measured on validation classes"),
        ({}, {"selected_on": "test"}, "theirs is chosen on the test set"),
        ({}, {"features_sha256": "a" * 64}, f"other features (res101 {FEATURES[:8]}, not res101 aaaaaaaa)"),
        ({}, {"features": "vit", "features_sha256": None}, "other features (res101, not vit)"),
        ({"data_title": "CUB, 312 attributes"}, {}, "other split (CUB, 312 attributes, not PS v1)"),
        ({"class_embedding": "sentence"}, {}, "other class embedding (sentence, not attributes)"),
        ({"setting": "transductive"}, {}, "other setting (transductive, not inductive)"),
        ({}, {"setting": "transductive"}, "other setting (inductive, not transductive)"),
        ({}, {"setting": "unseen semantics"}, "other setting (inductive, not unseen semantics)"),
        ({"setting": "unseen semantics"}, {}, "other setting (unseen semantics, not inductive)"),
        ({"correction": "csls"}, {}, "scores corrected (ours: csls, theirs: none)"),
        ({}, {"correction": "× 0.95"}, "scores corrected (ours: none, theirs: × 0.95)"),
        ({"overrides": ["experiments=e", "method.gamma=3"]}, {}, "changed on the command line (method.gamma)"),
        ({"overrides": ["experiments=e", "+sweep.lamb=[1]"]}, {}, "changed on the command line (sweep.lamb)"),
        ({"overrides": ["experiments=e", "trainer.precision=bf16-mixed"]}, {},
         "changed on the command line (trainer.precision)"),
        ({"overrides": ["experiments=e", "data.scale=none"]}, {}, "changed on the command line (data.scale)"),
    ],
)  # fmt: skip
def test_what_differs_is_not_comparable(
    make: Make, ours: Mapping[str, Any], theirs: Mapping[str, Any], reason: str
) -> None:
    found = compared(run(make, **ours), replace(CLAIM, **theirs))
    assert found.verdict == "not comparable"
    assert found.reasons == (reason,)
    assert str(found) == f"not comparable: {reason}"


@pytest.mark.parametrize(
    ("theirs", "caveat"),
    [
        ({"features_sha256": None}, "features are identified as res101 by the file name only"),
        ({"setting": None}, "their setting is not known"),
        ({"selected_on": None}, "it is not known on which data theirs was chosen"),
    ],
)
def test_what_is_not_known_is_said(make: Make, theirs: Mapping[str, Any], caveat: str) -> None:
    found = compared(run(make), replace(CLAIM, **theirs))
    assert found.verdict == "reproduced"
    (said,) = found.caveats
    assert said.startswith(caveat)


def test_features_of_another_name_are_the_same_where_the_fingerprint_is(make: Make) -> None:
    config = {"data": {"features": "/somewhere/renamed.mat"}}
    assert compared(run(make, config=config), CLAIM).verdict == "reproduced"


def test_a_file_of_the_right_name_is_known_by_its_length_and_by_its_content(make: Make) -> None:
    theirs = replace(CLAIM, features_sha256=None, features_dimension=2048)
    long, short = {"features": 2048}, {"features": 512}
    assert compared(run(make, card=long), theirs).verdict == "reproduced"
    assert str(compared(run(make, card=short), theirs)).endswith("other features (res101 of dimension 512, not 2048)")
    other = replace(CLAIM, features="resnet_fc1000")
    found = compared(run(make, card=long), theirs, [theirs, other])
    assert str(found).endswith("(a file res101 with the content of resnet_fc1000, not res101)")


def test_numbers_chosen_on_the_test_set_never_reproduce(oracle: Make) -> None:
    found = compared(run(oracle), CLAIM)
    assert found.verdict == "not comparable"
    assert not found.differences


def test_without_a_number_in_common_there_is_no_verdict(make: Make) -> None:
    found = over(make, T5=[80.0])
    assert str(found) == "not comparable: no number in common"


def test_where_it_runs_changes_nothing(make: Make) -> None:
    places = ["data.root=/x", "paths.output=y", "trainer=gpu", "trainer.progress_bar=false", "save.model=true"]
    found = run(make, overrides=["experiments=e", "data=cub", "selection.seed=0", *places])
    assert compared(found, CLAIM).verdict == "reproduced"
