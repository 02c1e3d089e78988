"""A malformed command line, value or surrounding costs one line, status 2 and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.malformed.law import Case, hold
from tests.malformed.values import IN, cases

CASES = list(cases())
SAMPLE = 15
"""cases of the fast suite: every so many"""


def params() -> list[object]:
    """A sample in the fast suite, and all others in the slow one."""
    step = len(CASES) // SAMPLE
    return [
        pytest.param(case, id=case.name[:60], marks=[] if number % step == step // 2 else pytest.mark.slow)
        for number, case in enumerate(CASES)
    ]


@pytest.mark.parametrize("case", params())
def test_a_malformed_value_costs_one_line(case: Case, tmp_path: Path) -> None:
    hold(case, tmp_path / case.name.removeprefix(IN) if case.name.startswith(IN) else tmp_path)


def test_names_of_cases_differ_and_there_are_enough() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 150
