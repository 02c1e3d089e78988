"""Classes are divided by shares and a seed, or by name; the file reads back, and is never overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets import array_files
from tests.datasets.array_files import LABELS, NAMES
from zsl.cli import main
from zsl.datasets.class_splits import class_names, divide_classes, write_split_file
from zsl.datasets.split_file import read_split_file
from zsl.files.source_file import composed

NAME = st.one_of(
    st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=9).filter(str.strip),
    st.sampled_from(["yes", "1", "1e-3", "2020-01-01", "null", "~", "- a", "a: b", "#", '"', "'", "<<", "*a", "\\"]),
)


@given(
    st.lists(NAME, min_size=3, max_size=30, unique_by=lambda name: composed(name).casefold()),
    st.floats(0.01, 0.99),
    st.floats(0.01, 0.99),
    st.integers(0, 2**32 - 1),
    st.randoms(use_true_random=False),
)
def test_division_is_a_partition_that_depends_on_names_and_seed_alone(
    tmp_path_factory: pytest.TempPathFactory, names: Sequence[str], unseen: float, val: float, seed: int, other: object
) -> None:
    divided = divide_classes(names, str(unseen), str(val), seed)
    assert sorted(divided["seen"] + divided["unseen"]) == sorted(names)
    assert set(divided["val"]) < set(divided["seen"])
    assert divided["val"]
    assert len(divided["unseen"]) == min(max(1, round(unseen * len(names))), len(names) - 2)
    shuffled = list(names)
    other.shuffle(shuffled)  # type: ignore[attr-defined]
    assert divide_classes(shuffled, str(unseen), str(val), seed) == divided
    path = tmp_path_factory.mktemp("splits") / "s.yaml"
    write_split_file(path, divided, "a heading")
    found = read_split_file(path)
    assert {key: list(getattr(found, key)) for key in divided} == divided


def test_seeds_differ() -> None:
    names = [f"class {i}" for i in range(30)]
    assert len({tuple(divide_classes(names, "0.3", "0.3", seed)["unseen"]) for seed in range(8)}) == 8


def test_classes_of_a_folder_of_a_list_and_of_labels(tmp_path: Path) -> None:
    for name in (*NAMES, ".hidden"):
        (tmp_path / "images" / name).mkdir(parents=True)
    (tmp_path / "images" / "readme.txt").write_text("no class")
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    array_files.write(tmp_path)
    np.save(tmp_path / "y.npy", [NAMES[i] for i in LABELS])
    for source in ("images", "names.txt", "labels.npz", "y.npy"):
        assert sorted(class_names(str(tmp_path / source))) == sorted(NAMES)


def test_the_command_writes_what_arrays_and_image_folders_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    array_files.write(tmp_path / "arrays")
    command = ["data", "splits", "arrays/labels.npz", "a.yaml", "--seed", "5", "--unseen", "0.34"]
    assert main(command) == 0
    assert capsys.readouterr().out == "a.yaml: 4 seen classes, 1 of them for validation, and 2 unseen classes\n"
    text = (tmp_path / "a.yaml").read_text()
    assert main(command) == 2
    assert "a.yaml exists already" in capsys.readouterr().err
    assert (tmp_path / "a.yaml").read_text() == text
    assert main([*command[:3], "b.yaml", *command[4:]]) == 0
    assert (tmp_path / "b.yaml").read_text() == text
    words = [word for word in array_files.overrides() if "data.splits" not in word]
    made = [*words, f"data.splits={tmp_path}/a.yaml", "method=eszsl", "paths.output=runs"]
    assert main(["train", *made]) == 0


def test_classes_may_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "all.txt").write_text("\n".join(NAMES))
    (tmp_path / "unseen.txt").write_text("\n".join(NAMES[:2]))
    (tmp_path / "val.txt").write_text(NAMES[3])
    command = ["data", "splits", str(tmp_path / "all.txt"), str(tmp_path / "s.yaml")]
    assert main([*command, "--unseen", str(tmp_path / "unseen.txt"), "--val", str(tmp_path / "val.txt")]) == 0
    found = read_split_file(tmp_path / "s.yaml")
    assert (found.unseen, found.val, found.seen) == (NAMES[:2], NAMES[3:4], NAMES[2:])
    capsys.readouterr()
    (tmp_path / "val.txt").write_text(NAMES[0])
    command[3] = str(tmp_path / "t.yaml")
    assert main([*command, "--unseen", str(tmp_path / "unseen.txt"), "--val", str(tmp_path / "val.txt")]) == 2
    assert f"{NAMES[0]!r} is not a seen class" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--unseen", "0"], "give a share between 0 and 1"),
        (["--unseen", "1.5"], "give a share between 0 and 1"),
        (["--unseen", "nan"], "give a share between 0 and 1"),
        (["--unseen", "none.txt"], "no such file"),
        (["--seed", "-1"], "give a whole number from 0"),
        (["--seed", "x"], "invalid int value"),
    ],
)
def test_what_cannot_be_divided_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    (tmp_path / "all.txt").write_text("\n".join(NAMES))
    assert main(["data", "splits", str(tmp_path / "all.txt"), str(tmp_path / "s.yaml"), *options]) == 2
    line = capsys.readouterr().err
    assert says in line
    assert line.count("\n") == 1
    assert not (tmp_path / "s.yaml").exists()


def test_two_classes_are_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "all.txt").write_text("a\nb\n")
    assert main(["data", "splits", str(tmp_path / "all.txt"), str(tmp_path / "s.yaml")]) == 2
    assert "give at least three" in capsys.readouterr().err
