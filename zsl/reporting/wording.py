"""What the cells of a table say: options, seeds, numbers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

from zsl.outputs.schema import scale
from zsl.outputs.statistics import Summary
from zsl.reporting.table import Row, RowKey

HYPERPARAMETERS = ("method.", "correction.", "class_embedding.")
DECIMALS = {"percent": 1, "unit": 3, "number": 2}


def options(rows: Sequence[Row], most: int | None = None) -> list[str]:
    """For rows that look alike but for their configuration, the keys in which they differ: ``gamma=1 lamb=0.1``; and
    the hyperparameters that were set on the command line, so that no row passes for its method's defaults.

    The method's own come first; of more than ``most`` the rest is counted.
    """
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        alike[_look(row.key)].append(i)
    texts = [""] * len(rows)
    for group in alike.values():
        configs = [dict(rows[i].key.config) for i in group]
        keys = {key for config in configs for key in config}
        given = frozenset().union(*(rows[i].given for i in group))
        apart = [
            key
            for key in keys
            if len({config.get(key) for config in configs}) > 1 or (key in given and key.startswith(HYPERPARAMETERS))
        ]
        differing = sorted(apart, key=lambda key: (not key.startswith("method."), key))
        for i, config in zip(group, configs, strict=True):
            words = [f"{brief(key, differing)}={value(config.get(key))}" for key in differing]
            texts[i] = " ".join(words[:most] + [f"+{len(words[most:])}"] * bool(most and words[most:]))
    return texts


def seeds(numbers: Sequence[int]) -> str:
    """How many and which: ``5: 0–4``, ``3: 0–1, 7``."""
    runs = [[n for _, n in run] for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])]
    parts = [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
    return f"{len(numbers)}: {', '.join(parts)}"


def figure(name: str, summary: Summary, of: int, std: bool = False) -> str:
    """``57.0 ± 0.3 (0.2)``: mean, half width of the interval, standard deviation; n where it is fewer than ``of``.

    Equal numbers of several seeds, as closed forms give them, are one number and have no interval.
    """
    digits = DECIMALS[scale(name)]
    parts = [f"{summary.mean:.{digits}f}"]
    if summary.ci is not None and summary.std:
        parts.append(f"± {summary.ci:.{digits}f}")
    if std and summary.std:
        parts.append(f"({summary.std:.{digits}f})")
    if summary.n < of:
        parts.append(f"[n = {summary.n}]")
    return " ".join(parts)


def label(name: str) -> str:
    """A metric's name as a heading."""
    return name.replace("_", " ")


def _look(of: RowKey) -> tuple[str, ...]:
    return of.method, of.data_title, of.class_embedding, of.correction, of.setting, of.policy, of.protocol


def brief(key: str, among: Sequence[str]) -> str:
    """The last word of a dotted key, the whole key where that word is not unique."""
    word = key.rsplit(".", 1)[-1]
    return word if sum(other.rsplit(".", 1)[-1] == word for other in among) == 1 else key


def value(encoded: str | None) -> str:
    """A JSON value as people write it; – where the configuration has no such key."""
    if encoded is None:
        return "–"
    value = json.loads(encoded)
    return value if isinstance(value, str) else encoded
