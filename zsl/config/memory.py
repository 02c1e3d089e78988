"""What was read last stays at hand for the next job of the same process, as long as its files have not changed."""

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
"""whose state is looked at, so that ``data.root=/`` is refused at once for what is not there"""
NO_SOURCE = frozenset({"_target_", "cache", "name"})
"""keys that name no file which is read; what lies in a cache follows from other files"""


class Recent(Generic[T]):
    """The last ``most`` things that were made."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._made: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T], good: Callable[[T], bool] = lambda _: True) -> T:
        """What was made for this key, if it is at hand and still ``good``, or is made now."""
        if key not in self._made or not good(self._made[key]):
            self._made[key] = make()
        self._made.move_to_end(key)
        while len(self._made) > self.most:
            self._made.popitem(last=False)
        return self._made[key]


def stamped(nodes: Mapping[str, Any]) -> str:
    """These nodes of a configuration and the state of every file that they name: equal where the same is read, and
    never equal where they name more than :data:`MOST_FILES`, of which the first job would look at each in vain.
    """
    stamps = list(islice(_stamps(nodes, _root(nodes)), MOST_FILES + 1))
    return uuid4().hex if len(stamps) > MOST_FILES else json.dumps([nodes, *sorted(set(stamps))], default=str)


def _root(nodes: Mapping[str, Any]) -> str:
    """What other places may be given relative to."""
    return str(nodes.get("data", {}).get("root", ""))


def _stamps(node: Any, root: str) -> Iterator[tuple[str, int, int, int, int]]:
    """The stamp of every file that a value below ``node`` names, or that is in a folder it does."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key not in NO_SOURCE:
                yield from _stamps(value, root)
    elif isinstance(node, list):
        for value in node:
            yield from _stamps(value, root)
    elif isinstance(node, str) and "\0" not in node:
        for place in {node, os.path.join(root, node)}:  # noqa: PTH118  # as text: not every text is a path
            yield from _files(os.path.expanduser(place), set())  # noqa: PTH111


def _files(place: str, visited: set[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """All files in a folder, links to folders followed once; or the file itself."""
    if os.path.isfile(place):  # noqa: PTH113
        yield _stamp(place)
    for folder, folders, names in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        yield from (_stamp(os.path.join(folder, name)) for name in names)  # noqa: PTH118


def _stamp(path: str) -> tuple[str, int, int, int, int]:
    """Path, size, inode, and times of modification and of status change: those of another file, or of a rewritten one,
    differ even where somebody has set back the former.
    """
    try:
        stat = os.stat(path)  # noqa: PTH116
    except OSError:
        return path, -1, -1, -1, -1
    return path, stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns
