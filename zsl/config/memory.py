"""In-memory cache of recently loaded data for the next job of a process, valid until one of its files changes."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import islice
from typing import Any, Generic, TypeVar
from uuid import uuid4

T = TypeVar("T")
MOST_FILES = 50_000
"""most files whose state is read: ``data.root=/`` must be refused for its missing files without reading a whole disk"""
NO_SOURCE = frozenset({"_target_", "cache", "name"})
"""keys that name no source file; the content of a cache follows from other files"""


class RecentlyUsed(Generic[T]):
    """Cache of the ``most`` most recently used values."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._made: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T], good: Callable[[T], bool] = lambda _: True) -> T:
        """Return the cached value of a key if it is still ``good``; else make it and cache it."""
        if key not in self._made or not good(self._made[key]):
            self._made[key] = make()
        self._made.move_to_end(key)
        while len(self._made) > self.most:
            self._made.popitem(last=False)
        return self._made[key]


def file_state_key(nodes: Mapping[str, Any]) -> str:
    """Return a cache key made of nodes of a configuration and of the state of every file that they name.

    Two keys are equal only if the nodes are equal and no file has changed. Nodes that name more than :data:`MOST_FILES`
    files get a unique key, so that their data are never cached.
    """
    states = list(islice(_file_states(nodes, _root(nodes)), MOST_FILES + 1))
    return uuid4().hex if len(states) > MOST_FILES else json.dumps([nodes, *sorted(set(states))], default=str)


def _root(nodes: Mapping[str, Any]) -> str:
    """Return the folder that other paths may be relative to."""
    return str(nodes.get("data", {}).get("root", ""))


def _file_states(node: Any, root: str) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield the state of every file that a value below ``node`` names, or that lies in a folder which one names."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key not in NO_SOURCE:
                yield from _file_states(value, root)
    elif isinstance(node, list):
        for value in node:
            yield from _file_states(value, root)
    elif isinstance(node, str) and "\0" not in node:
        for place in {node, os.path.join(root, node)}:  # noqa: PTH118  # not every text is a path
            yield from _files(os.path.expanduser(place), set())  # noqa: PTH111


def _files(place: str, visited: set[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield the state of a file, or of all files in a folder; links to folders are followed once."""
    if os.path.isfile(place):  # noqa: PTH113
        yield _file_state(place)
    for folder, folders, names in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        yield from (_file_state(os.path.join(folder, name)) for name in names)  # noqa: PTH118


def _file_state(path: str) -> tuple[str, int, int, int, int]:
    """Return path, size, inode, modification time and status-change time (in ns) of a file.

    The status-change time reveals a file that was replaced or rewritten and whose modification time was set back.
    """
    try:
        stat = os.stat(path)  # noqa: PTH116
    except OSError:
        return path, -1, -1, -1, -1
    return path, stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns
