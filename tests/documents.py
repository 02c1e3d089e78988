"""Pages of docs/ that follow from the program: methods and command line. ``python -m tests.documents`` writes them."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.configured import METHODS, build, keys, kind, names
from zsl.cli.command_line import _parser, main
from zsl.cli.train_help import descriptions
from zsl.methods.method import Dimensions

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
KEY = r"[^\W\d_][\w-]*?\d{4}[a-z]?"
CITATION = re.compile(rf"\[({KEY}(?:, {KEY})*)\](?![\w(])")
"""one citation key in brackets, or several with commas between"""
NOTE = "<!-- Written by `python -m tests.documents`; a test holds it to what that writes. -->\n"
DERIVED = (None, "auto", "whitened", "derived")
"""values of hyperparameters that the training set fills in"""
FAMILIES = ("attribute", "compatibility", "transfer", "alignment", "few_labels", "generative")
"""folders of zsl/methods with a chapter each, in the order of the page; others follow by name"""


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def link(key: str) -> str:
    """A citation key as a link into the bibliography."""
    return f"[{key}](bibliography.md#{slug(key)})"


def papers(text: str) -> str:
    """The citation keys of a text, as links."""
    return ", ".join(link(key) for found in CITATION.finditer(text) for key in found[1].split(", "))


def setting(name: str) -> str:
    """What a method declares that training may see."""
    return build(name, Dimensions(2, 2, 2, 2)).setting.value


def cited(text: str) -> str:
    """Text with its citation keys as links into the bibliography."""
    return CITATION.sub(lambda found: f"[{papers(found[0])}]", text)


def markdown(text: str) -> str:
    """A docstring's text in one line of Markdown."""
    text = re.sub(r":\w+:`~?\.?(?:[\w.]*\.)?(\w+)`", r"`\1`", " ".join(text.split()))
    return cited(text.replace("``", "`"))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def value(given: Any) -> str:
    """A value as it is written on the command line."""
    if isinstance(given, list):
        return ", ".join(map(value, given))
    if isinstance(given, Mapping):
        return ", ".join(f"{name} {value(item)}" for name, item in given.items())
    return f"`{'null' if given is None else str(given).lower() if isinstance(given, bool) else given}`"


def reproductions() -> tuple[list[str], dict[str, list[list[str]]]]:
    """The header of experiments/REPRODUCTION.md, and method -> its rows there."""
    text = (ROOT / "experiments" / "REPRODUCTION.md").read_text(encoding="utf-8")
    first = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert first is not None
    cells = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in first[0].splitlines()]
    found: dict[str, list[list[str]]] = {}
    experiment = ""
    for row in cells[2:]:
        experiment = row[0] or experiment
        found.setdefault(method_of(experiment), []).append(row)
    return cells[0], found


def method_of(experiment: str) -> str:
    """The method that an experiment chooses, itself or by the experiment that it starts from."""
    content = yaml.safe_load((ROOT / "experiments" / f"{experiment}.yaml").read_text(encoding="utf-8"))
    for entry in content["defaults"]:
        if isinstance(entry, dict) and "override /method" in entry:
            return str(entry["override /method"])
    return next(method_of(entry) for entry in content["defaults"] if isinstance(entry, str) and entry != "_self_")


def variant(name: str) -> str:
    """What the first line of its configuration says of a method that is a variant of another one."""
    first = (ROOT / "conf" / "method" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    return f" Here: {first.strip('# ')}." if first.startswith("#") else ""


def method(name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The section of one method."""
    model, module = kind(name), inspect.getmodule(kind(name))
    assert module is not None
    file = Path(inspect.getfile(model)).relative_to(ROOT)
    yield f"### {name}\n"
    yield markdown((module.__doc__ or "").splitlines()[0]) + cited(variant(name)) + "\n"
    yield f"- setting: {setting(name)}\n- formula and code: [{file.name}](../{file})\n"
    yield "```text\n" + inspect.cleandoc(model.__doc__ or "").split("\n\n")[0] + "\n```\n"
    meanings = {
        **descriptions(f"{model.__module__}.{model.__qualname__}"),
        "head": "makes a classifier of synthetic features",
        "space": "makes the space in which heads learn",
    }
    defaults = {key: item for key, item in keys(name).items() if key != "_target_"}
    chosen = yaml.safe_load((ROOT / "conf" / "method" / f"{name}.yaml").read_text(encoding="utf-8")).get("defaults", [])
    parts = {"head": "softmax", "space": "features"}
    for entry in (entry for entry in chosen if isinstance(entry, dict)):
        parts |= {key.removeprefix("override "): item for key, item in entry.items()}
    taken = inspect.signature(model).parameters
    defaults = {key: item for key, item in parts.items() if key in taken} | defaults
    swept = keys(name, "sweep") if name in names("sweep") else {}
    yield table(
        ("hyperparameter", "default", "values that a search tries", "meaning"),
        [
            (f"`{key}`", value(item), value(swept[key]) if key in swept else "", markdown(meanings.get(key, "")))
            for key, item in defaults.items()
        ],
    )
    derived = [key for key, item in defaults.items() if item in DERIVED and key != "budget"]
    if derived and model.__module__.split(".")[2] == "generative":
        what = "[what follows from the training set, and why](generators.md#what-follows-from-the-training-set)"
        yield f"Left open: {', '.join(f'`{key}`' for key in derived)}; {what}.\n"
    if rows:
        yield "Beside published numbers ([all experiments](../experiments/REPRODUCTION.md)):\n"
        yield table(header, rows)
    else:
        yield "No experiment of this method has been run for [REPRODUCTION](../experiments/REPRODUCTION.md).\n"


def methods_page() -> str:
    """The page of all methods, by family."""
    header, rows = reproductions()
    families: dict[str, list[str]] = {}
    for name in METHODS:
        families.setdefault(kind(name).__module__.split(".")[2], []).append(name)
    order = sorted(families, key=lambda family: (family not in FAMILIES, [*FAMILIES, family].index(family)))
    parts = [
        "# Methods\n",
        NOTE,
        "A method is chosen with `method=NAME`; a hyperparameter is set with `method.KEY=VALUE`. Defaults come from "
        "`conf/method/`, the values that a search tries from `conf/sweep/`, and formulas from docstrings. θ(x) is the "
        "feature vector of an image, φ(y) the embedding of a class ([glossary](glossary.md)). The setting says what "
        "training may see ([concepts](concepts.md#settings)).\n",
        table(
            ("method", "family", "setting", "paper"),
            [
                (
                    f"[{name}](#{slug(name)})",
                    family,
                    build(name, Dimensions(2, 2, 2, 2)).setting.value,
                    papers((sys.modules[kind(name).__module__].__doc__ or "") + variant(name)),
                )
                for family in order
                for name in families[family]
            ],
        ),
    ]
    for family in order:
        package = sys.modules[f"zsl.methods.{family}"].__doc__ or ""
        parts += [f"## {family.replace('_', ' ').capitalize()}\n", markdown(package) + "\n"]
        for name in families[family]:
            parts += method(name, header, rows.get(name, []))
    return "\n".join(parts)


def options(parser: argparse.ArgumentParser) -> list[tuple[str, str]]:
    """The arguments of a command, with what its help says of them."""
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._VersionAction | argparse._SubParsersAction):
            continue
        choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else None
        metavar = action.metavar if isinstance(action.metavar, str) else choices
        words = [*action.option_strings[:1], metavar or action.dest.upper()]
        shown = " ".join(words[:1] if action.option_strings and action.nargs == 0 else words)
        found.append((f"`{shown}`", plain(action.help or "")))
    return found


def plain(text: str) -> str:
    """Text of a help, with nothing in it read as markup."""
    return re.sub(r"([*<\[])", r"\\\1", text.replace("%%", "%")) if "`" not in text else text


def train_help() -> str:
    """What ``zsl train --help`` prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main(["train", "--help"])
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def command_line_page() -> str:
    """The page of all commands."""
    parser = _parser()
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    helps = {choice.dest: choice.help or "" for choice in commands._choices_actions}
    parts = [
        "# Command line\n",
        NOTE,
        "Every command prints this text with `--help`. A command ends with status 0 where it did what was asked, with "
        "2 and one line on standard error where the user made a mistake, and with 130 where it was interrupted.\n",
        table(
            ("command", "purpose"),
            [(f"[zsl {name}](#{slug(f'zsl {name}')})", plain(text)) for name, text in helps.items()],
        ),
    ]
    for name, command in commands.choices.items():
        parts.append(f"## zsl {name}\n")
        if name == "train":
            parts.append(f"```text\n{train_help()}\n```\n")
            continue
        for text in filter(None, (command.description,)):
            parts.append(f"{plain(text)}\n")
        if listed := options(command):
            parts.append(table(("argument", "meaning"), listed))
        if command.epilog:
            parts.append(f"```text\n{command.epilog}\n```\n")
    return "\n".join(parts)


PAGES = {"methods.md": methods_page, "command_line.md": command_line_page}

if __name__ == "__main__":
    for page, written in PAGES.items():
        (DOCS / page).write_text(written(), encoding="utf-8")
        sys.stdout.write(f"docs/{page}: written\n")
