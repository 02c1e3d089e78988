"""Matching of drawings to concepts, and division of classes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsl.datasets import emoji_concepts
from zsl.datasets.emoji_concepts import Icons, code_of, find, match, plain, readable, roles


@given(st.integers(1, 2000), st.integers(0, 100))
def test_a_fifth_is_unseen_and_a_fifth_of_the_rest_is_for_validation(n: int, seed: int) -> None:
    given_roles = roles(n, seed)
    unseen, val = given_roles.count("unseen"), given_roles.count("val")
    assert abs(unseen - n / 5) <= 0.5
    assert abs(val - (n - unseen) / 5) <= 0.5
    assert given_roles.count("train") == n - unseen - val
    assert roles(n, seed) == given_roles


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ear_of_corn", "ear of corn"),
        ("T_Rex", "t-rex"),
        ("man_s_shoe", "man's shoe"),
        ("piñata", "pinata"),
        ("", ""),
    ],
)
def test_names_read_as_one_writes_them(name: str, words: str) -> None:
    assert readable(name) == words


def test_selectors_are_no_part_of_a_code() -> None:
    assert code_of("❤️") == "2764"
    assert plain("1F441-FE0F-200D-1F5E8-FE0F") == "1f441-200d-1f5e8"


def icons(names: list[str], chars: dict[str, str] | None = None, aliases: dict[str, str] | None = None) -> Icons:
    bodies = {name: {"body": name} for name in names}
    return Icons({"icons": bodies, "aliases": {a: {"parent": p} for a, p in (aliases or {}).items()}}, chars or {}, {})


def test_drawings_are_found_by_code_by_name_by_unicode_and_by_alias() -> None:
    found = match(
        {
            "own": icons(["pooch"], {"1f436": "pooch"}),
            "names": icons(["dog-face"]),
            "squashed": icons(["dogface"]),
            "unicode": icons(["fox-face"]),
            "alias": icons(["doggy"], aliases={"hound": "doggy", "pooch": "doggy"}),
        },
        {"1f436": "dog_face", "1f98a": "fox"},
    )
    assert found == {
        "own": {"1f436": "pooch"},
        "names": {"1f436": "dog-face"},
        "squashed": {"1f436": "dogface"},
        "unicode": {"1f98a": "fox-face"},
        "alias": {"1f436": "doggy"},
    }


def test_a_drawing_that_two_concepts_claim_alike_is_given_to_neither() -> None:
    styles = {"a": icons(["x"], {"1f436": "x"}), "b": icons(["x"], {"1f98a": "x"}), "c": icons(["x"])}
    assert match(styles, {})["c"] == {}


def test_hidden_and_misnamed_drawings_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emoji_concepts, "MISNAMED", {"a": {"sunglasses"}})
    style = icons(["sunglasses", "old"], {"1f576": "sunglasses", "1f436": "old"})
    style.icons["icons"]["old"]["hidden"] = True
    assert match({"a": style, "b": style}, {}) == {"a": {}, "b": {"1f576": "sunglasses"}}


def test_things_are_what_has_a_name_of_known_words_and_is_no_clock() -> None:
    chars = {"1f436": "dog", "1f600": "grin", "1f550": "one", "1f34e": "apple", "1f347": "grapes", "1f34f": "green"}
    kinds = {"Animals & Nature": ["dog"], "Smileys": ["grin"], "Travel & Places": ["one"]}
    kinds["Food & Drink"] = ["apple", "grapes", "green"]
    noto = Icons(icons(list(chars.values())).icons, chars, kinds)
    keywords = {"🐶": ["dog_face"], "😀": ["dog"], "🕐": ["face"], "🍎": ["apple"], "🍇": ["grapes"], "🍏": ["apple"]}
    found = find({"noto": noto}, keywords, {"dog", "face", "apple"})
    assert [(c.code, c.name, c.category, c.drawings) for c in found] == [
        ("1f436", "dog face", "Animals & Nature", {"noto": "dog"})
    ]
