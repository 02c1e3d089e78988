"""Overrides: checks of typed ones, and writing of values in the form that Hydra parses back."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from zsl.errors import InputError, is_control, shortened
from zsl.files.folder import expanded

LONGEST, MOST_DIGITS, DEEPEST = 8_000, 300, 32
"""limits of one override: characters, digits in a row, and depth of nested brackets"""
PLAIN = re.compile(r"[A-Za-z0-9_./:@%?|+-]+")
"""values that need no quotes, neither for Hydra nor for a shell"""
UNREADABLE = object()
"""result of parsing an override that Hydra cannot parse"""
HOME = re.compile(r"(^|,)~([\w.-]*)(?=/|,|$)")
"""beginning of each value, in a comma-separated list, that is a path below a home folder"""


def readable(words: Sequence[str]) -> list[str]:
    """Return the overrides, checked, with a leading ``~`` or ``~user`` of a value expanded as a shell does.

    Raises:
        InputError: an override is no text, is too long, has too deeply nested brackets or too many digits in a row,
            holds control characters or bytes that are not UTF-8, or names the home folder of an unknown user.
    """
    return [_expanded(_required(word)) for word in words]


def written(key: str, value: str) -> str:
    """Return the override that sets ``key`` to exactly this text, quoted and escaped where necessary."""
    from hydra.core.override_parser.types import Quote, QuotedString

    if PLAIN.fullmatch(value) and _value(f"key={value}") == value:
        return f"{key}={value}"
    escaped = re.sub(r"(\\*)\$\{", lambda found: rf"{2 * found[1]}\${{", value)
    return f"{key}={QuotedString(escaped, Quote.double).with_quotes()}"


def cure(word: str) -> str:
    """Return advice on an override that cannot be parsed: the corrected override, quoted for the shell, if known."""
    key, equals, value = word.partition("=")
    if not equals or not re.fullmatch(r"(\+{1,2})?[\w./@-]+", key):
        return "write key=value"
    candidate = written(key, value)
    if "${" in value and value.count("{") != value.count("}"):
        candidate = word
    elif value.startswith(("[", "{", "'", '"')):
        items = value[1:-1].split(",") if value[0] + value[-1] == "[]" else []
        flat = items and not re.search(r"[][(){}]", value[1:-1])
        candidate = f"{key}=[{','.join(map(_item, items))}]" if flat else word
    if _parses(candidate):
        return f"write {shlex.quote(candidate)}"
    return "close every bracket and quotation mark, and quote brackets and commas for the shell: 'KEY=[A,B]'"


def _required(word: str) -> str:
    if not isinstance(word, str):
        raise InputError(f"{word!r}: is no text; write 'key=value'")
    key, equals, value = word.partition("=")
    shown = f"{shortened(key, 60)}{equals}{shortened(value, 60)}"
    if len(word) > LONGEST:
        raise InputError(f"{shown}: has {len(word)} characters; write at most {LONGEST}")
    bad = next((char for char in word if is_control(char)), None)
    if bad is not None:
        what = "a byte that is not UTF-8" if "\ud800" <= bad <= "\udfff" else f"the control character {bad!r}"
        raise InputError(f"{shown}: holds {what}; leave it out")
    digits = max(map(len, re.findall(r"\d+", word)), default=0)
    if digits > MOST_DIGITS:
        raise InputError(f"{shown}: has {digits} digits in a row; write at most {MOST_DIGITS}")
    depth = deepest = 0
    for char in word:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise InputError(f"{shown}: has brackets {deepest} deep; nest at most {DEEPEST}")
    return word


def _expanded(word: str) -> str:
    key, _, value = word.partition("=")
    if not HOME.search(value) or re.search(r"""[][(){}'"$]""", value):
        return word
    values = [_written(str(expanded(key, part))) if HOME.match(part) else part for part in value.split(",")]
    return f"{key}={','.join(values)}"


def _item(item: str) -> str:
    return item if _parses(f"key={item}") else _written(item)


def _written(value: str) -> str:
    return written("", value)[1:]


def _parses(word: str) -> bool:
    return _value(word) is not UNREADABLE


def _value(word: str) -> object:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        (override,) = OverridesParser.create().parse_overrides([word])
        return override.value()
    except HydraException:
        return UNREADABLE
