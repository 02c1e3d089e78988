"""Names under which methods, data sets and class embeddings are shown."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from zsl.errors import InputError
from zsl.files.source_file import locate, read_text
from zsl.reporting.table import Row, RowKey

FIELDS = ("method", "data_title", "class_embedding", "correction", "setting")
"""fields of a row that can be shown under another name; a data set is also found by its short name"""


def parsed(given: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return key -> name as it was given, and as it stands in files.

    Args:
        given: ``KEY=NAME``, or files with such lines; their empty lines and those that begin with # are passed over.

    Raises:
        InputError: a file cannot be read, or a line is not KEY=NAME.
    """
    typed: dict[str, str] = {}
    filed: dict[str, str] = {}
    for word in given:
        file = locate(word)
        if file.is_file():
            lines = [
                line for line in map(str.strip, read_text(file, "--names").splitlines()) if line[:1] not in ("", "#")
            ]
            filed |= dict(_pair(f"{word}: {line}", line) for line in lines)
        elif "=" in word:
            typed |= dict([_pair(word, word)])
        else:
            raise InputError(f"--names {word}: there is no such file; give one, or KEY=NAME, such as eszsl=ESZSL")
    return typed, filed


def _pair(place: str, line: str) -> tuple[str, str]:
    key, equals, name = (part.strip() for part in line.partition("="))
    if not (equals and key and name):
        raise InputError(f"--names {place}: is not KEY=NAME; write one such as eszsl=ESZSL")
    return key, name


def renamed(rows: Sequence[Row], names: Mapping[str, str], others: Mapping[str, str] | None = None) -> list[Row]:
    """Return rows under these names.

    Args:
        rows: rows of a table.
        names: method, title or short name of a data set, class embedding, correction or setting -> name shown instead.
        others: further names, whose keys no row needs to have.

    Raises:
        InputError: no row has one of the keys of ``names``, or two keys would be shown alike.
    """
    known = {getattr(row.key, field) for row in rows for field in (*FIELDS, "data")}
    for key in names:
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.5)
            guess = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(f"--names {key}=…: no row has this name; {guess}choose from {', '.join(sorted(known))}")
    every = {**(others or {}), **names}
    found = [replace(row, key=_shown(row.key, every)) for row in rows]
    for field in FIELDS:
        before: dict[str, str] = {}
        for old, new in zip(rows, found, strict=True):
            own, shown = getattr(old.key, field), getattr(new.key, field)
            if before.setdefault(shown, own) != own:
                raise InputError(f"--names: {before[shown]!r} and {own!r} would both be {shown!r}; name them apart")
    return found


def _shown(of: RowKey, names: Mapping[str, str]) -> RowKey:
    changed = {field: names.get(getattr(of, field), getattr(of, field)) for field in FIELDS}
    if of.data_title not in names:
        changed["data_title"] = names.get(of.data, of.data_title)
    return replace(of, **changed)
