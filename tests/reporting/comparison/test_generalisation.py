"""`zsl compare` over test images and classes, from runs with saved predictions."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zsl.cli import main
from zsl.errors import InputError
from zsl.outputs.result import Result, write
from zsl.outputs.result import read as read_result
from zsl.reporting.comparison.predictions import NAME, read
from zsl.reporting.comparison.resampling import Hits, over_images

Make = Callable[..., Result]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two closed-form methods with saved predictions, and of one without."""
    folder = tmp_path_factory.mktemp("generalisation")
    for method, saved in (("eszsl", True), ("ridge", True), ("sae", False)):
        words = [f"method={method}", f"save.predictions={saved}", f"paths.output={folder / 'runs' / method}"]
        assert main(["train", "data=synthetic", f"paths.cache={folder / 'cache'}", *words]) == 0
    return folder / "runs"


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "runs"))


def compare(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    capsys.readouterr()
    assert main(["compare", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_closed_forms_on_one_split_are_tested_over_images_and_classes(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = compare(capsys, runs, "--metric", "T1", "--format", "csv")
    lines = [line for line in csv.DictReader(io.StringIO(page)) if line["unit"] in ("test image", "class")]
    over = {(line["a"], line["b"], line["unit"]): line for line in lines}
    assert {pair[:2] for pair in over if pair[2] == "test image"} == {("eszsl", "ridge")}
    assert len([pair for pair in over if pair[2] == "class"]) == 3
    predicted = []
    for method in ("eszsl", "ridge"):
        file = runs / method / "result.json"
        found = read(read_result(file), file)
        assert found is not None
        predicted.append(found)
    labels, a = predicted[0].part("T1")
    expected = over_images({"T1": Hits(labels, a[None], predicted[1].part("T1")[1][None])})
    line = over["eszsl", "ridge", "test image"]
    told = [float(line[key]) for key in ("difference", "low", "high", "p")]
    assert told == pytest.approx([expected.difference, expected.low, expected.high, expected.p])
    T1 = [read_result(runs / method / "result.json").metrics["T1"] for method in ("eszsl", "ridge")]
    assert expected.difference == pytest.approx(T1[0] - T1[1])


@pytest.mark.parametrize("metric", ["T1", "u", "s", "H"])
def test_the_table_says_what_each_test_generalises_to_and_what_is_missing(
    runs: Path, metric: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = compare(capsys, runs, "--metric", metric)
    assert f"{metric}, a - b, on new images and classes: synthetic toy" in page
    assert "new images: tests whether the difference generalises to other images of these classes" in page
    assert "new classes: tests whether the difference generalises to other classes" in page
    assert "no test over images of sae: run again with save.predictions=true" in page


def test_other_metrics_have_no_such_tests(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "new images" not in compare(capsys, runs, "--metric", "AUSUC")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predicted": None}, "predicted"),
        ({"labels": np.array([0.5])}, "labels is no list of whole numbers"),
        ({"predicted": np.zeros(3, int)}, "labels and 3 predictions"),
        ({"seen": np.zeros(2, bool)}, "a label is no class"),
        ({"rows": "same"}, "an image appears twice"),
        ({"predicted": "others"}, "belongs to another run: u is"),
        ({"predicted": np.array([{}], dtype=object)}, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_one_line(
    runs: Path, change: dict[str, object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = runs / "eszsl" / NAME
    with np.load(file) as stored:
        arrays = dict(stored)
    for name, value in change.items():
        if value is None:
            del arrays[name]
        elif isinstance(value, str) and value == "same":
            arrays[name] = np.zeros_like(arrays[name])
        elif isinstance(value, str):
            arrays[name] = (arrays[name] + 1) % len(arrays["seen"])
        else:
            arrays[name] = np.asarray(value)
    np.savez(file, **arrays)
    assert main(["compare", str(runs), "--metric", "T1"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert NAME in error
    assert error.count("\n") == 1


def test_a_file_that_is_cut_off_is_refused(runs: Path) -> None:
    file = runs / "eszsl" / NAME
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"cannot be read .*; run it again with save.predictions=true"):
        read(read_result(runs / "eszsl" / "result.json"), runs / "eszsl" / "result.json")


def test_what_no_seed_changes_is_paired_with_every_seed_of_the_other(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(make(T1=50.0, deterministic=True), tmp_path / "e")
    for seed in range(5):
        write(make(T1=52.0 + seed / 10, seed=seed, method="ale", deterministic=False), tmp_path / f"a{seed}")
    page = compare(capsys, tmp_path, "--metric", "T1", "--format", "csv")
    (line,) = csv.DictReader(io.StringIO(page))
    assert (line["pairs"], line["unpaired"]) == ("5", "0")
    assert float(line["t p"]) < 0.001


def test_too_many_pairs_ask_for_a_baseline(make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(26):
        write(make(method=f"m{i}", T1=50.0 + i), tmp_path / str(i))
    assert main(["compare", str(tmp_path), "--metric", "T1"]) == 2
    assert "26 rows make 325 pairs, more than 300; choose a row" in capsys.readouterr().err
    assert "m1 - m0" in compare(capsys, tmp_path, "--metric", "T1", "--baseline", "m0")
