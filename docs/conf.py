"""How the pages of this folder and the docstrings of ``zsl`` become a site: ``make docs``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

from zsl import __version__

project = "zsl"
author = "The zsl authors"
copyright = author
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.apidoc", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["api/modules.rst"]
html_theme = "furo"
html_title = f"zsl {__version__}"

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

apidoc_modules = [
    {
        "path": "../zsl",
        "destination": "api",
        "separate_modules": False,
        "module_first": True,
        "automodule_options": {"members", "show-inheritance"},
    }
]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!zsl\.).*|.*\.[TR]|zsl\.hyperparameters\.Constructor")]
"""references into this package have to resolve, those to other libraries and to type variables need not"""
suppress_warnings = ["ref.python"]
"""two attributes of one name, of which the one in the same class is meant"""
napoleon_use_ivar = True

ROOT = Path(__file__).parents[1]
SHOWN = {
    "contributing": "CONTRIBUTING.md",
    "changelog": "CHANGELOG.md",
    "reproduced": "experiments/REPRODUCTION.md",
    "notebooks": "notebooks/README.md",
}
"""page -> the file of the repository that the site shows there"""
PLACES = {"../README.md": "index.md", **{f"../{file}": f"{page}.md" for page, file in SHOWN.items()}}
MODULE = re.compile(r"\[([^\]]+)\]\(\.\./zsl/([\w/]+)\.py\)")
KEY = r"[^\W\d_][\w-]*?\d{4}[a-z]?"
SIGN = re.compile(r"(?<!\*)\*(?!\*)|\||(?<=\w)_(?!\w)")
CITATION = re.compile(rf"(?<!`)\[({KEY}(?:, {KEY})*)\](?![\w(`_])")


def on_the_site(app: Sphinx, page: str, source: list[str]) -> None:
    """Show files of the repository on their pages, and lead links to such files, or to code, to what shows them. Name
    the entries of the bibliography.
    """
    text = source[0]
    if page in SHOWN:
        app.env.note_dependency(ROOT / SHOWN[page])
        text = moved(ROOT / SHOWN[page], text.splitlines()[0])
    for file, shown in PLACES.items():
        text = text.replace(f"]({file}", f"]({shown}")
    text = MODULE.sub(lambda found: f"{{py:mod}}`{found[1]} <zsl.{found[2].replace('/', '.')}>`", text)
    if page == "bibliography":
        text = re.sub(rf"^## ({KEY})$", r"(\1)=\n## \1", text, flags=re.MULTILINE)
    source[0] = text


def moved(file: Path, title: str) -> str:
    """The text of a file, under the title if it has none, with its links as seen from this folder."""

    def link(found: re.Match[str]) -> str:
        return f"]({os.path.relpath(file.parent / found[1], Path(__file__).parent)}"

    text = re.sub(r"\]\((?!https?:|#)([^)#\s]+)", link, file.read_text(encoding="utf-8"))
    return text if text.startswith("# ") else f"{title}\n\n{text}"


def joined(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Join lines of a list of arguments that share one explanation, which napoleon expects on one line."""
    lines[:] = re.sub(r"^(\s+\w+(?:, \w+)*,)\n\s+(?=\w+(?:, \w+)*:)", r"\1 ", "\n".join(lines), flags=re.M).split("\n")


def marked_up(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Make text of docstrings safe for reStructuredText, and links of citation keys."""
    lines[:] = [cited(escaped(line)) for line in lines]


def escaped(line: str) -> str:
    """The line with every sign escaped that stands for itself in a formula: ``|x|``, ``c_m``, ``x*``."""
    parts = re.split(r"(``.*?``|:[\w:]+:`[^`]*`|`[^`]*`)", line)
    return "".join(part if i % 2 else SIGN.sub(r"\\\g<0>", part) for i, part in enumerate(parts))


def cited(line: str) -> str:
    """The line with its citation keys as links into the bibliography."""
    return CITATION.sub(lambda found: f"[{', '.join(f':ref:`{key} <{key}>`' for key in found[1].split(', '))}]", line)


def is_of_scikit_learn(_app: Sphinx, _what: str, name: str, _obj: object, skip: bool, _options: object) -> bool | None:
    """Leave out the methods that scikit-learn gives to estimators: their text refers to its own pages."""
    return skip or (name.startswith("set_") and name.endswith("_request")) or None


def setup(app: Sphinx) -> None:
    """Register what is done to texts before they are parsed."""
    app.connect("source-read", on_the_site)
    app.connect("autodoc-skip-member", is_of_scikit_learn)
    app.connect("autodoc-process-docstring", joined, priority=400)
    app.connect("autodoc-process-docstring", marked_up)
