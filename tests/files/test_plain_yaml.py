"""YAML and JSON as data: usual documents are read; tags, deep nesting and expansion are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.malformed.tables import bomb, merging
from zsl.files.plain_yaml import DEEPEST, parse, shown

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=8)
CONTENT = st.dictionaries(NAMES, st.one_of(NAMES, st.integers(), st.booleans(), st.none(), st.lists(NAMES, max_size=4)))


@given(CONTENT)
def test_what_was_written_is_read(content: dict[str, Any]) -> None:
    assert parse(json.dumps(content)) == content
    assert parse(yaml.safe_dump(content, allow_unicode=True)) == content


def test_numbers_and_dates_as_people_mean_them() -> None:
    assert parse("a: 1e-1\nb: 2\nc: 0.5\nd: 2020-01-01\ne: 003.wren\nf: -2E3") == {
        "a": 0.1,
        "b": 2,
        "c": 0.5,
        "d": "2020-01-01",
        "e": "003.wren",
        "f": -2000.0,
    }


def test_aliases_are_shared_and_cost_nothing() -> None:
    content = parse(bomb())
    assert content["seen"][0] is content["seen"][1]
    assert len(shown(content)) < 400
    merged = parse(merging())
    assert list(merged["m29"]) == ["<<"]
    assert merged["m29"]["<<"][0] is merged["m28"]


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
        '{"a": ' + "[" * 100_000,
        "a: 1\na: 2",
        '{"a": 1, "a": 2}',
        "!!python/object/apply:os.getcwd []",
        "? [a]\n: 1",
        "a: *b",
        "a: [",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)
