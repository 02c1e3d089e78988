"""Tables as text in Markdown, which a notebook shows as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zsl.files.escaping import markdown


class Table(str):
    """Text in Markdown that a notebook shows as a table."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)


def pipes(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown, without a line break at its end."""
    rows = [[markdown(str(cell)) for cell in line] for line in (header, *lines)]
    rows.insert(1, ["---"] * len(header))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
