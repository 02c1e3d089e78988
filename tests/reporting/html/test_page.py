"""The page as a file: content, escaping, and identical bytes for equal results."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.datasets.emoji_registry import tarball
from tests.outputs.test_result import results
from zsl.cli import main
from zsl.datasets import emoji_thumbnails
from zsl.datasets.emoji import classes
from zsl.datasets.emoji_packages import Package
from zsl.outputs.result import Result, gather, write
from zsl.reporting.layout import arrange, sheets
from zsl.reporting.table import rows

pytest.importorskip("plotly", reason="pip install 'zsl[html]'")

from zsl.reporting.html import gathered
from zsl.reporting.html import results as results_section
from zsl.reporting.html.page import page

EVERY = ["results", "curves", "oracle", "bias", "classes", "hubness", "synthetic", "training", "search", "data", "runs"]


class Document(HTMLParser):
    """Parser of sections, scripts, attributes and cells of tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[tuple[str, str]] = []
        self.rows: list[list[str]] = []
        self.words = ""
        self._open = ""
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in found.items()]
        if tag == "section":
            self.sections.append(found["id"])
        elif tag == "script":
            self.scripts.append((found.get("type", ""), ""))
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            kind, text = self.scripts.pop()
            self.scripts.append((kind, text + data))
        elif self._open != "style":
            self.words += data
            if self._in_cell:
                self.rows[-1][-1] += data


def made(found: dict[Path, Result]) -> str:
    return page(arrange(rows(found)), found)


def test_every_cell_and_note_of_the_terminal_is_on_the_page(folder: Path, file: Path) -> None:
    document = Document(file.read_text("utf-8"))
    shown = [[cell.strip() for cell in row] for row in document.rows]
    for sheet in sheets(arrange(rows(gather([folder])))):
        for line in sheet.lines:
            cells = list(zip(line.cells, sheet.numeric, strict=True))
            numbers = [cell.text for cell, number in cells if number and cell.text]
            words = [cell.text for cell, number in cells if not number]
            alike = [row for row in shown if " ".join(numbers) in " ".join(filter(None, row))]
            assert any(row[0] == words[0] and all(w in row or w in document.words for w in words) for row in alike)
        for note in (*sheet.notes, *sheet.legend):
            assert note.removeprefix("warning: ") in document.words


def test_a_page_with_everything_has_every_section(file: Path) -> None:
    assert Document(file.read_text("utf-8")).sections == EVERY


def test_what_results_do_not_have_is_left_out(make: Callable[..., Result], keyed: Callable[..., Any]) -> None:
    assert Document(made(keyed([make(hubness={})]))).sections == ["results", "data", "runs"]
    assert Document(made(keyed([make()]))).sections == ["results", "hubness", "data", "runs"]


def test_same_results_same_bytes(folder: Path, file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.html"
    folders = [str(path) for path in sorted(folder.iterdir(), reverse=True)]
    assert main(["report", *folders, "--html", str(again)]) == 0
    assert again.read_bytes() == file.read_bytes()


def test_the_page_loads_nothing_and_runs_only_its_own_scripts(file: Path) -> None:
    document = Document(file.read_text("utf-8"))
    for _, name, value in document.attributes:
        if name in ("src", "href"):
            assert value.startswith(("data:", "#")), value
        assert not name.startswith("on")
    code = [text for kind, text in document.scripts if not kind]
    (policy,) = [value for _, name, value in document.attributes if name == "content" and "script-src" in value]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in code]
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert "default-src 'none'" in policy


def test_names_are_data_everywhere(file: Path) -> None:
    text = file.read_text("utf-8")
    document = Document(text)
    assert {tag for tag, name, value in document.attributes if value == "x" or "onerror" in name} == set()
    assert "<img src=x" not in text
    assert "49" not in re.findall(r"<b>(\d+)", text)
    plots = [json.loads(words) for kind, words in document.scripts if kind == "application/json"]
    inside = json.dumps(plots, ensure_ascii=False)
    assert "&lt;img src=x" in inside
    assert "<img" not in inside, "Plotly reads HTML in labels"


@given(found=st.lists(results(), min_size=1, max_size=3))
@settings(max_examples=12)
def test_whatever_can_be_read_makes_a_page(found: list[Result]) -> None:
    text = made({Path(f"{i}/result.json"): result for i, result in enumerate(found)})
    document = Document(text.partition("<script>")[0])
    assert document.sections[0] == "results"
    for kind, words in document.scripts:
        if kind == "application/json":
            json.loads(words, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))


def test_trials_that_did_not_end_have_no_line(complete: Callable[..., Result], keyed: Callable[..., Any]) -> None:
    document = Document(made(keyed([complete()])).partition("<script>")[0])
    plots = [
        json.loads(words)["0"]["data"] for _, words in document.scripts if "T1 54.0" in words or "variance" in words
    ]
    lines, shares = plots
    assert len(lines) == 4
    assert [line["hovertemplate"].split("<br>")[2] for line in lines] == [
        f"T1 {t}.0<extra></extra>" for t in (54, 55, 55, 56)
    ]
    assert shares[0]["x"] == [50.0, 50.0, 0.0]


@pytest.mark.parametrize("library", ["plotly.offline", "jinja2"])
def test_a_library_missing(folder: Path, tmp_path: Path, monkeypatch: Any, capsys: Any, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    assert main(["report", str(folder), "--html", str(tmp_path / "report.html")]) == 2
    assert "pip install 'zsl[html]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_page_and_a_table_at_once(folder: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["report", str(folder), "--html", str(tmp_path / "a.html"), "--format", "csv"]) == 2
    assert "--format" in capsys.readouterr().err


def test_metrics_choose_the_columns(folder: Path, tmp_path: Path) -> None:
    assert main(["report", str(folder), "--html", str(tmp_path / "a.html"), "--metrics", "T1"]) == 0
    assert "AUSUC" not in [cell.strip() for row in Document((tmp_path / "a.html").read_text()).rows for cell in row]


def test_logs_are_read_as_far_as_they_can_be(complete: Callable[..., Result], tmp_path: Path) -> None:
    contents = {
        "good": b"epoch,step,loss\n0,1,0.5\n0,2,\n1,3,nan\n1,4,0.25\n",
        "ragged": b"step,loss\n1,0.5,9,9\n2\n3,0.25\n",
        "single": b"step,loss\n1,0.5\n",
        "empty": b"",
        "binary": bytes(range(256)),
    }
    for seed, (name, content) in enumerate(contents.items()):
        write(complete(seed=seed), tmp_path / name)
        (tmp_path / name / "csv").mkdir()
        (tmp_path / name / "csv" / "metrics.csv").write_bytes(content)
    found = gather([tmp_path])
    document = Document(made(found))
    (plots,) = [json.loads(words) for kind, words in document.scripts if '"seed 0"' in words and kind]
    lines = {line["name"]: (line["x"], line["y"]) for line in plots["0"]["data"]}
    assert lines == {"seed 0": ([1, 4], [0.5, 0.25]), "seed 1": ([1, 3], [0.5, 0.25])}
    for name in ("good", "ragged"):
        shutil.rmtree(tmp_path / name)
    assert "training" not in Document(made(gather([tmp_path]))).sections


def test_claims_of_experiments_stand_beside_what_was_found(complete: Callable[..., Result], tmp_path: Path) -> None:
    published = {
        "source": "Nobody 2020",
        "features": "res101",
        "split": "PS v1",
        "class_embedding": "attributes",
        "setting": "inductive",
        "selection": "the last epoch",
        "tolerance": 2.0,
        "results": {"cub": [{"T1": 56.0, "verified": True}, {"T1": 40.0, "verified": False, "source": "<b>a friend"}]},
    }
    config = {"data": {"features": "res101.mat"}, "method": {"gamma": 1.0}, "published": published}
    for seed in range(5):
        write(complete(seed=seed, config=config, overrides=["experiments=eszsl_nobody2020"]), tmp_path / str(seed))
    found = gather([tmp_path])
    document = Document(page(arrange(rows(found)), found))
    assert document.sections[:2] == ["results", "reproduction"]
    assert ["eszsl_nobody2020", "Nobody 2020", "reproduced [1, 2]"] in [
        [row[0], row[3], row[4]] for row in document.rows if len(row) > 10
    ]
    assert any(row[3:5] == ["<b>a friend", "not comparable [3]"] for row in document.rows)


def test_of_very_many_rows_the_best_have_figures_of_their_own(
    complete: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {Path(f"{i}/result.json"): complete(method=f"m{i}", u=20.0 + i) for i in range(5)}
    monkeypatch.setattr(gathered, "MOST_PLOTTED", 2)
    monkeypatch.setattr(results_section, "MOST_PLOTTED", 2)
    found = rows(made)
    document = page(found, made)
    assert "figures of single rows are shown for the best 2 of 5 rows, by H or T1" in document
    plotted = gathered.Gathered(found, made, ()).plotted
    assert [row.key.method for _, row in plotted] == ["m3", "m4"]
    assert all(found[number] is row for number, row in plotted)


def test_pictures_come_from_the_cache_of_the_user_alone(
    complete: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, *_), theirs = classes("small"), tmp_path / "theirs"
    content = tarball({"icons.json": {"icons": {first.drawings["noto"]: {"body": "<path/>"}}}})
    digest = f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"
    package = Package("@scope/noto", "1.0.0", digest, "Noto", "An Author", "https://example.org", "MIT")
    monkeypatch.setattr(emoji_thumbnails, "packages", lambda: dict.fromkeys(emoji_thumbnails.STYLES, package))
    (theirs / "emoji" / "packages").mkdir(parents=True)
    (theirs / "emoji" / "packages" / package.tarball).write_bytes(content)
    config = {"method": {"gamma": 1.0}, "paths": {"cache": str(theirs)}}
    write(complete(data="emoji", per_class={"u": {first.name: 1.0}}, config=config), tmp_path / "run")
    for own, shown in ((tmp_path / "own", False), (theirs, True)):
        monkeypatch.setenv("ZSL_CACHE", str(own))
        assert main(["report", str(tmp_path / "run"), "--html", str(tmp_path / "page.html")]) == 0
        assert ('class="pictures"' in (tmp_path / "page.html").read_text(encoding="utf-8")) is shown
