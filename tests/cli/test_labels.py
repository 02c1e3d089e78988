"""``zsl labels``: what it finds in lists made to have it, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.datasets import wordnet_files
from tests.two_towers import checkpoint
from zsl.backbones.imagenet import imagenet1k
from zsl.class_embeddings.prompts import Prompts
from zsl.cli import main
from zsl.data.dataset import ClassDescriptions
from zsl.data.scaling import unit_rows
from zsl.reporting import labels as report
from zsl.reporting.labels import neighbours

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("model") / "clip", "clip")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    wordnet_files.absent(monkeypatch)


def found(capsys: pytest.CaptureFixture[str], *words: str) -> list[tuple[str, str]]:
    """The findings as pairs of kind and names."""
    assert main(["labels", *words, "--format", "csv"]) == 0
    _, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    return [(kind, names) for kind, names, _, _ in rows]


def written(tmp_path: Path, *names: str) -> str:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(names) + "\n", encoding="utf-8")
    return str(path)


def test_names_that_were_made_wrong_are_found(tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["missile", "Missile", "spray_can", "cans", "bow (weapon)", "bow (ribbon)", "no finding", "other bird"]
    own = found(
        capsys, written(tmp_path, *names, "a name of very many letters indeed"), "--model", str(clip), "--near", "1"
    )
    assert ("duplicate", "missile · Missile") in own
    assert ("hypernym", "spray_can · cans") in own
    assert ("same name", "bow (weapon) · bow (ribbon)") in own
    assert ("negation", "no finding") in own
    assert ("catch-all", "other bird") in own
    assert [name for kind, name in own if kind == "cut"] == ["a name of very many letters indeed"]
    assert len([kind for kind, _ in own if kind in ("duplicate", "hypernym", "same name", "negation")]) == 4


def test_vectors_of_a_file_stand_for_the_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One vector is near to all others, one to none, and two are almost one."""
    rng = np.random.default_rng(0)
    far = rng.standard_normal((20, 40))
    rows = np.vstack([far + 0.6 * far.mean(0) * 20, far.mean(0) * 30, far[0] * 1.01 + 0.6 * far.mean(0) * 20])
    np.save(tmp_path / "rows.npy", rows.astype(np.float16))
    names = [f"{letter * 3}" for letter in "abcdefghijklmnopqrst"] + ["middle", "twin of aaa"]
    matrix = str(tmp_path / "rows.npy")
    own = found(capsys, written(tmp_path, *names), "--matrix", matrix, "--k", "2")
    assert ("hub", "middle") in own
    assert ("near-identical", "aaa · twin of aaa") in own
    assert main(["labels", written(tmp_path, *names[1:]), "--matrix", matrix]) == 2
    assert "22 rows for 21 names" in capsys.readouterr().err
    order = rng.permutation(22)
    np.savez(tmp_path / "named.npz", names=np.array(names)[order], embeddings=rows[order].astype(np.float16))
    matrix = str(tmp_path / "named.npz")
    assert found(capsys, written(tmp_path, *names), "--matrix", matrix, "--k", "2") == own
    assert main(["labels", written(tmp_path, *names[:-1], "stranger"), "--matrix", matrix]) == 2
    assert "has no row of 'stranger'" in capsys.readouterr().err


@given(arrays(np.float64, (9, 4), elements=st.floats(-1, 1).map(lambda x: round(x, 3))), st.integers(1, 12))
def test_every_name_has_k_neighbours_other_than_itself(rows: np.ndarray, k: int) -> None:
    of = neighbours(rows + np.eye(9, 4) * 1e-3, k, near=0.5)
    assert of.occurrence.sum() == of.centred.sum() == 9 * min(k, 8)
    assert of.occurrence.max() <= 8
    assert all(i < j for i, j, _ in of.pairs)


def test_the_nearest_pairs_are_named_and_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).standard_normal((60, 3))
    every = neighbours(rows, 3, near=0.5)
    monkeypatch.setattr(report, "NEAREST", 7)
    monkeypatch.setattr(report, "BLOCK", 16)
    few = neighbours(rows, 3, near=0.5)
    assert [pair[:2] for pair in few.pairs] == [pair[:2] for pair in every.pairs[:7]]
    assert few.near == every.near == len(every.pairs) > 7
    np.testing.assert_array_equal(few.occurrence, every.occurrence)
    assert f"{few.near} near-identical pairs, of which the nearest 7 are named" in report.summary(["a"] * 60, few)


def test_lists_come_as_tables_json_and_data_sets(
    tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.csv").write_text("class,id\nno fox,1\nowl,2\n")
    (tmp_path / "names.json").write_text(json.dumps([{"label": "no fox"}, {"label": "owl"}]))
    model = ["--model", str(clip), "--most", "0"]
    for words in (["names.csv"], ["names.csv", "--column", "class"], ["names.json", "--column", "label"]):
        assert ("negation", "no fox") in found(capsys, str(tmp_path / words[0]), *words[1:], *model)
    (tmp_path / "names.json").write_text(json.dumps(["fox", "", "owl"]))
    assert main(["labels", str(tmp_path / "names.json")]) == 2
    assert "name 2 is empty" in capsys.readouterr().err
    places = [f"paths.cache={tmp_path / 'cache'}"]
    assert isinstance(found(capsys, "data=synthetic", *places, *model), list)


def test_other_scripts_and_many_names_are_no_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["лиса", "狐", "ثعلب", *(f"name {i}" for i in range(4000))]
    rng = np.random.default_rng(0)
    np.save(tmp_path / "rows.npy", rng.standard_normal((len(names), 8)).astype(np.float32))
    own = found(capsys, written(tmp_path, *names), "--matrix", str(tmp_path / "rows.npy"), "--near", "1")
    assert {kind for kind, _ in own} <= {"hub", "antihub"}


def test_characters_that_the_tokenizer_does_not_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = checkpoint(tmp_path / "siglip", "siglip")
    own = found(capsys, written(tmp_path, "fox", "狐"), "--model", str(folder))
    assert ("unknown characters", "狐") in own
    assert ("unknown characters", "fox") not in own


def test_a_set_of_templates_is_averaged(
    tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As class_embedding=prompts does it; a name is cut where any of its texts is."""
    given: list[np.ndarray] = []

    def noted(vectors: np.ndarray, *rest: Any) -> report.Neighbours:
        given.append(vectors)
        return neighbours(vectors, *rest)

    monkeypatch.setattr(report, "neighbours", noted)
    names = ["ant", "bee", "donkey"]
    words = [written(tmp_path, *names), "--model", str(clip)]
    assert "cut" not in [kind for kind, _ in found(capsys, *words)]
    assert ("cut", "donkey") in found(capsys, *words, "--template", "imagenet7"), "in a photo of the large donkey"
    classes = ClassDescriptions(tuple(names), {}, {}, (0, 1, 2), 3)
    expected = Prompts(templates="imagenet7", model=clip, cache=tmp_path).fit(classes)(classes)
    np.testing.assert_allclose(unit_rows(given[1]), expected, atol=1e-6)
    assert np.abs(unit_rows(given[0]) - expected).max() > 0.01


def test_wordnet_is_asked_where_it_is_installed(
    tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """First senses, unless brackets tell; names that WordNet does not have are compared by their last words."""
    folder = wordnet_files.install(tmp_path / "wordnet", monkeypatch)
    names = ["hounds", "dog", "Dog", "puppy", "animal", "bow (weapon)", "bow", "weapon", "toy dog", "rock"]
    own = found(capsys, written(tmp_path, *names), "--model", str(clip), "--most", "0", "--near", "1")
    assert [pair for pair in own if pair[0] in ("synonym", "hypernym")] == [
        ("synonym", "hounds · dog"),
        ("synonym", "hounds · Dog"),
        ("hypernym", "hounds · animal"),
        ("hypernym", "dog · animal"),
        ("hypernym", "Dog · animal"),
        ("hypernym", "puppy · hounds"),
        ("hypernym", "puppy · dog"),
        ("hypernym", "puppy · Dog"),
        ("hypernym", "puppy · animal"),
        ("hypernym", "bow (weapon) · weapon"),
        ("hypernym", "toy dog · dog"),
    ]
    monkeypatch.setenv("COLUMNS", "400")
    assert main(["labels", written(tmp_path, *names), "--model", str(clip)]) == 0
    out = capsys.readouterr().out
    assert "WordNet has one synset of both: an animal that barks" in out
    assert f"synonyms and hypernyms of WordNet ({folder}; " in out
    assert "by the last words of 2 names that it does not have" in out
    wordnet_files.absent(monkeypatch)
    assert main(["labels", written(tmp_path, *names), "--model", str(clip)]) == 0
    assert "synonyms and hypernyms by the last words of names (no WordNet)" in capsys.readouterr().out


def test_comments_and_empty_lines_of_a_list_are_passed_over(
    tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "# no names of foxes", "fox", "", "  # twice", " owl ", "no fox", "owl")
    own = found(capsys, path, "--model", str(clip), "--most", "0", "--near", "1")
    assert own == [("duplicate", "owl · owl"), ("negation", "no fox"), ("hypernym", "no fox · fox")]


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "csv"])
def test_a_list_without_findings_is_an_empty_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    np.save(tmp_path / "rows.npy", np.eye(2))
    words = ["labels", written(tmp_path, "fox", "owl"), "--matrix", str(tmp_path / "rows.npy"), "--format", form]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert ("finding" if form == "csv" else "nothing was found") in out


@pytest.mark.parametrize(
    ("content", "words", "reason"),
    [
        ("# fox\n\nowl\n", (), "holds 1 names; give at least two"),
        ("fox\n" + "x" * 10_000, (), "has 10000 characters; shorten it to 255"),
        ("fox\n", (), "holds 1 names; give at least two"),
        ("fox\nowl\n", ("--column", "x"), "is no table"),
        ("fox\nowl\n", ("--k", "0"), "--k 0: give a number of at least 1"),
        ("fox\nowl\n", ("--model", "nowhere"), "has no config.json"),
        ("fox\nowl\n", ("--template", "a photo"), "has no slot"),
        ("fox\nowl\n", ("--matrix", "nowhere.npy"), "nowhere.npy: no such file"),
        ("fox\nowl\n", ("a=b",), "overrides are of data=NAME"),
        ("fox\nx\x1by\n", (), "control character"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: tuple[str, ...], reason: str
) -> None:
    path = tmp_path / "names.txt"
    path.write_text(content)
    assert main(["labels", str(path), *words]) == 2
    err = capsys.readouterr().err
    assert reason in err
    assert err.count("\n") == 1


def test_the_names_of_imagenet_that_two_classes_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1,000 classes have 998 names as CLIP was asked them: what is averaged by name has two rows less."""
    names = imagenet1k()
    assert len(names) == 1000
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).standard_normal((1000, 64)))
    own = found(capsys, written(tmp_path, *names), "--matrix", str(tmp_path / "rows.npy"), "--near", "1")
    alike = [named for kind, named in own if kind == "duplicate"]
    assert sorted(alike) == ["missile · missile", "sunglasses · sunglasses"]
    assert len(set(names)) == 1000 - len(alike)


def test_the_names_of_lvis_pass_through(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data_root / "pairs" / "clip_text"
    if not folder.is_dir():
        pytest.skip("needs pairs/clip_text in ZSL_DATA_ROOT")
    own = found(
        capsys, str(folder / "lvis_v1_train_cat_info.json"), "--matrix", str(folder / "lvis_v1_clip_a+cname.npy")
    )
    assert ("same name", "salmon_(fish) · salmon_(food)") in own
    assert ("near-identical", "cushion · pillow") in own
    assert ("hypernym", "beer_bottle · bottle") in own
    assert {"bait", "money"} <= {names for kind, names in own if kind == "hub"}
