"""Translation of Hydra's and OmegaConf's errors into one line that names the cause and the cure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from zsl.config.overrides import cure
from zsl.config.tree import PLACES
from zsl.errors import InputError

LINES = (
    (
        r"Environment variable '(\w+)' not found.*full_key: (\S+)",
        "{1}: set the environment variable {0}, or give {1}=…",
    ),
    (r"Missing mandatory value: \S+.*full_key: (\S+)", "{0} is missing; add {0}=…"),
    (r"Error resolving interpolation '\$\{(\w+)\}'", "{0} is missing; add {0}=… (zsl list)"),
    (r"You must specify '([\w/]+)'", "{0} is missing; add {0}=… (zsl list)"),
    (r"Could not delete[^']*'([^']+)'", "~{0}: there is nothing of this name to delete; leave it out"),
    (r"Ambiguous value for argument '([^=']+)=(.*?)'\s*1\.", "{0}={1}: add -m to run each, or [{1}] for one list"),
    (r"Sweep parameters '(.+)' requires --multirun", "{0}: these are several values; add -m to run each"),
    (r"Multiple values for (\S+)\. ", "{0} has a value already; write {0}=… without the +"),
    (r"force-add of config groups is not supported: '\+\+([^=]+)=", "++{0}: is a group; write {0}=… without the ++"),
    (r"An item is already at '([^']+)'", "{0} has a value already; write {0}=… without the +"),
    (r"^(\S+) appears more than once", "{0} is chosen already; write {0}=… without the +"),
    (r"Error merging override (\S+)", "{0}: does not fit what the key holds; zsl train --cfg job shows what it holds"),
)
"""pattern of a library's message, and the message that replaces it"""


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of composing or resolving a configuration into an InputError of one line.

    The block must do nothing else: an error of other code would be reported as a mistake in the configuration.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(explain(error)) from error
    except RecursionError as error:
        raise InputError("a choice from a group chooses itself; name another (zsl list)") from error
    except ValueError as error:
        if not str(error).startswith("Config group override"):
            raise
        raise InputError(f"{str(error).partition('. Got')[0]}; give a name (zsl list)") from error
    except YAMLError as error:
        raise InputError(f"a configuration file is not YAML: {' '.join(str(error).split())}; correct it") from error


def explain(error: BaseException) -> str:
    """Return the one-line message for an error of Hydra or OmegaConf."""
    from hydra.errors import MissingConfigException, OverrideParseException

    text = str(error)
    if not text and error.__cause__ is not None:
        return explain(error.__cause__)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        file = str(error.missing_cfg_file)
        group, _, name = file.rpartition("/")
        if not group or group.startswith("."):
            return f"--config-name={file}: there is no such file in the configuration folder; leave it out"
        return f"{group}={name}: there is no such {group}; {nearest(name, error.options or [])}"
    if isinstance(error, OverrideParseException):
        word = str(error.override)
        return f"{word or repr(word)}: cannot be parsed; {cure(word)}"
    if found := re.search(r"Could not override '([^']+)'", text):
        if found[1] in PLACES:
            return f"{found[1]}: is a part of data; write {PLACES[found[1]]}=NAME"
        if found[1].startswith("sweep.") and found[1].count(".") > 1:
            return f"{found[1]}: an axis of a part is written with +; write +{found[1]}=[…]"
        return f"{found[1]}: there is no such key; {_nearest_key(found[1], error)}"
    for pattern, line in LINES:
        if found := re.search(pattern, text, re.DOTALL):
            return line.format(*found.groups())
    reason = text.partition("\n")[0]
    if found := re.search(r"full_key: (\S+)", text):
        return f"{found[1]}: {reason}; correct what the key refers to"
    return f"{' '.join(text.split())}; see zsl train --help"


def nearest(wrong: str, right: Sequence[str], prefix: str = "") -> str:
    """Return ``did you mean …?`` with the nearest valid name, or a list of the valid names if none is near."""
    close = _close(wrong, right, 0.5)
    if close:
        return f"did you mean {prefix}{close}?"
    return f"choose one of {', '.join(sorted(right)[:12])}" if right else "see zsl train --help"


def _close(wrong: str, right: Sequence[str], cutoff: float) -> str | None:
    return next(iter(difflib.get_close_matches(wrong, right, n=1, cutoff=cutoff)), None)


def _nearest_key(wrong: str, error: BaseException) -> str:
    """Suggest a key: a sibling of the wrong one, one of that name elsewhere, a group, or a key of another choice."""
    from zsl.config.tree import choices

    node = getattr(error.__cause__, "parent_node", None)
    if node is None or wrong.startswith("hydra."):
        return "see zsl train --help" if node is None else "see zsl train --hydra-help"
    every = [key for key in _keys(node._get_root()) if key != "hydra" and not key.endswith("_target_")]
    parent, dot, name = wrong.rpartition(".")
    siblings = [key[len(parent + dot) :] for key in every if key.rpartition(".")[0] == parent]
    siblings += [] if dot else [group for group in choices() if group not in (*siblings, "search", *PLACES)]
    leaves = {key.rpartition(".")[2]: key for key in sorted(every, key=lambda key: -key.count("."))}
    found = _close(name, siblings, 0.7)
    if found:
        return f"did you mean {parent}{dot}{found}?"
    if name in leaves:
        return f"did you mean {leaves[name]}?"
    for group, names in choices().items():
        if not dot and name in names:
            return f"did you mean {group}={name}?"
    if elsewhere := _of_other_choices(name):
        return elsewhere
    if found := _close(name, list(leaves), 0.7):
        return f"did you mean {leaves[found]}?"
    return nearest(name, sorted(siblings), parent + dot) if siblings else nearest(wrong, every)


def _of_other_choices(name: str) -> str | None:
    """Return which other choices of the groups have a key of this name; None if none has."""
    import yaml

    from zsl.config.tree import EXPERIMENTS, choices, files

    found: dict[str, list[str]] = {}
    for group in choices().keys() - {"sweep", EXPERIMENTS}:
        for choice, file in files(group).items():
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            if isinstance(content, dict) and name in content:
                found.setdefault(group, []).append(f"{group}={choice}")
    for group, chosen in sorted(found.items()):
        of = "zsl sweep" if group == "search" else " or ".join(chosen[:5])
        more = " or others" if chosen[5:] else ""
        place = f"{group}.{chosen[0].partition('=')[2]}" if group == "logger" else group
        return f"{place}.{name} is a key of {of}{more}"
    return None


def _keys(node: object, prefix: str = "") -> Iterator[str]:
    from omegaconf import DictConfig

    if isinstance(node, DictConfig) and not node._is_none() and not node._is_missing():
        for key in node:
            yield prefix + str(key)
            if key != "hydra":
                yield from _keys(node._get_node(key), f"{prefix}{key!s}.")
