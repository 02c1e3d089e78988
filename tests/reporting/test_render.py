"""Output formats: each is parsed and compared with the rows."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from zsl.outputs.result import Result, Selection
from zsl.reporting.layout import arrange, sheets
from zsl.reporting.render import latex, markdown, table_csv, terminal
from zsl.reporting.report import render
from zsl.reporting.sheet import Sheet
from zsl.reporting.table import Row, rows

HOSTILE = "A|B*C_D & 50 % of #1 $x$ {y} ~z^2 \\n <i>`q`</i> [é] †"


@pytest.fixture(scope="module")
def found(
    make: Callable[..., Result], oracle: Callable[..., Result], keyed: Callable[..., dict[Path, Result]]
) -> list[Row]:
    """Rows of two data sets (one with special characters in its title) with seeds, †, options and a missing metric."""
    results = [
        *(make(seed=seed, T1=50 + seed / 3, u=20 + seed) for seed in range(5)),
        *(make(seed=seed, gamma=10.0, T1=60 + seed) for seed in range(2)),
        make(method="[x]", data_title=HOSTILE, T1=31.25, extra={"N1_skewness": 2.345}),
        make(method="CMT*", data_title=HOSTILE, T1=31.5),
        oracle(T1=70.0),
        make(selection=Selection("validation"), extra={"u†": 40.0, "s†": 40.0, "H†": 40.0}),
        make(protocol="tune", T1=80.0),
    ]
    return arrange(rows(keyed(results)))


def texts(sheet: Sheet) -> list[list[str]]:
    return [list(sheet.header), *([cell.text for cell in line.cells] for line in sheet.lines)]


def bolds(sheet: Sheet) -> list[tuple[int, int]]:
    return [(i, j) for i, line in enumerate(sheet.lines) for j, cell in enumerate(line.cells) if cell.best]


def unwrapped(cells: list[list[str]], before: str, after: str) -> tuple[list[list[str]], list[tuple[int, int]]]:
    """Return cells without their bold marks, and the positions of these."""
    marked = [(i, j) for i, row in enumerate(cells) for j, cell in enumerate(row) if cell.startswith(before)]
    return [
        [c.removeprefix(before).removesuffix(after) if c.startswith(before) else c for c in r] for r in cells
    ], marked


def unescaped(text: str) -> str:
    """Convert Markdown to text: a backslash before punctuation is removed."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


def test_markdown_read_back_is_the_table(found: list[Row]) -> None:
    made = sheets(found, std=True)
    parts = re.split(r"^## ", markdown(made), flags=re.MULTILINE)[1:]
    assert len(parts) == len(made) == 2
    for part, sheet in zip(parts, made, strict=True):
        title, *lines = part.splitlines()
        table = [re.split(r" (?<!\\)\| ", line[2:-2]) for line in lines if line.startswith("|")]
        plain = [[unescaped(cell) for cell in row] for row in unwrapped(table, "**", "**")[0]]
        assert title == sheet.title
        assert plain[:1] + plain[2:] == texts(sheet)
        assert unwrapped(table[2:], "**", "**")[1] == bolds(sheet)
        assert table[1] == ["---:" if number else "---" for number in sheet.numeric]
        assert [unescaped(line[2:]) for line in lines if line.startswith("- ")] == [
            *sheet.notes,
            *sheet.legend,
            *sheet.hints,
        ]


TEX = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\dag{}": "†",
    r"$\pm$": "±",
    r"$\phi$": "φ",
    "--": "–",
    **{rf"\{character}": character for character in "&%$#_{}"},
    **{f"{{{character}}}": character for character in "[]*"},
}
TOKEN = re.compile("|".join(re.escape(key) for key in sorted(TEX, key=len, reverse=True)))


def test_latex_read_back_is_the_table(found: list[Row]) -> None:
    made = sheets(found)
    tables = re.findall(
        r"\\caption\{([^\n]*)\}\n[^\n]*\n[^\n]*\n\\begin\{tabular\}\{([lr]+)\}\n\\toprule\n(.*?)\n\\bottomrule",
        latex(made),
        re.S,
    )
    assert len(tables) == len(made) == 2
    for (title, columns, body), sheet in zip(tables, made, strict=True):
        assert title == sheet.title
        assert columns == "".join("r" if number else "l" for number in sheet.numeric)
        table = [re.split(r" (?<!\\)& ", re.sub(r" \\\\( \\midrule)?$", "", line)) for line in body.splitlines()]
        plain, _ = unwrapped(table, r"\textbf{", "}")
        assert [[TOKEN.sub(lambda m: TEX[m[0]], cell) for cell in row] for row in plain] == texts(sheet)
        assert unwrapped(table[1:], r"\textbf{", "}")[1] == bolds(sheet)
        assert body.count(r"\midrule") == len({line.block for line in sheet.lines})


def test_latex_leaves_no_special_character_unescaped(found: list[Row]) -> None:
    bare = re.sub(r"\\[&%$#_{}\\]|\\[a-zA-Z]+(\{\})?|\$\\[a-z]+\$", "", latex(sheets(found)).split("\n", 1)[1])
    cells = [line.split(" & ") for line in bare.splitlines() if " & " in line]
    assert cells
    assert not re.search(r"[#$%&~_^†±–φ]", "".join(cell for row in cells for cell in row))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(found: list[Row], tmp_path: Path) -> None:
    page = "\\documentclass{article}\n\\usepackage{booktabs, graphicx}\n\\begin{document}\n%s\\end{document}\n"
    (tmp_path / "t.tex").write_text(page % latex(sheets(found, std=True)), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def printed(made: list[Sheet], width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        terminal(made, console)
    return capture.get()


def test_the_terminal_read_back_is_the_table(found: list[Row]) -> None:
    """Split columns where the words of the heading begin or, for numbers, end."""
    for sheet in sheets(found):
        title, _, _, rule, *lines = printed([sheet], 1000).splitlines()
        body = [line for line in lines if line.strip()][: len(sheet.lines)]
        assert title == sheet.title
        assert set(rule.strip()) == {"─"}
        for line, row in zip(body, texts(sheet)[1:], strict=True):
            assert re.split(r"\s{2,}", line.strip()) == [cell for cell in row if cell]
        for note in sheet.notes:
            assert note in lines


def test_bold_is_explained_where_it_can_be_seen(found: list[Row]) -> None:
    made = sheets(found)
    console = Console(file=io.StringIO(), width=300, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        terminal(made, console)
    best = next(cell.text for line in made[0].lines for cell in line.cells if cell.best)
    assert re.search(rf"\x1b\[1m *{re.escape(best)}", capture.get())
    assert "bold: the best" in capture.get()
    assert "bold: the best" not in printed(made, 300)
    assert "bold: the best" in markdown(made)
    assert "bold: the best" in latex(made)


@pytest.mark.parametrize("width", [60, 80, 100, 140, 1000])
def test_a_narrow_terminal_loses_no_number(found: list[Row], width: int) -> None:
    made = sheets(found)
    page = printed(made, width)
    shown = re.findall(r"\d+\.\d+", page)
    for sheet in made:
        for line in sheet.lines:
            for cell in line.cells:
                for number in re.findall(r"\d+\.\d+", cell.text):
                    assert number in shown
    assert max(map(len, page.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_narrow_terminal_keeps_every_number_on_one_line(found: list[Row], width: int) -> None:
    made = sheets(found, std=True, columns=["+chosen"])
    page = printed(made, width)
    assert max(map(len, page.splitlines())) <= width
    for sheet in made:
        texts = [cell.text for line in sheet.lines for cell in line.cells if cell.value is not None]
        assert all(any(text in line for line in page.splitlines()) for text in texts)
        words = "".join(cell.text for line in sheet.lines for cell in line.cells if cell.value is None)
        assert set("".join(words.split())) <= set(page)


def test_csv_read_back_is_unrounded(found: list[Row]) -> None:
    table = list(csv.DictReader(io.StringIO(table_csv(found))))
    every = {name for row in found for name in row.metrics}
    for line, row in zip(table, found, strict=True):
        of = row.key
        words = ("method", "data", "data_title", "class_embedding", "setting", "protocol", "selection")
        assert [line[word] for word in words] == [
            of.method,
            of.data,
            of.data_title,
            of.class_embedding,
            of.setting,
            of.protocol,
            of.policy,
        ]
        assert [int(seed) for seed in line["seeds"].split()] == list(row.seeds)
        for name in every:
            summary = row.metrics.get(name)
            parts = [line[f"{name} {part}"] for part in ("mean", "std", "ci95", "n")]
            if summary is None:
                assert parts == ["", "", "", "0"]
            else:
                expected = [summary.mean, summary.std, summary.ci, summary.n]
                assert [float(part) if part else None for part in parts] == expected


def test_csv_keeps_the_metrics_asked_for(found: list[Row]) -> None:
    header = next(csv.reader(io.StringIO(table_csv(found, ["H"]))))
    assert header[10:18] == [f"{name} {part}" for name in ("H", "H†") for part in ("mean", "std", "ci95", "n")]


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "csv"])
def test_test_numbers_never_stand_among_validation_numbers(found: list[Row], form: str) -> None:
    """Find 80.0, the T1 of the tune run, after all test numbers or in a line of the protocol tune."""
    text = render(found, form)
    if form == "csv":
        (line,) = [line for line in csv.DictReader(io.StringIO(text)) if line["T1 mean"] == "80.0"]
        assert line["protocol"] == "tune"
    else:
        before, after = text.split("Validation classes")
        assert "80.0" in after
        assert "80.0" not in before


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "csv"])
def test_rendering_is_repeatable(found: list[Row], form: str) -> None:
    arguments: dict[str, Any] = {"metrics": ["T1", "H"], "std": True}
    assert render(found, form, **arguments) == render(found, form, **arguments)
