"""What was read last stays at hand for the next job of the same process, as long as its files have not changed."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")
NO_SOURCE = frozenset({"_target_", "cache", "name"})
"""keys that name no file which is read; what lies in a cache follows from other files"""


class Recent(Generic[T]):
    """The last ``most`` things that were made, by the configuration and the files that they were made from."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._made: OrderedDict[str, T] = OrderedDict()

    def get(self, nodes: Mapping[str, Any], make: Callable[[], T]) -> T:
        """What ``make`` made for these nodes of a configuration, or makes now where none is at hand."""
        key = json.dumps([nodes, *sorted(set(_stamps(nodes, _root(nodes))))], default=str)
        if key not in self._made:
            made = make()
            self._made[key] = made
        self._made.move_to_end(key)
        while len(self._made) > self.most:
            self._made.popitem(last=False)
        return self._made[key]


def _root(nodes: Mapping[str, Any]) -> Path:
    """What other places may be given relative to."""
    return Path(str(nodes.get("data", {}).get("root", ".")))


def _stamps(node: Any, root: Path) -> Iterator[tuple[str, int, int]]:
    """Path, size and time of change of every file that a value below ``node`` names, or that is in a folder it does."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key not in NO_SOURCE:
                yield from _stamps(value, root)
    elif isinstance(node, list):
        for value in node:
            yield from _stamps(value, root)
    elif isinstance(node, str):
        for place in (Path(node).expanduser(), root.expanduser() / node):
            yield from _files(place)


def _files(place: Path) -> Iterator[tuple[str, int, int]]:
    try:
        if place.is_dir():
            for folder, _, names in os.walk(place):
                yield from (_stamp(Path(folder, name)) for name in names)
        elif place.is_file():
            yield _stamp(place)
    except (OSError, ValueError):
        return


def _stamp(path: Path) -> tuple[str, int, int]:
    stat = path.stat()
    return str(path), stat.st_size, stat.st_mtime_ns
