"""Overrides: written ones parse back, unparsable ones get advice that parses, and home folders are expanded."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from zsl.config.overrides import DEEPEST, LONGEST, MOST_DIGITS, cure, readable, written
from zsl.errors import InputError
from zsl.runs.job import Job

AWKWARD = st.text(alphabet="ab1 ,=()[]{}$\\'\"~:.!é猫/*?|;#&%@+-\t", max_size=14)


def value_of(word: str) -> object:
    """Return the value that an override gives to its key."""
    (override,) = OverridesParser.create().parse_overrides([word])
    assert not override.is_sweep_override()
    return OmegaConf.create({"key": override.value()})["key"]


@given(AWKWARD.filter(lambda text: text != "???"))  # which says that a value is missing
def test_what_is_written_is_read_back(text: str) -> None:
    assert value_of(written("key", text)) == text


@pytest.mark.parametrize(
    "text", ["null", "true", "1", "1e3", "nan", "0x1", "${a}", r"\${a}", "a\\", "", " ", "a:b", "~"]
)
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    assert value_of(written("key", text)) == text


def test_text_without_awkward_characters_is_written_as_it_is() -> None:
    assert written("paths.output", "/home/me/runs_2-b.c") == "paths.output=/home/me/runs_2-b.c"


@given(st.text(alphabet="ab=()[]{}~$'\" \\", min_size=1, max_size=8))
def test_a_cure_that_is_a_line_can_be_typed(text: str) -> None:
    advice = cure(f"data.name={text}")
    if advice.startswith("write '"):
        (word,) = shlex.split(advice.removeprefix("write "))
        OverridesParser.create().parse_overrides([word])


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("data.name=a=b", """'data.name="a=b"'"""),
        ("data.name=a(b", """'data.name="a(b"'"""),
        ("paths.output=x[/b]", """'paths.output="x[/b]"'"""),
        ("+sweep.gamma=[1,a=b]", """'+sweep.gamma=[1,"a=b"]'"""),
    ],
)
def test_the_cure_is_the_line_that_works(word: str, line: str) -> None:
    assert cure(word) == f"write {line}"


@pytest.mark.parametrize("word", ["data.name=[a", "data.name='a", "data.name=${a", "data.name=[[1],[a=b]]"])
def test_where_no_line_is_known_to_work_none_is_given(word: str) -> None:
    assert cure(word).startswith("close every bracket and quotation mark")


def test_home_folders_are_expanded_where_a_value_begins_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/some one")
    words = ["data.root=~/x", "a=~", "a=~/b,~/c", "~seed", "a=b~/c", 'a="~/b"', "a=[~/b]", "a=x,~y"]
    assert readable(words[:3]) == [
        'data.root="/home/some one/x"',
        'a="/home/some one"',
        'a="/home/some one/b","/home/some one/c"',
    ]
    assert readable(words[3:7]) == words[3:7]
    with pytest.raises(InputError, match=r"a=~y: there is no user y; correct it, or write the whole path"):
        readable(words[7:])


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("seed=" + "9" * (MOST_DIGITS + 1), "has 301 digits in a row"),
        ("seed=" + "[" * (DEEPEST + 1), "has brackets 33 deep"),
        ("seed=" + "x" * LONGEST, "has 8005 characters"),
        ("data.name=\x07", "control character"),
        ("data.name=\udc80", "not UTF-8"),
    ],
)
def test_what_could_not_be_read_is_refused_in_a_short_line(word: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        readable([word])
    assert len(str(caught.value)) < 200
    readable([word[:-1] if len(word) < LONGEST else word[:LONGEST]])


@pytest.mark.parametrize("name", ["x[/b]", "a=b,c", "a'b", "${a}", "a b", "ä\\"])
def test_the_command_that_runs_a_job_again_names_its_folder(name: str, tmp_path: Path) -> None:
    job = Job(
        tmp_path / name / "eszsl-synthetic-seed0-00000000", "00000000", ("data=synthetic", "paths.output=elsewhere")
    )
    *_, place = shlex.split(job.command)
    key, _, value = place.partition("=")
    assert value_of(f"key={value}") == str(tmp_path / name)
    assert key == "paths.output"
