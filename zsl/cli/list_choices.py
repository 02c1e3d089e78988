"""``zsl list``: the choices of every configuration group, read from the files of the configuration."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

import zsl
from zsl.config.tree import tree
from zsl.errors import printable


def show(title: str, group: str) -> None:
    """Print every choice of one configuration group with its description of one line."""
    root = tree()
    folder = root / group if group == "experiments" else root / "conf" / group
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2), show_header=False)
    for path in sorted(folder.rglob("*.yaml")):
        name = str(path.relative_to(folder).with_suffix(""))
        table.add_row(Text(printable(name), "bold"), Text(printable(describe(path))))
    Console(soft_wrap=True).print(table)


def describe(path: Path) -> str:
    """Return the leading comment of a configuration file, or else the first docstring line of what the file builds."""
    text = path.read_text(encoding="utf-8")
    comments = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#") and "@package" not in line]
    if comments and text.startswith("#"):
        return comments[0]
    target = (yaml.safe_load(text) or {}).get("_target_")
    return docstring(str(target)) if target else _inherited(path, yaml.safe_load(text) or {})


def docstring(target: str) -> str:
    """Return the first docstring line of a function ``package.module.name``, or of its module, without importing it."""
    module, _, name = target.rpartition(".")
    file = Path(zsl.__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
    if not file.is_file():
        return ""
    parsed = ast.parse(file.read_text(encoding="utf-8"))
    nodes = [node for node in parsed.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name]
    own = ast.get_docstring(nodes[0]) if nodes and isinstance(nodes[0], ast.FunctionDef) else None
    return (own or ast.get_docstring(parsed) or "").partition("\n")[0]


def _inherited(path: Path, content: dict[str, Any]) -> str:
    bases = [base for base in content.get("defaults", []) if isinstance(base, str) and base != "_self_"]
    parent = path.with_name(f"{bases[0]}.yaml") if bases else path
    return describe(parent) if parent != path and parent.is_file() else ""
