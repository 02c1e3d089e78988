"""Help of ``zsl train``: every group and key, explained by the comments of ``conf/`` and the docstrings of targets."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from zsl.config.checking import allowed, show
from zsl.config.compose import compose_chosen
from zsl.config.overrides import written
from zsl.config.settings import SearchKeys, Settings
from zsl.config.tree import PLACES, choices, files, tree

WIDTH = 80
KEY = re.compile(
    r"(?P<indent>[ ]*)(?P<item>- (?:optional )?)?(?P<name>\w+):(?:\s(?:.*?\s)??)?(?:\s*# (?P<comment>.*))?"
)
MORE = re.compile(r"\s*# (?P<comment>.*)")
SWEEP = "search"
"""configuration group of ``zsl sweep`` only"""
PARTS = {"- backbone": "encoder of images, for data that are images"}
"""comments of groups that are chosen in files of other groups"""
HEAD = """zsl train: train and evaluate a method, and write result.json

GROUP=NAME chooses from a group (zsl list describes each name):
"""
KEYS = """
KEY=VALUE changes a key of the chosen configuration, whose values are shown; add
-m to run all combinations of lists of values:
"""
SEARCH = """
Keys of zsl sweep only:
"""
TAIL = """
zsl train GROUP=NAME --help shows the keys of that choice, and
zsl train --hydra-help further flags. --config-dir DIR adds choices of your own
from DIR/GROUP/NAME.yaml.
"""


def train_help(overrides: Sequence[str]) -> str:
    """Return the help for the configuration that is composed with these overrides.

    Raises:
        InputError: the configuration cannot be composed.
    """
    from omegaconf import OmegaConf

    cfg, chosen = compose_chosen(overrides, "config")
    content = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(content, dict)
    values: dict[str, Any] = {str(key): value for key, value in content.items()}
    config = tree() / "conf" / "config.yaml"
    commented = PARTS | comments(config)
    for group, choice in chosen.items():
        for name in re.findall(r"[\w-]+", choice):
            commented |= _of_choice(group, name)
    lines = [HEAD.rstrip()]
    for group, names in choices().items():
        if names and group != SWEEP:
            lines += _wrapped(f"{PLACES.get(group, group)}: {commented.get(f'- {group}', '')}".rstrip(": "), 2)
            lines += _wrapped(", ".join(names), 6)
    lines += KEYS.rstrip().split("\n")
    lines += _keys("", values, Settings, commented)
    lines += SEARCH.rstrip().split("\n")
    search = tree() / "conf" / SWEEP / "tpe.yaml"
    of_search = yaml.safe_load(search.read_text(encoding="utf-8"))
    lines += _keys(f"{SWEEP}.", of_search, SearchKeys, _of_choice(SWEEP, "tpe"))
    return "\n".join([*lines, TAIL])


def comments(file: Path, prefix: str = "") -> dict[str, str]:
    """Return dotted key -> its comment, in a YAML file; the comment of a group in a list of defaults as ``- group``."""
    found: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    last = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if last and (more := MORE.fullmatch(line)):
            found[last] += f" {more['comment']}"
            continue
        last = ""
        if key := KEY.fullmatch(line):
            indent = len(key["indent"])
            above = [(at, name) for at, name in above if at < indent]
            last = f"- {key['name']}" if key["item"] else prefix + ".".join([*(n for _, n in above), key["name"]])
            above += [] if key["item"] else [(indent, key["name"])]
            if key["comment"]:
                found[last] = key["comment"]
            else:
                last = ""
    return found


def _of_choice(group: str, name: str) -> dict[str, str]:
    """Return the comments of the file of a choice, and of those that it extends."""
    file = files(group).get(name)
    if file is None:
        return {}
    text = file.read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for base in (yaml.safe_load(text) or {}).get("defaults", ()):
        if isinstance(base, str) and base != "_self_":
            found |= _of_choice(group, base.removesuffix("@_here_"))
    return found | comments(file, "" if "@package _global_" in text else f"{group.replace('/', '.')}.")


def _keys(prefix: str, node: Mapping[str, Any], hint: Any, commented: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of every key below a node: its value, the values that are allowed, and what it is."""
    hints = get_type_hints(hint, include_extras=True) if is_dataclass(hint) else {}
    described = {**documented(str(node.get("_target_"))), **(_docstrings(hint) if hints else {})}
    for name, value in node.items():
        key, below = f"{prefix}{name}", hints.get(name)
        if str(name).startswith("_"):
            continue
        text = commented.get(key) or described.get(name, "")
        if isinstance(value, Mapping) and value:
            yield from _wrapped(f"{key}: {text or value.get('_target_', '')}".rstrip(": "), 2)
            yield from _keys(f"{key}.", value, below, commented)
            continue
        yield from _wrapped(f"{key}={_written(value)}", 2)
        limits = allowed(below) if below is not None else ""
        yield from _wrapped("; ".join(filter(None, (limits, text))), 6)


def documented(target: str) -> dict[str, str]:
    """Return argument -> its description in the docstring of a class or function (:func:`descriptions`), as text."""
    return {name: _plain(text) for name, text in descriptions(target).items()}


@cache
def descriptions(target: str) -> dict[str, str]:
    """Return argument -> its description, with markup, of a class or function, which is parsed, not imported.

    Arguments are described in the section ``Args`` of its docstring, below the fields of a class, in its bases, and
    where its constructor passes them on (``passes_on_to``).
    """
    module, _, name = target.rpartition(".")
    try:
        spec = find_spec(module) if module else None
        source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
        tree_of = ast.parse(source)
    except (ImportError, OSError, ValueError, SyntaxError):
        return {}
    nodes = (node for node in tree_of.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name)
    if (found := next(nodes, None)) is None:
        return {}
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in tree_of.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    inherited: dict[str, str] = {}
    for origin in _origins(found) if isinstance(found, ast.ClassDef) else ():
        place = imported.get(origin, f"{module}.{origin}")
        if place.partition(".")[0] in ("zsl", module.partition(".")[0]):  # to look for others would import them
            inherited |= descriptions(place)
    section = re.search(r"^Args:\n((?:    .*\n?|\n)+)", ast.get_docstring(found) or "", re.MULTILINE)
    entries = re.findall(r"^    (\w+(?:, \w+)*): (.*(?:\n     .*)*)", section[1] if section else "", re.MULTILINE)
    own = {key: text for keys, text in entries for key in keys.split(", ")}
    return {**inherited, **(_fields(found) if isinstance(found, ast.ClassDef) else {}), **own}


def _origins(of: ast.ClassDef) -> Iterator[str]:
    """Yield the names of the bases of a class, the last one first, and of what its constructor passes on to."""
    yield from (base.id for base in reversed(of.bases) if isinstance(base, ast.Name))
    for method in of.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            for decorator in method.decorator_list:
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "passes_on_to":
                    yield from (argument.id for argument in decorator.args if isinstance(argument, ast.Name))


def _plain(text: str) -> str:
    """Return a text of a docstring without line breaks, markup and full stop."""
    return re.sub(r":\w+:`[.~]*(?:\w+\.)*(\w+)`", r"\1", " ".join(text.split())).replace("`", "").removesuffix(".")


def _docstrings(hint: Any) -> dict[str, str]:
    """Return field -> the docstring below it, of a dataclass."""
    body = ast.parse(textwrap.dedent(inspect.getsource(hint))).body[0]
    assert isinstance(body, ast.ClassDef)
    names = {field.name for field in fields(hint)}
    return {name: _plain(text) for name, text in _fields(body).items() if name in names}


def _fields(of: ast.ClassDef) -> dict[str, str]:
    """Return name -> the docstring below it, of the annotated names of a class."""
    found = {}
    for node, after in zip(of.body, of.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            value = after.value if isinstance(after, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[node.target.id] = value.value
    return found


def _written(value: Any) -> str:
    """Return a value as it is written on the command line."""
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str) and "${" not in value and value != "???":
        return written("", value)[1:]
    return show(value)


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4 * (indent == 2)),
        break_long_words=False,
        break_on_hyphens=False,
    )
