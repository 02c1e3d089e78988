"""Escaping of text for each output format, so that text from results is displayed literally and never interpreted."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from zsl.errors import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""characters that begin a formula in a spreadsheet, in half and full width"""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MARKDOWN = re.compile(
    r"[\\|*<`~$]"  # escapes, cells, emphasis, HTML and autolinks, code, strikethrough, mathematics
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis
    r"|\](?=[(\[:])"  # links, images and definitions of links
    r"|&(?=#?\w+;)"  # entities
    r"|:(?=//)|(?<=\b[wW]{3})\.|(?<=[\w.+-])@(?=[\w.-]+\.\w)"  # addresses that become links by themselves
)
_BLOCK = re.compile(r"[>#+=-]|\[(?=[ xX]\])|(?<=\d)[.)](?=\s|$)")
"""marks at the beginning of a line that make it a quotation, heading, list or task; after a number, a list"""
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
"""code points that are not characters and not allowed in XML"""


def lines(text: str) -> str:
    """Replace control characters other than line breaks by their escapes, as `printable` does."""
    return "\n".join(map(printable, text.split("\n")))


def markdown(text: str) -> str:
    """Escape text for use within a line of Markdown, such as a table cell."""
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
    """Replace characters that LaTeX interprets by commands that print them."""
    return "".join(_TEX.get(character, character) for character in printable(text))


def csv_cell(value: object) -> object:
    """Add an apostrophe before text that a spreadsheet would evaluate; numbers, also as text, are unchanged."""
    if not isinstance(value, str):
        return value
    if value.lstrip(" ").startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        value = f"'{value}"
    return printable(value)


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV, with every cell escaped by `csv_cell`."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([csv_cell(value) for value in row] for row in rows)
    return text.getvalue()


def plotly(text: object) -> str:
    """Escape text for Plotly, which interprets some HTML in names and labels, and ``%{…}`` in hover text."""
    shown = printable(str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return shown.replace("%{", "&#37;{")


def drawn(text: str) -> str:
    """Replace characters that an image file cannot hold; parsing of ``$…$`` is switched off for the whole figure."""
    return _NO_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", lines(text))
