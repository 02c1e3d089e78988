"""Command lines made of overrides read from files, shown for copying into a shell, and therefore checked to be safe."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from zsl.config.hydra_errors import explained
from zsl.config.offered import REFERENCE, TARGET, targets
from zsl.config.tree import choices, roots
from zsl.errors import InputError
from zsl.files.checks import show
from zsl.files.redaction import WITHHELD

HARMLESS = re.compile(r"\$\{(started:[^${}]*|oc\.env:(?P<variable>\w+)(,[^${}]*)?|[\w.]+)\}")
"""interpolations of other keys, of the time, and of environment variables"""
NAME = re.compile(r"[\w-]+")
FOREIGN, COMPUTED = "names what zsl does not offer", "computes something or reads a secret"
SECRET = re.compile("key|token|secret|passw|credential", re.IGNORECASE)


def command(program: Sequence[str], overrides: Sequence[str], own: Sequence[str] = ()) -> str:
    """Return the command line, quoted for a shell; if an override is unsafe, the reason why there is none.

    Args:
        program: program and subcommand.
        overrides: overrides read from a file.
        own: overrides that do not come from a file, and that are not checked.
    """
    for override in overrides:
        if why := unsafe_reason(override):
            return f"(no command: {show(override)} {why})"
    return shlex.join([*program, *overrides, *own])


def unsafe_reason(override: str) -> str:
    """Return why an override read from a file is unsafe to run; an empty string if it is safe.

    Unsafe are flags and other words that are no override, Hydra's own settings, a choice that is a path, a ``_target_``
    that neither ``conf/`` nor a plug-in has, and interpolations that compute a value or read a secret from the
    environment.
    """
    return _unsafe_reason(override, roots())


@lru_cache(maxsize=4096)
def _unsafe_reason(override: str, _roots: tuple[Path, ...]) -> str:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    try:
        with explained():
            parsed = OverridesParser.create().parse_override(override.replace(WITHHELD, "withheld"))
    except InputError:
        return "is no override"
    key, value = parsed.key_or_group, parsed.value()
    if not override.isprintable() or parsed.is_sweep_override():
        return "is no override of one run"
    if parsed.package is not None or re.split("[./]", key)[0] == "hydra":
        return "changes how zsl is started"
    if ("/" in key or key in choices()) and not all(map(NAME.fullmatch, _texts(value))):
        return "chooses what is no name"
    for name, item in _items(key, value):
        own = [part for part in name.split(".") if part.startswith("_")]
        if own and not (own == [TARGET] and name.endswith(f".{TARGET}") and item in targets()):
            return FOREIGN
        if isinstance(item, str) and REFERENCE in HARMLESS.sub(_secret, item):
            return COMPUTED
    return ""


def _texts(value: Any) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else map(str, value) if isinstance(value, list) else ()


def _items(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of everything that an override sets; None as the value of a mapping or list itself."""
    yield key, None if isinstance(value, Mapping | list) else value
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _items(f"{key}.{name}", item)
    if isinstance(value, list):
        for item in value:
            yield from _items(key, item)


def _secret(found: re.Match[str]) -> str:
    return found[0] if SECRET.search(found["variable"] or "") else ""
