"""Files given by users: found in any normal form, refused if not regular, read in any Unicode encoding."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.malformed.places import NO_FILES
from zsl.data.class_names import find_name, placeholders, read_names, require_names, suggest_name
from zsl.errors import InputError, is_control, printable
from zsl.files.source_file import locate, read_text, require_file, require_file_name


@pytest.mark.parametrize(("typed", "stored"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
def test_a_path_is_found_in_another_normal_form(tmp_path: Path, typed: str, stored: str) -> None:
    there = tmp_path / unicodedata.normalize(stored, "Zébre") / unicodedata.normalize(stored, "à.txt")
    there.parent.mkdir()
    there.write_text("here")
    asked = tmp_path / unicodedata.normalize(typed, "Zébre") / unicodedata.normalize(typed, "à.txt")
    assert locate(asked).read_text() == "here"
    assert locate(tmp_path / "zebre") == tmp_path / "zebre"


def test_the_exact_spelling_comes_first(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "é")).write_text(form)
    for form in ("NFC", "NFD"):
        assert locate(tmp_path / unicodedata.normalize(form, "é")).read_text() == form


@pytest.mark.parametrize("what", NO_FILES)
def test_what_is_no_file_is_called_what_it_is(tmp_path: Path, what: str) -> None:
    make, says = NO_FILES[what]
    make(tmp_path / "file")
    with pytest.raises(InputError, match=says):
        require_file(tmp_path / "file", "thing", "give another")


@pytest.mark.parametrize("path", ["a\0b", "x" * 400, "~nosuchuser/x", ""])
def test_paths_that_no_system_takes_are_refused_in_one_line(path: str) -> None:
    with pytest.raises(InputError) as caught:
        require_file(path, "thing", "give another")
    assert len(str(caught.value)) < 400


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_text_is_read_without_its_byte_order_mark(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str
) -> None:
    text = text.lstrip("\ufeff")
    path = tmp_path_factory.mktemp("text") / "file"
    path.write_bytes(text.encode(encoding))
    assert read_text(path, "list") == text


def test_other_encodings_are_refused_by_their_line(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes("one\ntwo\nZébre\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"line 3 is not utf-8 \(byte 0xe9\); save it as UTF-8"):
        read_text(tmp_path / "list", "list")


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a\\b", "/x", "x" * 101, "é" * 51, "a\nb"])
def test_names_that_files_cannot_be_called_by(name: str) -> None:
    with pytest.raises(InputError, match=r"data\.name="):
        require_file_name("data.name", name)
    require_file_name("data.name", "[bold] ${x} ..y")


@given(st.text())
def test_what_is_printable_holds_no_control_character_and_other_text_stays(text: str) -> None:
    assert not any(map(is_control, printable(text)))
    if not any(map(is_control, text)):
        assert printable(text) == text
    message = str(InputError(text))
    assert not any(map(is_control, message))
    assert "\n" not in message


def test_names_are_checked_whatever_their_normal_form() -> None:
    require_names(["a", "b", "é"], "here")
    for names, says in (
        (["é", unicodedata.normalize("NFD", "é")], "occurs twice"),
        (["a", " "], "name 2 is empty"),
        (["a\x1b[31m"], r"control character '\\x1b'"),
        (["x" * 256], "256 characters"),
    ):
        with pytest.raises(InputError, match=says):
            require_names(names, "here")


def test_a_list_of_names_may_be_numbered(tmp_path: Path) -> None:
    names = ("Black footed Albatross", "7 spot ladybird")
    for content in ("\ufeff{}\n{}\n", "1 {}\r\n2 {}\r\n", " 1\t{}\n 2\t{}\n\n"):
        (tmp_path / "names.txt").write_bytes(content.format(*names).encode())
        assert read_names(tmp_path / "names.txt", 2) == names


def test_a_typed_name_is_the_one_it_looks_like() -> None:
    there = [unicodedata.normalize("NFD", "Zébre"), "Barn_Swallow"]
    assert find_name("Zébre", there) == there[0]
    assert find_name("zébre", there) is None
    assert suggest_name("barn swallow", there, "none") == "did you mean 'Barn_Swallow'?"
    assert suggest_name("xyz", there, "none") == "none"


def test_placeholders_are_told_from_names() -> None:
    assert placeholders(["class 1", "class_2", "n02084071", "17", "C3"])
    assert not placeholders(["class 1", "antelope"])
    assert not placeholders(["name 1", "name 2"])
