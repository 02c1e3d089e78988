"""``zsl list``: the choices of every configuration group, read from the files of the configuration."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zsl.config.plugins import source
from zsl.config.tree import files
from zsl.errors import printable


def show(title: str, group: str) -> None:
    """Print every choice of one configuration group with its description of one line."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2), show_header=False)
    found = files(group, "**/*.yaml")
    for name, path in found.items():
        table.add_row(Text(printable(name), "bold"), Text(printable(describe(path, found))))
    Console(soft_wrap=True).print(table)


def describe(path: Path, group: Mapping[str, Path]) -> str:
    """Return the leading comment of a configuration file, or else the first docstring line of what the file builds.

    Args:
        path: the file.
        group: name -> file of every choice of its group, one of which it may extend.
    """
    text = path.read_text(encoding="utf-8")
    comments = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#") and "@package" not in line]
    if comments and text.startswith("#"):
        return comments[0]
    target = (yaml.safe_load(text) or {}).get("_target_")
    return docstring(str(target)) if target else _inherited(path, yaml.safe_load(text) or {}, group)


def docstring(target: str) -> str:
    """Return the first docstring line of a function ``package.module.name``, or of its module, without importing it."""
    module, _, name = target.rpartition(".")
    file = source(module) if module else None
    if file is None:
        return ""
    parsed = ast.parse(file.read_text(encoding="utf-8"))
    nodes = [node for node in parsed.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name]
    own = ast.get_docstring(nodes[0]) if nodes and isinstance(nodes[0], ast.FunctionDef) else None
    return (own or ast.get_docstring(parsed) or "").partition("\n")[0]


def _inherited(path: Path, content: dict[str, Any], group: Mapping[str, Path]) -> str:
    bases = [base for base in content.get("defaults", []) if isinstance(base, str) and base != "_self_"]
    parent = path.with_name(f"{bases[0]}.yaml") if bases else path
    parent = parent if parent.is_file() or not bases else group.get(bases[0], path)
    return describe(parent, group) if parent != path and parent.is_file() else ""
