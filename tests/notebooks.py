"""Notebooks, executed, with nothing kept that differs from run to run: ``python -m tests.notebooks`` writes them."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}
LIMIT = 600
"""seconds that a cell may take, on a machine that has other things to do"""
QUIET = "ignore:IProgress not found"
"""a warning of tqdm where no widgets are installed"""


def executed(path: Path) -> NotebookNode:
    """The notebook with the outputs of a fresh kernel. Its temporary folders are taken away, and out of the paths that
    it shows; so is all that tells who ran it, where and when.

    Raises:
        CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "TMPDIR": scratch, "PYTHONWARNINGS": QUIET}
        there = {"metadata": {"path": scratch}}
        client = NotebookClient(
            notebook, timeout=LIMIT, kernel_name="python3", record_timing=False, coalesce_streams=True, resources=there
        )
        client.execute(env=environment)
        shown = re.sub(rf"{re.escape(scratch)}/\w+/", "", json.dumps(notebook, ensure_ascii=False))
    result = nbformat.from_dict(json.loads(shown))
    for number, cell in enumerate(result.cells):
        cell.metadata, cell.id = NotebookNode(), f"cell-{number:02d}"
    result.metadata = nbformat.from_dict(METADATA)
    return result


if __name__ == "__main__":
    for notebook_path in [Path(argument) for argument in sys.argv[1:]] or NOTEBOOKS:
        nbformat.write(executed(notebook_path), notebook_path)
        sys.stdout.write(f"{notebook_path.name}: executed\n")
