"""Text as each format shows it literally: nothing that a result holds is obeyed by what displays it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from zsl.errors import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""what begins a formula in a spreadsheet, in half and full width"""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MARKDOWN = re.compile(
    r"[\\|*<`~$]"  # escapes, cells, emphasis, HTML and autolinks, code, strikethrough, mathematics
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis
    r"|\](?=[(\[:])"  # links, images and definitions of links
    r"|&(?=#?\w+;)"  # entities
    r"|:(?=//)|(?<=\b[wW]{3})\.|(?<=[\w.+-])@(?=[\w.-]+\.\w)"  # addresses that become links by themselves
)
_BLOCK = re.compile(r"[>#+=-]|\[(?=[ xX]\])|(?<=\d)[.)](?=\s|$)")
"""at the beginning of a line a quotation, heading, list or task; after a number a list"""
_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{character: f"{{{character}}}" for character in "[]*"},
    "†": r"\dag{}",
    "±": r"$\pm$",
    "φ": r"$\phi$",
    "θ": r"$\theta$",
    "γ": r"$\gamma$",
    "λ": r"$\lambda$",
    "→": r"$\rightarrow$",
    "≥": r"$\geq$",
    "×": r"$\times$",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
_NO_CHARACTER = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")
"""of no character, and not allowed in XML"""


def lines(text: str) -> str:
    """Replace control characters by their escapes, as `printable` does, but for ends of lines."""
    return "\n".join(map(printable, text.split("\n")))


def markdown(text: str) -> str:
    """Escape text for a place within a line of Markdown, such as a cell of a table."""
    return _MARKDOWN.sub(r"\\\g<0>", printable(text))


def markdown_line(text: str) -> str:
    """Escape text that begins a block of Markdown: a heading or an item of a list."""
    shown = markdown(text).strip()
    number = re.match(r"\d*", shown)
    assert number is not None
    found = _BLOCK.match(shown, number.end())
    if found and (number[0] == "" or found[0] in ".)"):
        shown = f"{shown[: found.start()]}\\{shown[found.start() :]}"
    return re.sub(r"#(?=#*$)", r"\#", shown)


def latex(text: str) -> str:
    """Replace what LaTeX reads as a command by what prints it."""
    return "".join(_TEX.get(character, character) for character in printable(text))


def csv_cell(value: object) -> object:
    """Begin text that a spreadsheet would evaluate with an apostrophe; numbers, and text that is one, stay."""
    if not isinstance(value, str):
        return value
    if value.lstrip(" ").startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        value = f"'{value}"
    return printable(value)


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV, every cell as `csv_cell` has it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([csv_cell(value) for value in row] for row in rows)
    return text.getvalue()


def plotly(text: object) -> str:
    """Escape text for Plotly, which reads some HTML in names and labels and ``%{…}`` in what it shows on hovering."""
    shown = printable(str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return shown.replace("%{", "&#37;{")


def drawn(text: str) -> str:
    """Replace what an image file cannot hold; that ``$…$`` is no formula is set for the whole figure."""
    return _NO_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", lines(text))
