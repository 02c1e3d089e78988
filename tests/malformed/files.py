"""All malformed files of data, by a generator of each kind; the same ones in every process, for they are seeded."""

from __future__ import annotations

from collections.abc import Iterator

from tests.malformed import array_files, arrays, entries, matlab_files, names, pictures, tables
from tests.malformed.law import Case


def cases() -> Iterator[Case]:
    """Every case once."""
    for kind in (arrays, array_files, matlab_files, names, tables, pictures, entries):
        yield from kind.cases()
