"""Folders that are gone, read-only or not there, and a user without a home: one line, through the real command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.processes import call, zsl
from zsl.runs.console import print_line

RUN = ["train", "data=synthetic", "method=eszsl"]


def in_a_folder_that_is_gone(*arguments: str) -> int:
    """The command in a folder that was deleted."""
    from zsl.cli import main

    place = Path.cwd() / "gone"
    place.mkdir()
    os.chdir(place)
    place.rmdir()
    return main(arguments)


@pytest.mark.parametrize(
    "arguments",
    [RUN, [*RUN, "-m", "paths.output=/tmp/never"], ["sweep", *RUN[1:]], ["data", "inspect", "synthetic"]],
    ids=lambda words: " ".join(words),
)
def test_a_working_folder_that_is_gone_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    done = call(in_a_folder_that_is_gone, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "zsl: error: the working folder was deleted; change to one that exists\n"


def test_what_needs_no_folder_is_shown_in_one_that_is_gone(tmp_path: Path) -> None:
    done = call(in_a_folder_that_is_gone, "list", "methods", cwd=tmp_path)
    assert done.returncode == 0
    assert "eszsl" in done.stdout


def test_a_folder_that_nothing_can_be_written_to_is_one_line() -> None:
    done = zsl(*RUN, cwd="/proc")
    assert done.returncode == 2
    assert done.stderr.startswith("zsl: error: paths.output: /proc/runs/")
    assert done.stderr.count("\n") == 1


def as_nobody(number: int, *arguments: str) -> int:
    """The command of a user whom the system does not know, with the rights of root to read what lies below its home."""
    from zsl.cli import main

    os.setreuid(number, 0)
    return main(arguments)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(("word", "key"), [("seed=0", "paths.cache=~/.cache/zsl"), ("data.name=~/x", "data.name=~/x")])
def test_a_user_without_a_home_is_told_what_to_set(word: str, key: str, tmp_path: Path) -> None:
    done = call(as_nobody, 54321, *RUN, word, cwd=tmp_path, env={"HOME": None, "ZSL_CACHE": None})
    assert done.returncode == 2
    assert done.stderr == f"zsl: error: {key}: no home folder is known; set HOME, or write the whole path\n"


@pytest.mark.parametrize("text", ["x[/b]", "[red]x[/red]", ":cat:", "[link=http://a]b", "a\\[b]", "\x1b[31mx"])
def test_no_text_is_read_as_markup_or_obeyed(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_line(text, (text, "bold"))
    assert capsys.readouterr().out.strip() == 2 * text.replace("\x1b", "\\x1b")
