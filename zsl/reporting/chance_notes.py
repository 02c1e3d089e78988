"""Notes below a table on numbers that are no more than chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from zsl.outputs.schema import DAGGER
from zsl.reporting.table import Row

MARK = " (chance)"
"""behind a number that is no more than chance"""


def explained(rows: Sequence[Row], columns: Sequence[str]) -> Iterator[str]:
    """Notes: chance of each data set, and what the mark means where there is one."""
    shown = [name for name in ("T1", "u", "s") if any(column.rstrip(DAGGER) == name for column in columns)]
    data: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        known = {name: f"{row.chance[name]:.1f}" for name in shown if name in row.chance}
        said = ", ".join(f"{name} {level}" for name, level in known.items())
        if said and row.key.data_title not in data[said]:
            data[said].append(row.key.data_title)
    if data:
        said_of = (f"{said} ({', '.join(of)})" for said, of in data.items())
        yield f"chance, the accuracy of a guess: {'; '.join(said_of)}"
    if any(name in row.at_chance for row in rows for name in columns):
        yield (
            f"{MARK.strip()}: no more than chance: within the 95 % interval of what guesses, or the same answers with "
            "descriptions assigned to classes at random, reach; or the interval over seeds reaches down to a guess; H "
            "where u or s is"
        )
