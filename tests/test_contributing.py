"""The page that shows how to add a method, followed to the letter in a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_method_is_added_by_the_three_files_on_the_page(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("zsl", "conf", "experiments", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", copy)
    blocks = re.findall(r"\*\*\d\. [^`]*`([^`]+)`.*?```(?:python|yaml)\n(.*?)```", PAGE, re.DOTALL)
    assert [path for path, _ in blocks] == [
        "zsl/methods/compatibility/prototype.py",
        "conf/method/prototype.yaml",
        "tests/methods/test_prototype.py",
    ]
    for path, text in blocks:
        (copy / path).write_text(text, encoding="utf-8")
    commands = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0].strip().splitlines()
    assert len(commands) == 2
    environment = {**os.environ, "PYTHONPATH": str(copy), "ZSL_CACHE": str(tmp_path / "cache")}
    for command in commands:
        words = command.split()
        if words[0] == "zsl":
            words = ["python", "-c", "import sys, zsl.cli; sys.exit(zsl.cli())", *words[1:]]
        words[0] = sys.executable
        done = subprocess.run(words, cwd=copy, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert list((copy / "runs").rglob("result.json"))
    lint = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--config",
            str(ROOT / "ruff.toml"),
            *(path for path, _ in blocks if path.endswith("py")),
        ],
        cwd=copy,
        capture_output=True,
        text=True,
    )
    assert lint.returncode == 0, lint.stdout
