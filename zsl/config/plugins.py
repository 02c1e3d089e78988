"""Plug-ins: folders of configuration files beside ``conf/``, of installed distributions and named on the command line.

A distribution is a plug-in if it has an entry point of the group ``zsl.plugins`` whose value is a package; the folder
``conf/`` in the package is laid out like that of zsl. The package is located, not imported: Python imports it when
something that its files name is built.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from zsl.errors import InputError

GROUP, CONF, FLAG = "zsl.plugins", "conf", "--config-dir"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plugin:
    """An installed distribution with choices of its own."""

    distribution: str
    version: str
    folders: tuple[Path, ...]
    """``conf/`` of its package, once for each place where a namespace package lies"""


@cache
def _installed(_path: tuple[str, ...]) -> tuple[Plugin, ...]:
    from importlib.metadata import entry_points

    found = []
    for point in sorted(entry_points(group=GROUP)):
        places = [place / CONF for place in package(point.value)]
        folders = tuple(place for place in places if place.is_dir())
        if folders and point.dist is not None:
            found.append(Plugin(point.dist.name, point.dist.version, folders))
        else:
            log.warning("plug-in %s: there is no package %s with a folder %s/", point.name, point.value, CONF)
    return tuple(found)


def installed() -> tuple[Plugin, ...]:
    """Return the installed plug-ins in the order of their names; warn once of one that has no folder ``conf/``."""
    return _installed(tuple(sys.path))


_named: list[Path] = []


@contextmanager
def named(folder: str | Path | None) -> Iterator[None]:
    """Use the choices of a folder that the user has named, while the block runs; none is named by None.

    Raises:
        InputError: there is no such folder.
    """
    if folder is None:
        yield
        return
    place = Path(folder).expanduser().absolute()
    if not place.is_dir():
        raise InputError(f"{FLAG} {folder}: there is no such folder; correct the path")
    _named.append(place)
    try:
        yield
    finally:
        _named.pop()


def named_folder() -> str | None:
    """Return the absolute path of the folder that the user has named, or None."""
    return str(_named[-1]) if _named else None


def flags() -> list[str]:
    """Return the words of a command line that name the same folder as this one."""
    return [FLAG, str(_named[-1])] if _named else []


def folders() -> tuple[Path, ...]:
    """Return the folders of all plug-ins: installed ones, then the one that the user has named."""
    return (*(folder for plugin in installed() for folder in plugin.folders), *_named[-1:])


def versions() -> dict[str, str]:
    """Return distribution -> version of every installed plug-in."""
    return {plugin.distribution: plugin.version for plugin in installed()}


def package(name: str) -> list[Path]:
    """Return the folders of a package, located without importing it; an empty list if there are none."""
    top, *below = name.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return []
    return [Path(place, *below) for place in (spec.submodule_search_locations or () if spec else ())]


def source(module: str) -> Path | None:
    """Return the file of a module, located without importing it; None if there is none."""
    top, *below = module.split(".")
    if below:
        places = [place.with_name(f"{place.name}.py") for place in package(module)]
        places += [place / "__init__.py" for place in package(module)]
    else:
        try:
            spec = find_spec(top)
        except (ImportError, ValueError):
            return None
        places = [Path(spec.origin)] if spec and spec.origin else []
    return next((place for place in places if place.suffix == ".py" and place.is_file()), None)
