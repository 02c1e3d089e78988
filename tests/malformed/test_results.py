"""A malformed file of a run costs one line, status 2 and nothing else, through the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.malformed import beside, interrupted, results, studies
from tests.malformed.law import Case, hold

CASES = [case for kind in (results, interrupted, studies, beside) for case in kind.cases()]
SAMPLE = 16
"""cases of the fast suite: every so many"""


def params() -> list[object]:
    """A sample in the fast suite, and all others in the slow one."""
    step = len(CASES) // SAMPLE
    return [
        pytest.param(case, id=case.name, marks=[] if number % step == step // 2 else pytest.mark.slow)
        for number, case in enumerate(CASES)
    ]


@pytest.mark.parametrize("case", params())
def test_a_malformed_file_of_a_run_costs_one_line(case: Case, tmp_path: Path) -> None:
    hold(case, tmp_path)


def test_names_of_cases_differ_and_there_are_enough() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 230
