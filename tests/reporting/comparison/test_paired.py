"""Paired tests compared with enumeration and formulas, their invariances, and cases without a test."""

from __future__ import annotations

import math
import sys
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import betainc, stdtrit

from zsl.errors import InputError
from zsl.reporting.comparison.paired import Paired, holm, paired

percent = st.integers(0, 1000).map(lambda n: n / 10)
pairs = st.lists(st.tuples(percent, percent), min_size=2, max_size=9)
Numbers = list[tuple[float, float]]


def pairs_of(numbers: Numbers) -> Paired:
    return paired([a for a, _ in numbers], [b for _, b in numbers])


def differences(numbers: Numbers) -> list[float]:
    return [round(a - b, 6) for a, b in numbers]


def vary(numbers: Numbers) -> bool:
    return len(set(differences(numbers))) > 1


def mean_ranks(values: list[float]) -> list[float]:
    return [sum(w < v for w in values) + (1 + sum(w == v for w in values)) / 2 for v in values]


@given(pairs.filter(vary))
def test_t_is_that_of_the_formula(numbers: Numbers) -> None:
    """Compare with p = I(ν / (ν + t²); ν/2, 1/2), the regularised incomplete beta function."""
    d = differences(numbers)
    n, mean = len(d), math.fsum(d) / len(d)
    s = math.sqrt(math.fsum((x - mean) ** 2 for x in d) / (n - 1))
    t = mean / (s / math.sqrt(n))
    found = pairs_of(numbers)
    assert found.n == n
    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.d_z == pytest.approx(mean / s, abs=1e-9)
    assert found.t_p == pytest.approx(betainc((n - 1) / 2, 0.5, (n - 1) / (n - 1 + t * t)), abs=1e-9)
    assert found.ci == pytest.approx(stdtrit(n - 1, 0.975) * s / math.sqrt(n))


@given(pairs.filter(vary))
def test_wilcoxon_counts_all_signs(numbers: Numbers) -> None:
    """Enumerate all 2ⁿ signs, equally likely under H₀, without zeros and with mean ranks for ties."""
    d = [x for x in differences(numbers) if x]
    ranks = mean_ranks([abs(x) for x in d])
    observed = sum(rank for rank, x in zip(ranks, d, strict=True) if x > 0)
    sums = [
        sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign) for signs in product((0, 1), repeat=len(d))
    ]
    above, below = (sum(s >= observed for s in sums), sum(s <= observed for s in sums))
    found = pairs_of(numbers)
    assert found.wilcoxon_p == pytest.approx(min(1.0, 2 * min(above, below) / len(sums)))
    assert found.zeros == len(numbers) - len(d)
    assert found.wilcoxon_p >= found.floor - 1e-12


@given(pairs.filter(vary))
def test_swapping_the_two_negates_the_difference_and_keeps_p(numbers: Numbers) -> None:
    one, other = pairs_of(numbers), pairs_of([(b, a) for a, b in numbers])
    assert (other.mean, other.d_z) == pytest.approx((-one.mean, -one.d_z))  # type: ignore[operator]
    assert (other.ci, other.t_p, other.wilcoxon_p) == pytest.approx((one.ci, one.t_p, one.wilcoxon_p))


@given(pairs.filter(vary), st.data())
def test_the_order_of_pairs_does_not_matter(numbers: Numbers, data: st.DataObject) -> None:
    one, other = pairs_of(numbers), pairs_of(data.draw(st.permutations(numbers)))
    assert (other.mean, other.ci, other.d_z, other.zeros) == (one.mean, one.ci, one.d_z, one.zeros)
    assert (other.t_p, other.wilcoxon_p) == pytest.approx((one.t_p, one.wilcoxon_p))


@given(pairs.filter(vary), st.floats(-50, 50))
def test_what_is_added_to_both_changes_nothing(numbers: Numbers, constant: float) -> None:
    one, other = pairs_of(numbers), pairs_of([(a + constant, b + constant) for a, b in numbers])
    for name in ("mean", "ci", "d_z", "t_p", "wilcoxon_p", "zeros"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-6)


@given(pairs.filter(vary), st.floats(0.1, 10))
def test_the_unit_changes_no_p_and_no_effect_size(numbers: Numbers, unit: float) -> None:
    one, other = pairs_of(numbers), pairs_of([(a * unit, b * unit) for a, b in numbers])
    assert (other.d_z, other.t_p) == pytest.approx((one.d_z, one.t_p), abs=1e-6)
    assert other.wilcoxon_p == one.wilcoxon_p


@pytest.mark.parametrize("n", [1, 2, 5, 6, 12])
def test_the_floor_is_what_equal_signs_reach(n: int) -> None:
    found = pairs_of([(50 + i + i * i / 7, 50.0 - i) for i in range(1, n + 1)])
    assert found.floor == min(1.0, 2 * 2.0**-n)
    assert found.wilcoxon_p == (None if n == 1 else pytest.approx(found.floor))


def test_rounding_is_no_difference_and_breaks_no_tie() -> None:
    """Treat .3 - .1 and .2, which differ in binary, as tied differences."""
    assert 0.3 - 0.1 != 0.2
    exact = pairs_of([(2.0, 0.0), (0.0, 2.0), (4.0, 1.0), (7.0, 7.0)])
    rounded = pairs_of([(0.3, 0.1), (0.0, 0.2), (0.4, 0.1), (0.1 + 0.2, 0.3)])
    assert (rounded.wilcoxon_p, rounded.zeros) == (exact.wilcoxon_p, exact.zeros) == (0.75, 1)


@pytest.mark.parametrize(
    ("numbers", "remark"),
    [
        ([(57.0, 56.0)], "one pair"),
        ([(57.0, 56.0)] * 5, "one number repeated is one observation"),
        ([(57.0, 56.0), (57.0 + 1e-12, 56.0)], "one number repeated is one observation"),
        ([(57.0, 57.0), (58.0, 58.0)], "no difference in any pair"),
        ([(57.0, 56.0), (58.0, 57.0), (0.3, -0.7)], "the same difference in every pair"),
    ],
)
def test_without_variance_there_is_no_p(numbers: Numbers, remark: str) -> None:
    found = pairs_of(numbers)
    assert remark in found.remark
    assert (found.ci, found.d_z, found.t_p, found.wilcoxon_p) == (None, None, None, None)
    assert found.mean == pytest.approx(differences(numbers)[0])


def test_one_that_does_not_vary_is_what_the_other_is_tested_against() -> None:
    found = pairs_of([(57.0, 56.0), (57.0, 55.0), (57.0, 54.5)])
    assert found.remark == ""
    assert found.t_p is not None


def test_between_data_sets_only_ranks_are_tested() -> None:
    a, b = [60.0, 30.0, 20.0], [55.0, 29.0, 12.0]
    found, same_scale = paired(a, b, commensurable=False), paired(a, b)
    assert (found.ci, found.d_z, found.t_p) == (None, None, None)
    assert found.wilcoxon_p == same_scale.wilcoxon_p == 0.25


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], []), ([1.0, 2.0], [1.0])])
def test_numbers_without_partners_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(InputError, match="are no pairs"):
        paired(a, b)


@settings(max_examples=25, deadline=None)  # every correction collects garbage, which takes a tenth of a second
@given(st.lists(st.none() | st.floats(0, 1), max_size=8))
def test_holm_by_its_definition(p: list[float | None]) -> None:
    """Multiply the i-th smallest of m by m - i + 1, then make the results monotone and at most 1."""
    known = sorted(value for value in p if value is not None)
    steps = [min(1.0, (len(known) - i) * value) for i, value in enumerate(known)]
    expected = [None if value is None else max(steps[: known.index(value) + known.count(value)]) for value in p]
    assert holm(p) == [None if value is None else pytest.approx(value) for value in expected]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_p_and_is_at_most_bonferroni(p: list[float]) -> None:
    assume(all(value == 0 or value > 1e-300 for value in p))
    for value, corrected in zip(p, holm(p), strict=True):
        assert corrected is not None
        assert value - 1e-12 <= corrected <= min(1.0, len(p) * value) + 1e-12


def test_without_statsmodels_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.stats.multitest", None)
    with pytest.raises(InputError, match=r"needs statsmodels; pip install 'zsl\[statistics\]'"):
        holm([0.5, 0.5])
    assert holm([0.5, None]) == [0.5, None]
