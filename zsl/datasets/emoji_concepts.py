"""Construction of the committed tables ``emoji/small.txt`` and ``emoji/full.txt``, with one row per concept.

A concept is a Unicode emoji; the columns are styles. Some packages map code points to drawings (``chars.json``); other
packages name their drawings after some version of Unicode or of its short names. All known names of a code point are
collected and looked up, the more reliable names first. The module is not used when the data set is loaded; a test
makes the tables again and compares them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NATURE = ("Animals & Nature", "Food & Drink", "Travel & Places")
THINGS = (*NATURE, "Activities", "Objects")
"""categories of concepts that can be photographed: not faces, people (skin tones, genders), flags and symbols"""
CLOCKS = range(0x1F550, 0x1F568)
"""the 24 clock faces (full and half hours), which are one concept"""
PERMISSIVE = ("noto", "twemoji", "fluent-emoji-flat", "emojione")
"""four vendors that draw all concepts up to Emoji 5, under licences without share-alike"""
MISNAMED = {"fxemoji": {"keyboard", "sunglasses", "window", "construction"}}
"""drawings that show another concept than their names say: a piano, a face, a part of a screen, a crane"""
SEEDS = {"a": 0, "b": 1, "c": 2}
"""random seed of every class split"""
SHARE = 0.2
"""share of the classes that are unseen, and share of the seen classes that are validation classes"""


@dataclass(frozen=True)
class Icons:
    """Content of a package: icons.json, chars.json (empty if there is none), and the categories of metadata.json."""

    icons: Mapping[str, Any]
    chars: Mapping[str, str]
    categories: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Concept:
    """Class with its code points, readable name, category, and the name of its drawing in every style that has one."""

    code: str
    name: str
    category: str
    drawings: Mapping[str, str]


def small(concepts: Iterable[Concept]) -> str:
    """Return the table of animals, food and travel concepts that all four permissive styles draw."""
    kept = [c for c in concepts if c.category in NATURE and c.drawings.keys() >= set(PERMISSIVE)]
    return table(kept, PERMISSIVE)


def full(concepts: Iterable[Concept], styles: Sequence[str]) -> str:
    """Return the table of all things drawn by Twemoji (the style of test_seen) and by at least half of the styles."""
    kept = [c for c in concepts if "twemoji" in c.drawings and 2 * len(c.drawings) >= len(styles)]
    return table(kept, styles)


def table(concepts: Sequence[Concept], styles: Sequence[str]) -> str:
    """Return a tab-separated table, one row per concept: code, name, category, role per split, drawing per style."""
    split = {name: roles(len(concepts), seed) for name, seed in SEEDS.items()}
    rows = [["code", "name", "category", *split, *styles]]
    for i, c in enumerate(concepts):
        drawn = [c.drawings.get(style, "-") for style in styles]
        rows.append([c.code, c.name, c.category, *(split[name][i] for name in split), *drawn])
    return "".join("\t".join(row) + "\n" for row in rows)


def roles(n: int, seed: int) -> list[str]:
    """Draw the role of n classes: a random fifth is ``unseen``, a fifth of the rest ``val``, and the rest ``train``."""
    role = np.full(n, "train", dtype=object)
    order = np.random.default_rng(seed).permutation(n)
    unseen = round(SHARE * n)
    val = round(SHARE * (n - unseen))
    role[order[:unseen]] = "unseen"
    role[order[unseen : unseen + val]] = "val"
    return list(role)


def find(styles: Mapping[str, Icons], emojilib: Mapping[str, Sequence[str]], words: Collection[str]) -> list[Concept]:
    """Find the things whose names consist of ``words`` (a vocabulary), sorted by code point.

    The name of a concept is its first keyword. Categories are those of the style ``noto``, which draws all concepts.
    Names that two concepts share are left out.
    """
    short = {code_of(emoji): keywords[0] for emoji, keywords in emojilib.items()}
    category = {drawing: kind for kind, drawings in styles["noto"].categories.items() for drawing in drawings}
    kind = {plain(code): category.get(drawing, "") for code, drawing in styles["noto"].chars.items()}
    name = {code: readable(short.get(code, "")) for code in kind}
    unique = {n for n, times in Counter(name.values()).items() if times == 1}
    drawings = match(styles, short)

    def drawn(code: str) -> dict[str, str]:
        return {style: of[code] for style, of in drawings.items() if code in of}

    return [
        Concept(code, name[code], kind[code], drawn(code))
        for code in sorted(kind, key=lambda code: [int(part, 16) for part in code.split("-")])
        if kind[code] in THINGS
        and int(code.split("-")[0], 16) not in CLOCKS
        and name[code] in unique
        and all(word in words for word in re.findall(r"\w+", name[code]))
    ]


def match(styles: Mapping[str, Icons], short: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Match code points to drawings in every style; no drawing is matched to two code points.

    Passes, from certain to likely: the package's own chars.json, the names in any chars.json and in emojilib, the name
    in the Unicode character database, other names in any package's aliases. Hyphens are ignored.
    """
    given: dict[str, set[str]] = defaultdict(set)
    also: dict[str, set[str]] = defaultdict(set)
    for style in styles.values():
        for code, drawing in style.chars.items():
            given[plain(code)].add(squashed(drawing))
        for alias, target in style.icons.get("aliases", {}).items():
            one, other = squashed(alias), squashed(target["parent"])
            also[one].add(other)
            also[other].add(one)
    for code, name in short.items():
        given[code].add(squashed(name))
    unicode = {code: {squashed(unicodedata.name(chr(int(code, 16)), ""))} for code in given if "-" not in code}
    aliases = {code: set[str]().union(*(also[name] for name in names)) for code, names in given.items()}
    passes = (given, unicode, aliases)
    return {name: _assign(_free(name, style), [_own(style), *passes]) for name, style in styles.items()}


def _own(style: Icons) -> dict[str, set[str]]:
    return {plain(code): {squashed(drawing)} for code, drawing in style.chars.items()}


def _free(name: str, style: Icons) -> dict[str, str]:
    """Return squashed name -> name of all drawings that are neither hidden nor misnamed."""
    wrong = MISNAMED.get(name, set())
    icons = style.icons["icons"].items()
    return {squashed(drawing): drawing for drawing, icon in icons if not icon.get("hidden") and drawing not in wrong}


def _assign(free: dict[str, str], passes: Sequence[Mapping[str, set[str]]]) -> dict[str, str]:
    """Match code points to drawings: in every pass, each free drawing that exactly one code point claims."""
    assigned: dict[str, str] = {}
    for names in passes:
        claims = defaultdict(list)
        for code, candidates in names.items():
            hits = candidates & free.keys()
            if code not in assigned and len(hits) == 1:
                claims[hits.pop()].append(code)
        for drawing, codes in claims.items():
            if len(codes) == 1:
                assigned[codes[0]] = free.pop(drawing)
    return assigned


def code_of(emoji: str) -> str:
    """Return the hexadecimal code points of an emoji joined by hyphens, without variation selectors."""
    return plain("-".join(f"{ord(character):x}" for character in emoji))


def plain(code: str) -> str:
    """Return a code without the variation selector fe0f, which requests the coloured form."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


def squashed(name: str) -> str:
    """Return the letters and digits of a name: packages write hot-dog, hot_dog and hotdog."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def readable(name: str) -> str:
    """Return a short name as plain text: ear of corn, t-rex, man's shoe for ear_of_corn, T_Rex, man_s_shoe."""
    ascii_ = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    words = " ".join(re.findall(r"[a-z0-9]+", ascii_))
    return re.sub(r"\b([etx]) (?=\w)", r"\1-", re.sub(r" s\b", "'s", words))
