"""Reader of ``.wandb`` files: LevelDB logs of protobuf records behind a header of 7 bytes."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK = 32 * 1024
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


class WandbRun:
    """Content of one ``.wandb`` file."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.records, whole = _records(path.read_bytes())
        until = time.monotonic() + 20  # the service of W&B may still be writing when the run is over
        while time.monotonic() < until and not (whole and any(record.HasField("run") for record in self.records)):
            time.sleep(0.1)
            self.records, whole = _records(path.read_bytes())
        (self.run,) = [record.run for record in self.records if record.HasField("run")]
        self.tags = list(self.run.tags)
        self.config: dict[str, Any] = _items(self.run.config.update)
        for record in self.records:
            self.config |= _items(record.config.update)
        self.history = [_items(record.history.item) for record in self.records if record.HasField("history")]
        self.summary: dict[str, Any] = {}
        for record in self.records:
            self.summary |= _items(record.summary.update)
        self.artifacts = {record.artifact.name: record.artifact for record in _artifacts(self.records)}
        self.exit = [record.exit.exit_code for record in self.records if record.HasField("exit")]

    def column(self, name: str) -> list[Any]:
        """Return the values of the history with this name."""
        return [row[name] for row in self.history if name in row]

    def table(self, name: str) -> tuple[list[str], list[list[Any]]]:
        """Return columns and rows of a table."""
        (found,) = self.column(name)
        content = json.loads((self.folder / "files" / found["path"]).read_text())
        return content["columns"], content["data"]


def runs(folder: Path) -> list[WandbRun]:
    """Read all runs below a folder, the oldest first."""
    return [WandbRun(path) for path in sorted(folder.rglob("run-*.wandb"), key=lambda path: path.stat().st_mtime_ns)]


def _records(content: bytes) -> tuple[list[Record], bool]:
    """Return the records that are written, and whether none is written in part."""
    assert content.startswith(b":W&B")
    position, parts, found = 7, b"", []
    while position < len(content):
        left = BLOCK - position % BLOCK
        if left < 7:
            position += left
            continue
        start = position + 7
        if start > len(content):
            return found, False
        _, length, kind = struct.unpack("<IHB", content[position:start])
        position = start + length
        if position > len(content):
            return found, False
        parts += content[start:position]
        if kind in (FULL, LAST):
            found.append(Record.FromString(parts))
            parts = b""
    return found, not parts


def _items(items: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        *above, last = item.nested_key or [item.key]
        place = found
        for key in above:
            place = place.setdefault(key, {})
        place[last] = json.loads(item.value_json)
    return found


def _artifacts(records: Iterable[Any]) -> Iterator[Any]:
    """Return a record, also where it is within a request."""
    for record in records:
        if record.HasField("artifact"):
            yield record
        elif record.HasField("request") and record.request.HasField("log_artifact"):
            yield record.request.log_artifact
