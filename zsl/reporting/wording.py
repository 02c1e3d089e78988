"""Text of the cells of a table: options, seeds, numbers."""

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


def options(rows: Sequence[Row], most: int | None = None, across_data: bool = False) -> list[str]:
    """Return for each row the options that distinguish it, such as ``gamma=1 lamb=0.1``.

    Options are the keys in which rows differ that are otherwise shown alike, and hyperparameters that were set on the
    command line, so that they are not mistaken for the defaults of the method. Those of the method come first. Beyond
    ``most``, options are only counted, as ``+2``. With ``across_data``, rows on other data are shown alike too, and
    options are keys in which rows on the same data differ.
    """
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        alike[_look(row.key, "" if across_data else row.key.data_title)].append(i)
    texts = [""] * len(rows)
    for group in alike.values():
        configs = [dict(rows[i].key.config) for i in group]
        keys = {key for config in configs for key in config}
        given = frozenset().union(*(rows[i].given for i in group))
        on_data: dict[str, list[dict[str, str]]] = defaultdict(list)
        for i, config in zip(group, configs, strict=True):
            on_data[rows[i].key.data_title].append(config)
        apart = [
            key
            for key in keys
            if (key in given and key.startswith(HYPERPARAMETERS))
            or any(len({config.get(key) for config in own}) > 1 for own in on_data.values())
        ]
        differing = sorted(apart, key=lambda key: (not key.startswith("method."), key))
        for i, config in zip(group, configs, strict=True):
            words = [f"{brief(key, differing)}={value(config.get(key))}" for key in differing]
            texts[i] = " ".join(words[:most] + [f"+{len(words[most:])}"] * bool(most and words[most:]))
    return texts


def seeds(numbers: Sequence[int]) -> str:
    """Return the number of seeds and the seeds, as ``5: 0–4`` or ``3: 0–1, 7``."""
    runs = [[n for _, n in run] for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])]
    parts = [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
    return f"{len(numbers)}: {', '.join(parts)}"


def figure(name: str, summary: Summary, of: int, std: bool = False) -> str:
    """Return a number as ``57.0 ± 0.3 (0.2)``: mean, half width of the interval, standard deviation; n if below ``of``.

    Where all seeds give the same number, as closed-form methods do, there is no interval.
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
    """Return the name of a metric as a heading."""
    return name.replace("_", " ")


def _look(of: RowKey, data: str) -> tuple[str, ...]:
    return of.method, data, of.class_embedding, of.correction, of.setting, of.policy, of.protocol


def brief(key: str, among: Sequence[str]) -> str:
    """Return the last part of a dotted key, or the whole key where that part is not unique."""
    word = key.rsplit(".", 1)[-1]
    return word if sum(other.rsplit(".", 1)[-1] == word for other in among) == 1 else key


def value(encoded: str | None) -> str:
    """Return a JSON value without quotes; – where the configuration has no such key."""
    if encoded is None:
        return "–"
    value = json.loads(encoded)
    return value if isinstance(value, str) else encoded
