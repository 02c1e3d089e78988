"""Tables with a heading: text with separators (``.csv``, ``.tsv``, ``.txt``) and Parquet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.files.claimed_size import beyond
from zsl.files.source_file import read_text

TEXTS = (".csv", ".tsv", ".txt")
"""suffixes of tables in text format"""
TABLES = (*TEXTS, ".parquet")
SEPARATORS = ",;\t|"
_NUMBER = re.compile(r"\s*[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?\s*")


@dataclass(frozen=True)
class Table:
    """Columns of a table, read on access as numbers or as text."""

    place: str
    """purpose and path of the file, for messages"""
    heading: tuple[str, ...]
    rows: int
    _texts: Callable[[str], list[str]]
    _numbers: Callable[[str], Float64[Array, " rows"] | Float64[Array, "rows k"]]

    def texts(self, column: str) -> list[str]:
        """Read a column as text.

        Raises:
            InputError: the column contains values that are neither text nor whole numbers.
        """
        return self._texts(column)

    def numbers(self, columns: list[str]) -> Float64[Array, "rows k"]:
        """Read columns as a float64 matrix; a column of lists of m numbers becomes m columns.

        Raises:
            InputError: a cell is not a number, or lists of one column differ in length.
        """
        if not columns or not self.rows:
            raise InputError(f"{self.place}: holds no numbers; give a heading, and below it one line per row")
        return np.column_stack([self._numbers(column) for column in columns])

    def rest(self, *apart: str) -> list[str]:
        """Return all headings but some, as columns of numbers.

        Raises:
            InputError: a column has no heading, or is an index of pandas, whose numbers are those of the rows, or all
                headings are numbers, and not whole ones alone: the first line is a row.
        """
        kept = [name for name in self.heading if name not in apart]
        if kept and all(map(_NUMBER.fullmatch, kept)) and not all(name.strip().isdecimal() for name in kept):
            raise InputError(f"{self.place}: the first line holds numbers; begin with a line of column names")
        for name in kept:
            if not name.strip() or name.startswith("__index_level_"):
                raise InputError(
                    f"{self.place}: column {name!r} looks like numbers of rows; save the table with index=False, or "
                    "give the column a name"
                )
        return kept

    def column(self, wanted: tuple[str, ...]) -> str | None:
        """Return the first heading that is one of ``wanted`` in any case, or None."""
        return next((name for name in self.heading if name.strip().lower() in wanted), None)


def read_table(path: Path, what: str) -> Table:
    """Open a table by its suffix, one of `TABLES`.

    In text formats the separator is a comma, semicolon, tab or bar; with any separator but the comma, numbers may have
    a decimal comma. The encoding is UTF-8, or UTF-16 with a byte order mark.

    Raises:
        InputError: the file is not a table, has no heading or the same heading twice, a row is too short or too long,
            or pyarrow, which Parquet needs, is not installed.
    """
    place = f"{what} {path}"
    table = _parquet(path, place) if path.suffix.lower() == ".parquet" else _text(path, what, place)
    if not table.heading:
        raise InputError(f"{place}: no heading; begin with one line of column names")
    for i, name in enumerate(table.heading):
        if name in table.heading[:i]:
            raise InputError(f"{place}: two columns are called {name!r}; rename one")
    return table


def parse(text: str) -> tuple[list[str], list[list[str]], str]:
    """Split CSV text into heading, lines, and separator.

    The separator is the one named in Excel's first line ``sep=…``, or else the one that gives the heading most columns.

    Raises:
        csv.Error: the text is not CSV.
    """
    named = re.match(r"sep=(.)\r?\n", text)
    body = text[named.end() :] if named else text
    first = next((line for line in body.splitlines() if line.strip()), "")
    columns = {mark: len(next(csv.reader([first], delimiter=mark), [])) for mark in SEPARATORS}
    separator = named[1] if named else max(columns, key=columns.__getitem__)
    lines = [line for line in csv.reader(io.StringIO(body, newline=""), delimiter=separator) if any(line)]
    return (lines[0] if lines else []), lines[1:], separator


def real_number(cell: str, separator: str) -> float:
    """Return the number in a cell, which may have a decimal comma unless commas separate cells.

    Raises:
        ValueError: it is no number.
    """
    if "_" in cell:  # Python reads 1_5 as 15
        raise ValueError(f"could not convert string to float: {cell!r}")
    return float(cell if separator == "," else cell.replace(",", "."))


def _text(path: Path, what: str, place: str) -> Table:
    try:
        heading, lines, separator = parse(read_text(path, what, "save it as CSV in UTF-8"))
    except csv.Error as error:
        raise InputError(f"{place}: not a CSV file ({error}); save it as CSV in UTF-8") from error
    for number, line in enumerate(lines, 1):
        if len(line) != len(heading):
            raise InputError(
                f"{place}: row {number} has {len(line)} cells, the heading has {len(heading)}; the first line must be "
                "a heading, and all others as long"
            )
    position = {name: i for i, name in enumerate(heading)}

    def texts(column: str) -> list[str]:
        return [line[position[column]] for line in lines]

    def numbers(column: str) -> Float64[Array, " rows"]:
        try:
            return np.array([real_number(cell, separator) for cell in texts(column)], dtype=np.float64)
        except ValueError as error:
            raise InputError(f"{place}: column {column!r}: {error}; give numbers") from error

    return Table(place, tuple(heading), len(lines), texts, numbers)


def _parquet(path: Path, place: str) -> Table:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(f"{place}: pyarrow is not installed; pip install 'zsl[arrays]'") from error
    try:
        with parquet.ParquetFile(path) as file:
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            # run-length encoded values take no space on disk, so only the machine's memory bounds the claimed size
            claimed = max(sum(max(group.total_byte_size, 0) for group in groups), 4 * file.metadata.num_rows)
            if beyond(claimed, claimed):
                raise InputError(f"{place}: claims {claimed:,} bytes, more than fits into memory; copy it again")
            heading, rows = tuple(map(str, file.schema_arrow.names)), int(file.metadata.num_rows)
    except InputError:
        raise
    except Exception as error:  # pyarrow raises exceptions of many types for a damaged file
        raise InputError(f"{place}: not a Parquet file ({_reason(error)}); write it again") from error

    def column(name: str) -> Any:
        try:
            found = parquet.ParquetFile(path).read([name])[name].combine_chunks()
        except Exception as error:
            raise InputError(f"{place}: column {name!r} cannot be read ({_reason(error)}); write it again") from error
        if found.null_count:
            raise InputError(f"{place}: column {name!r} has empty cells; fill them in")
        return found

    def texts(name: str) -> list[str]:
        found = column(name)
        kind = found.type.value_type if pa.types.is_dictionary(found.type) else found.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
            raise InputError(f"{place}: column {name!r} holds {kind}, not text; save names as text")
        return [str(value) for value in found.to_pylist()]

    def numbers(name: str) -> Float64[Array, "rows ..."]:
        found = column(name)
        kind = found.type
        shape: tuple[int, ...] = (len(found),)
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            lengths = {len(value) for value in found}
            if len(lengths) != 1:
                raise InputError(
                    f"{place}: the lists of column {name!r} differ in length; give as many numbers per row"
                )
            found, kind, shape = found.flatten(), kind.value_type, (len(found), *lengths)
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            raise InputError(f"{place}: column {name!r} holds {kind}, not numbers; leave it out, or give numbers")
        if found.null_count:
            raise InputError(f"{place}: column {name!r} has empty cells; fill them in")
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.float64).reshape(shape)

    return Table(place, heading, rows, texts, numbers)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
