"""Results come in order, are made ahead, and never pile up."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.features.pipeline import ahead


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(), max_size=30), st.integers(1, 4), st.integers(0, 5))
def test_results_are_those_of_a_loop_and_never_pile_up(items: list[int], workers: int, most: int) -> None:
    lock, alive, peak = threading.Lock(), 0, 0

    def work(item: int) -> int:
        nonlocal alive, peak
        with lock:
            alive += 1
            peak = max(peak, alive)
        return item * item

    found = []
    for value in ahead(work, items, workers, most):
        with lock:
            alive -= 1
        found.append(value)
    assert found == [item * item for item in items]
    assert peak <= most + 1 + workers


def test_work_goes_on_while_a_result_is_used() -> None:
    done = threading.Event()

    def work(item: int) -> int:
        if item == 1:
            done.set()
        return item

    results = ahead(work, range(3), workers=1, most=1)
    assert next(results) == 0
    assert done.wait(10)


def test_an_error_comes_where_it_is_due_and_ends_the_work() -> None:
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        time.sleep(0.001)
        if item == 3:
            raise ValueError("three")
        return item

    found = []
    with pytest.raises(ValueError, match="three"):
        found.extend(ahead(work, range(10_000), workers=2, most=4))
    assert len(begun) < 20
