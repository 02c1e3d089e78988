"""What Hydra and OmegaConf raise for a user's mistake, in one line that names the cause and the cure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from zsl.errors import InputError
from zsl.overrides import cure

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
    (r"Error merging override (\S+)", "{0}: does not fit what the key holds; zsl train --cfg job shows what it holds"),
)
"""what the libraries say, by pattern, and what is said instead"""


@contextmanager
def explained() -> Iterator[None]:
    """Turn what is raised while a configuration is composed or resolved into an InputError of one line.

    Around nothing else: whatever goes wrong later is not the configuration's fault.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(explain(error)) from error
    except YAMLError as error:
        raise InputError(f"a configuration file is not YAML: {' '.join(str(error).split())}; correct it") from error


def explain(error: BaseException) -> str:
    """The line for an error of Hydra or OmegaConf."""
    from hydra.errors import MissingConfigException, OverrideParseException

    text = str(error)
    if not text and error.__cause__ is not None:
        return explain(error.__cause__)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        return f"{group}={name}: there is no such {group or 'config'}; {nearest(name, error.options or [])}"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be parsed; {cure(str(error.override))}"
    if found := re.search(r"Could not override '([^']+)'", text):
        return f"{found[1]}: there is no such key; {_nearest_key(found[1], error)}"
    for pattern, line in LINES:
        if found := re.search(pattern, text, re.DOTALL):
            return line.format(*found.groups())
    reason = text.partition("\n")[0]
    if found := re.search(r"full_key: (\S+)", text):
        return f"{found[1]}: {reason}; correct what the key refers to"
    return f"{' '.join(text.split())}; see zsl train --help"


def nearest(wrong: str, right: Sequence[str], prefix: str = "") -> str:
    """``did you mean …?``, or else the choices there are."""
    close = difflib.get_close_matches(wrong, right, n=1, cutoff=0.5)
    if close:
        return f"did you mean {prefix}{close[0]}?"
    return f"choose one of {', '.join(sorted(right)[:12])}" if right else "see zsl train --help"


def _nearest_key(wrong: str, error: BaseException) -> str:
    """A key of the configuration that was being composed: beside the wrong one, of the same name, or like it."""
    node = getattr(error.__cause__, "parent_node", None)
    if node is None:
        return "see zsl train --help"
    every = [key for key in _keys(node._get_root()) if key != "hydra"]
    parent, dot, name = wrong.rpartition(".")
    beside = [key[len(parent + dot) :] for key in every if key.rpartition(".")[0] == parent]
    if difflib.get_close_matches(name, beside, n=1, cutoff=0.5):
        return nearest(name, beside, parent + dot)
    same = [key for key in every if key.rpartition(".")[2] == name]
    return f"did you mean {same[0]}?" if same else nearest(wrong, every)


def _keys(node: object, prefix: str = "") -> Iterator[str]:
    from omegaconf import DictConfig

    if isinstance(node, DictConfig) and not node._is_none() and not node._is_missing():
        for key in node:
            yield prefix + str(key)
            if key != "hydra":
                yield from _keys(node._get_node(key), f"{prefix}{key!s}.")
