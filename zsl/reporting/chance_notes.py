"""Notes below a table on chance levels and on numbers that are not above chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from zsl.outputs.schema import DAGGER
from zsl.reporting.table import Row

MARK = " (chance)"
"""suffix of a number that is not above chance"""


def chance_notes(rows: Sequence[Row], columns: Sequence[str]) -> Iterator[str]:
    """Yield the chance levels of each data set, and the meaning of the mark where a number has it."""
    shown = [name for name in ("T1", "u", "s") if any(column.rstrip(DAGGER) == name for column in columns)]
    data: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        known = {name: f"{row.chance[name]:.1f}" for name in shown if name in row.chance}
        levels = ", ".join(f"{name} {level}" for name, level in known.items())
        if levels and row.key.data_title not in data[levels]:
            data[levels].append(row.key.data_title)
    if data:
        parts = (f"{levels} ({', '.join(titles)})" for levels, titles in data.items())
        yield f"chance level in percent: {'; '.join(parts)}"
    if any(name in row.at_chance for row in rows for name in columns):
        yield (
            f"{MARK.strip()}: not above chance: the mean lies within the 95 % interval of random guesses, or of the "
            "same predictions with class embeddings permuted at random, or the interval over seeds reaches down to "
            "the chance level; H is marked where u or s is"
        )
