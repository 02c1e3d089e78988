"""Tables with a column of images: Parquet files, and data sets that Hugging Face's ``datasets`` has saved to disk."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar

from zsl.errors import InputError
from zsl.files.regular_file import read_bytes
from zsl.files.source_file import composed

IMAGES = ("image", "img", "images", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes")
LABELS = ("label", "labels", "class", "cls", "fine_label", "category")
NAMES = ("file_name", "filename", "name", "path", "__key__", "id")
"""names of columns, in order of preference"""
OPEN = 2
"""groups of rows in memory at once"""
LARGEST = 2**26
"""the largest number of bytes of a description in JSON"""


class Table(ABC):
    """Images in the columns of files, one file after the other.

    An image is a column of bytes, or of records with ``bytes`` and ``path``. A class is the name that the metadata of
    Hugging Face give to a number, or else the value itself. Names are those of a column, or of the paths, or numbers.

    Raises:
        InputError: pyarrow is not installed, a file is damaged, or has no column of images.
    """

    def __init__(self, files: Iterable[tuple[Path, str]]) -> None:
        self.names: list[str] = []
        self.labels: list[str | None] = []
        self._groups: list[tuple[Path, int, str]] = []
        sizes: list[int] = []
        for path, prefix in files:
            with _explained(path):
                schema, own = self._opened(path)
                image = _column(IMAGES, schema)
                if image is None or not _holds_images(schema.field(image).type):
                    raise InputError(f"{path}: no column of images among {', '.join(schema.names)}; call it image")
                self._groups += [(path, group, image) for group in range(len(own))]
                sizes += own
                self._describe(path, prefix, schema, image, sum(own))
        self._ends = list(accumulate(sizes))
        self._lock = threading.Lock()
        self._recent = lru_cache(OPEN)(lambda group: self._images(*self._groups[group]))

    @abstractmethod
    def _opened(self, path: Path) -> tuple[Any, list[int]]:
        """Return the schema of a file, and the number of rows of each of its groups."""

    @abstractmethod
    def _columns(self, path: Path, names: list[str]) -> Any:
        """Read columns of a file, which may be parts of records."""

    @abstractmethod
    def _images(self, path: Path, group: int, image: str, /) -> Any:
        """Read the column of images of a group of rows."""

    def read(self, number: int) -> bytes:
        """Return the content of an image."""
        group = bisect_right(self._ends, number)
        with self._lock:
            column = self._recent(group)
        value = column[number - (self._ends[group - 1] if group else 0)].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise OSError("its content is not in the table")
        return content

    def _describe(self, path: Path, prefix: str, schema: Any, image: str, count: int) -> None:
        label, name = _column(LABELS, schema), _column(NAMES, schema)
        classes = _class_names(schema, label)
        values = self._columns(path, [label]).column(0).to_pylist() if label else [None] * count
        self.labels += [classes[it] if isinstance(it, int) and it in classes else _text(it) for it in values]
        texts: list[Any] = []
        if name:
            texts = self._columns(path, [name]).column(0).to_pylist()
        elif _has_path(schema.field(image).type):
            texts = [(it or {}).get("path") for it in self._columns(path, [f"{image}.path"]).column(0).to_pylist()]
        if len({str(text) for text in texts if text not in (None, "")}) < count:
            texts = list(range(count))
        self.names += [composed(f"{prefix}{text}") for text in texts]


class Parquet(Table):
    """Images in Parquet files, which are read one group of rows at a time."""

    def __init__(self, files: Sequence[Path]) -> None:
        super().__init__((path, f"{path.name}/" if len(files) > 1 else "") for path in files)

    def _opened(self, path: Path) -> tuple[Any, list[int]]:
        from pyarrow.parquet import ParquetFile

        with ParquetFile(path) as file:
            rows = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
            return file.schema_arrow, rows

    def _columns(self, path: Path, names: list[str]) -> Any:
        from pyarrow.parquet import ParquetFile

        with ParquetFile(path) as file:
            return file.read(names)

    def _images(self, path: Path, group: int, image: str) -> Any:
        from pyarrow.parquet import ParquetFile

        with ParquetFile(path) as file:
            return file.read_row_group(group, [image]).column(0)


class HuggingFace(Table):
    """A data set that ``save_to_disk`` wrote, mapped into memory; of several splits, names begin with the split."""

    FILES: ClassVar = ("dataset_dict.json", "state.json")

    def __init__(self, folder: Path) -> None:
        splits = _json(folder / self.FILES[0]).get("splits", []) if (folder / self.FILES[0]).is_file() else [""]
        super().__init__(self._files(folder, [str(split) for split in splits]))

    def _files(self, folder: Path, splits: Sequence[str]) -> Iterator[tuple[Path, str]]:
        for split in splits:
            place = folder / Path(split).name
            state = _json(place / self.FILES[1])
            if state.get("_indices_files") or state.get("_indices_data_files"):
                raise InputError(f"{place}: its rows are in another order; call flatten_indices() and save it again")
            with _explained(place):
                files = [Path(str(each["filename"])).name for each in state["_data_files"]]
            for file in files:
                parts = (split, file if len(files) > 1 else "")
                yield place / file, "".join(f"{part}/" for part in parts if part)

    def _opened(self, path: Path) -> tuple[Any, list[int]]:
        table = _mapped(path)
        return table.schema, [len(table)]

    def _columns(self, path: Path, names: list[str]) -> Any:
        return _mapped(path).select([name.partition(".")[0] for name in names])

    def _images(self, path: Path, _: int, image: str) -> Any:
        return _mapped(path).column(image)


def _mapped(path: Path) -> Any:
    import pyarrow as pa

    return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_bytes(path, LARGEST))
        if not isinstance(content, dict):
            raise ValueError("holds no object")
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); save the data set again") from error
    return content


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise InputError(f"{path}: needs pyarrow; pip install 'zsl[arrays]'") from error
    except InputError:
        raise
    except Exception as error:  # pyarrow raises exceptions of many types
        raise InputError(f"{path}: cannot be read ({' '.join(str(error).split())[:200]}); write it again") from error


def _column(wanted: Sequence[str], schema: Any) -> str | None:
    return next((name for name in wanted if name in schema.names), None)


def _holds_images(kind: Any) -> bool:
    import pyarrow.types as types

    inner = kind.field("bytes").type if types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind
    return bool(types.is_binary(inner) or types.is_large_binary(inner))


def _has_path(kind: Any) -> bool:
    import pyarrow.types as types

    return bool(types.is_struct(kind) and kind.get_field_index("path") >= 0)


def _class_names(schema: Any, label: str | None) -> dict[int, str]:
    """Return number -> name, as ``datasets`` notes them in the metadata of a schema."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]["names"]
        return dict(enumerate(map(str, noted)))
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}


def _text(value: Any) -> str | None:
    return None if value is None or value == "" or value == -1 else str(value)
