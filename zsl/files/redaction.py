r"""Redaction of secrets in all output: results, jobs, trackers, logs and messages."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

WITHHELD = "(withheld)"
SHORTEST = 6
"""the smallest length of an environment variable whose value is redacted wherever it appears: shorter values, such as
``true``, appear in harmless text"""

_WORDS = (
    r"(?:(?:api|access|private|secret)[_-]?key|passw(?:or)?d|passphrase|secret|credential)s?|(?:auth[_-]?)?token"
    r"|authorization"
)
_KEY = rf"[\w.+-]*(?:(?<![A-Za-z0-9])|(?<=[a-z])(?=[A-Z]))(?i:{_WORDS})"
_NAME = re.compile(_KEY)
_VARIABLE = re.compile(rf"(?:{_WORDS})$", re.IGNORECASE)
_VALUE = (
    rf"{re.escape(WITHHELD)}"
    r'|"(?:\\.|[^"\\])*"?'
    r"|'(?:\\.|[^'\\])*'?"
    r"|\\+(?P<quote>[\"'])(?:(?!\\+(?P=quote)).)*(?:\\+(?P=quote))?"
    r"|\[[^\]]*\]?|\{[^}]*\}?"
    r"|[^\s,;&\"')\]}]+"
)
_WHOLE = re.compile(rf"(?s)(\s*{_KEY}\s*=\s*)(?=\S)(.*?)(?=: |$(?!\n))")
"""an override: the value may contain spaces, and ends at a colon, after which a message states the problem"""
_PAIR = re.compile(
    rf"(?s)(?<![\w.+/-])((?:{_KEY})\\*[\"']?\s*[=:]\s*(?:(?i:bearer|basic|digest|token)\s+)?|--(?:{_KEY})\s+)(?P<value>{_VALUE})"
)
_QUOTED = re.compile(rf"(?s)(?<=(?P<quote>[\"']))((?:{_KEY})\s*[=:]\s*)((?:(?!(?P=quote)).)+)")
"""a quoted element of a list: the value may contain spaces, and ends at the closing quotation mark"""
_SCHEME = re.compile(rf"(?i)\b(bearer\s+)(?:{re.escape(WITHHELD)}|[\w.~+/=-]+)")
_ADDRESS = re.compile(r"://(?:[^\s/'\"@]*:(?!\d+(?:/|$))[^\s'\"]*|[^\s/'\"]*)@")


def without_secrets(value: T) -> T:
    """Replace known and possible secrets by ``(withheld)``, in a text or at any depth of lists and mappings.

    Redacted are: values of keys such as ``api_key``, ``password`` and ``token`` (in any case; keys of mappings, and
    ``KEY=value``, ``KEY: value`` and ``--KEY value`` in text), user and password in URLs, the word after ``Bearer``,
    and the values of environment variables with such names. Redaction is idempotent. Longer words such as
    ``tokenizer`` and ``max_tokens`` are not keys of secrets; None, Booleans and empty values are never redacted.
    """
    redacted: T = _redacted(value, _of_environment())
    return redacted


def _of_environment() -> tuple[str, ...]:
    """Return the values of environment variables that hold secrets, the longest first."""
    values = {value.strip() for name, value in os.environ.items() if _VARIABLE.search(name)}
    kept = (value for value in values if len(value) >= SHORTEST and not _is_mark(value))
    return tuple(sorted(kept, key=lambda value: (-len(value), value)))


def _is_mark(value: str) -> bool:
    """Tell whether a value is a part of the replacement, or contains it, so that it would be replaced repeatedly."""
    return value in WITHHELD or WITHHELD in value


def _redacted(value: Any, known: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return _text(value, known)
    if isinstance(value, Mapping):
        return {
            _text(key, known) if isinstance(key, str) else key: WITHHELD
            if _is_secret(key, item)
            else _redacted(item, known)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_redacted(item, known) for item in value]
    if type(value) is tuple:
        return tuple(_redacted(item, known) for item in value)
    return value


def _is_secret(key: object, value: object) -> bool:
    empty = value is None or isinstance(value, bool) or value in ("", [], {})
    return isinstance(key, str) and not empty and _NAME.fullmatch(key) is not None


def _text(text: str, known: tuple[str, ...]) -> str:
    for secret in known:
        text = text.replace(secret, WITHHELD)
    text = _ADDRESS.sub(f"://{WITHHELD}@", text)
    text = _SCHEME.sub(rf"\1{WITHHELD}", text)
    if (whole := _WHOLE.match(text)) and whole[2] not in ("''", '""', "null", "None"):
        text = whole[1] + WITHHELD + text[whole.end() :]
    text = _QUOTED.sub(rf"\2{WITHHELD}", text)
    return _PAIR.sub(_withheld, text)


def _withheld(found: re.Match[str]) -> str:
    """Return the key with the value replaced by `WITHHELD`, in the same quotation marks."""
    value = found["value"]
    if value.lower() in ("none", "null", "true", "false", "''", '""', "[]", "{}"):
        return found[0]
    quote = re.match(r"\\*[\"']|", value)
    mark = quote[0] if quote else ""
    return f"{found[1]}{mark}{WITHHELD}{mark}"
