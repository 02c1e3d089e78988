"""Words of the class names of real data sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsl.class_embeddings.spelling import parts, readable, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("002.Laysan_Albatross", ["Laysan", "Albatross"]),
        ("010.Red_winged_Blackbird", ["Red", "winged", "Blackbird"]),
        ("grizzly+bear", ["grizzly", "bear"]),
        ("access_road", ["access", "road"]),
        ("American_Goldfinch", ["American", "Goldfinch"]),
        ("red apple", ["red", "apple"]),
        ("diningtable", ["diningtable"]),
        ("tie-dye shirt", ["tie-dye", "shirt"]),
        ("1.5", ["1.5"]),
        ("__", []),
        ("crane (n03126707)", ["crane"]),
        ("crane (bird)", ["crane", "(bird)"]),
    ],
)
def test_words(name: str, expected: list[str]) -> None:
    assert words(name) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("tie-dye", ["tie", "dye"]),
        ("SeaLion", ["Sea", "Lion"]),
        ("Swainson's", ["Swainson", "s"]),
        ("TV", ["TV"]),
        ("--", []),
    ],
)
def test_parts(word: str, expected: list[str]) -> None:
    assert parts(word) == expected


def test_readable() -> None:
    assert readable("002.Laysan_Albatross") == "Laysan Albatross"


@given(st.lists(st.text(st.characters(categories=["L", "Nd"]), min_size=1), min_size=1), st.sampled_from(" _+"))
def test_words_joined_by_any_separator_come_apart_again(tokens: list[str], separator: str) -> None:
    assert words(separator.join(tokens)) == tokens
