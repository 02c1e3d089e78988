"""Text of the hyperparameters that selection chose for a row, over its seeds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from zsl.reporting.table import Row
from zsl.reporting.wording import brief


def chosen(row: Row) -> str:
    """Return what was chosen, as ``gamma=1 lamb=0.1 epochs=12``; empty where nothing was.

    Where seeds chose different values, a number stands as its range with the value that most seeds chose, as
    ``lr=0.1…1 (2 of 3: 0.1)``, and anything else as the most frequent value, as ``head=softmax (2 of 3)``.
    """
    keys = list(dict.fromkeys(key for one in row.chosen for key in one))
    return " ".join(f"{brief(key, keys)}={_over_seeds([one[key] for one in row.chosen if key in one])}" for key in keys)


def _over_seeds(values: Sequence[Any]) -> str:
    counts = Counter(map(_text, values))
    word, count = min(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    if count == len(values):
        return word
    often = f"{count} of {len(values)}"
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return f"{_text(min(values))}…{_text(max(values))}" + f" ({often}: {word})" * (count > 1)
    return f"{word} ({often})"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
