"""Notebooks run from top to bottom, and those that are committed show what such a run shows."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

import zsl
import zsl.methods

nbformat = pytest.importorskip("nbformat", reason="pip install 'zsl[notebooks]'")
pytest.importorskip("nbclient", reason="pip install 'zsl[notebooks]'")
pytest.importorskip("ipykernel", reason="pip install 'zsl[notebooks]'")

from tests.notebooks import METADATA, NOTEBOOKS, executed  # noqa: E402

LARGEST = 300_000
"""bytes; they are read in a browser"""
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_every_notebook_is_listed_and_every_listed_one_is_there() -> None:
    readme = (NOTEBOOKS[0].parent / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\((\w+\.ipynb)\)", readme)) == [path.name for path in NOTEBOOKS]


@each
def test_it_was_executed_in_order_and_without_an_error(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr" and "Warning" in output.text]


@each
def test_it_says_nothing_of_who_ran_it_where_and_when(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert notebook["metadata"] == METADATA
    assert not [cell for cell in notebook["cells"] if cell["metadata"]]
    without_images = re.sub(r'"image/png": "[^"]*"', "", text)
    place = re.search(
        r"""(?<![\w.:/<\\])(/|[A-Z]:\\\\)(home|root|tmp|Users|work|usr|opt|var|mnt)\b[^"\s]*""", without_images
    )
    assert place is None, place
    assert not re.search(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d", without_images)
    assert len(text.encode()) < LARGEST


@each
def test_it_knows_the_front_door_alone(path: Path) -> None:
    """Of the package, a notebook uses the public names of ``zsl`` and ``zsl.methods``; of the shell, nothing."""
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    for node in ast.walk(ast.parse("\n".join(cells))):  # a line of the shell is no Python
        if isinstance(node, ast.Import):
            own = {name.name for name in node.names if name.name.split(".")[0] == "zsl"}
            assert own <= {"zsl", "zsl.methods"}
            assert not {name.name for name in node.names} & {"subprocess", "importlib"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "zsl":
            assert node.module in ("zsl", "zsl.methods")
            public = zsl.__all__ if node.module == "zsl" else zsl.methods.__all__
            assert {name.name for name in node.names} <= {*public, "methods"}
        elif isinstance(node, ast.Attribute):
            assert ast.unparse(node.value) != "zsl" or node.attr in zsl.__all__, ast.unparse(node)
            assert ast.unparse(node) != "os.system"


def shows(cell: Any) -> bool:
    """Whether a cell shows anything but messages: those about a cache that is made stand in its first run only."""
    return any(output.get("name") != "stderr" for output in cell.get("outputs", []))


@pytest.mark.slow
@each
def test_it_runs(path: Path, drawings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSL_CACHE", str(drawings))
    before = {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    notebook = executed(path)
    committed = nbformat.read(path, as_version=4)
    assert [shows(cell) for cell in notebook.cells] == [shows(cell) for cell in committed.cells]
    assert {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()} == before
