"""Exported data sets are read back with the same fingerprints, in both formats; nothing is overwritten."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import worlds
from tests.datasets import array_files, matfiles
from zsl.cli import main
from zsl.cli.data import COMMANDS
from zsl.data.dataset import ClassDescriptions, Dataset, Splits
from zsl.data.fingerprint import fingerprints, verified_fingerprints
from zsl.datasets import arrays, xlsa17
from zsl.datasets.export import FORMATS, export
from zsl.errors import InputError
from zsl.files.source_file import composed

LOADERS: dict[str, Any] = {"arrays": arrays.load, "xlsa17": xlsa17.load}
NAME = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12).filter(str.strip)
NUMBER = st.floats(-1e300, 1e300)


def again(folder: Path, keys: dict[str, Any], form: str, cache: Path) -> Dataset:
    dataset = LOADERS[form](**keys, name="again", root=folder, cache=cache)
    assert isinstance(dataset, Dataset)
    return dataset


@given(st.data(), st.sampled_from(FORMATS), st.integers(0, 1000), st.integers(0, 3))
def test_the_law_of_fingerprints(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, form: str, seed: int, spare: int
) -> None:
    """Names of any letters, numbers of any size, images of no class, classes without images, rows in any order."""
    root = tmp_path_factory.mktemp("export")
    world = worlds.dataset(seed)
    count = len(world.classes.names) + spare
    names = data.draw(st.lists(NAME, min_size=count, max_size=count, unique_by=lambda name: composed(name).casefold()))
    att = np.array(data.draw(st.lists(NUMBER.filter(bool), min_size=count, max_size=count)))[:, None]
    texts = tuple(data.draw(st.lists(NAME, min_size=count, max_size=count)))
    generator = np.random.default_rng(seed)
    trainval = generator.permutation(world.splits.trainval)
    is_val = np.isin(trainval, world.splits.val)
    dropped, kept = world.splits.test_unseen[0], generator.permutation(world.splits.test_unseen[1:])
    splits = Splits(trainval, world.splits.test_seen[::-1].copy(), kept, trainval[~is_val], trainval[is_val])
    labels = world.labels.copy()
    labels[dropped] = -1
    classes = ClassDescriptions(tuple(names), {"att": att, "original_att": -att}, {"keywords": texts})
    prints = fingerprints(world.features, labels, splits)
    dataset = replace(world, labels=labels, splits=splits, classes=classes, fingerprints=prints)
    keys = export(dataset, root / "out", form)
    found = again(root / "out", keys, form, root / "cache")
    assert found.fingerprints == dataset.fingerprints == verified_fingerprints(found)
    assert found.classes.names == classes.names
    np.testing.assert_array_equal(found.classes.matrices["att"], att)
    np.testing.assert_array_equal(found.classes.matrices["original_att"], -att)
    assert found.classes.texts == ({"keywords": texts} if form == "arrays" else {})
    assert sorted(path.name for path in root.iterdir()) == ["cache", "out"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["synthetic", "arrays", "xlsa17"])
def test_the_command_line_that_is_printed_reads_the_same_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "10000")
    source = {"synthetic": [], "xlsa17": ["data.name=toy", "data.root=toy"], "arrays": array_files.overrides()[1:]}
    matfiles.write(tmp_path / "toy", *matfiles.content())
    array_files.write(tmp_path / "arrays")
    assert main(["data", "inspect", name, *source[name]]) == 0
    before = [line.split()[-1] for line in capsys.readouterr().out.splitlines() if "SHA-256" in line]
    assert main(["data", "export", name, "out", *source[name], "--format", form]) == 0
    words = shlex.split(capsys.readouterr().out.partition("use it with zsl train ")[2])
    assert words[0] == f"data={form}"
    assert main(["data", "inspect", form, *words[1:]]) == 0
    after = [line.split()[-1] for line in capsys.readouterr().out.splitlines() if "SHA-256" in line]
    assert before == after
    assert len(before) == 7
    for data, output in (([f"data={name}", *source[name]], "one"), (words, "two")):
        assert main(["train", *data, "method=eszsl", f"paths.output={output}"]) == 0
    one, two = (json.loads((tmp_path / output / "result.json").read_text()) for output in ("one", "two"))
    assert one["fingerprints"] == two["fingerprints"]
    assert one["metrics"] == two["metrics"]


def test_xlsa17_takes_the_class_embedding_where_there_are_no_attributes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    array_files.write(tmp_path / "arrays")
    words = [word for word in array_files.overrides()[1:] if "class_embeddings" not in word]
    with_matrix = ["class_embedding=matrix", "class_embedding.path=arrays/att.csv"]
    assert main(["data", "export", "arrays", "out", "--format", "xlsa17", *words, *with_matrix]) == 0
    found = xlsa17.load(name="x", root="out", cache=tmp_path / "cache")
    np.testing.assert_array_equal(found.classes.matrices["att"], array_files.PHI)


def test_nothing_is_overwritten_and_nothing_half_written_stays(tmp_path: Path) -> None:
    world = worlds.dataset()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        export(world, tmp_path / "full", "arrays")
    backwards = replace(world.splits, train=world.splits.train[::-1].copy())
    turned = replace(world, splits=backwards, fingerprints=fingerprints(world.features, world.labels, backwards))
    for form in FORMATS:
        with pytest.raises(InputError, match=f"format {form} would change train"):
            export(turned, tmp_path / "new" / "out", form)
    without = replace(world, classes=ClassDescriptions(world.classes.names))
    with pytest.raises(InputError, match="use --format arrays"):
        export(without, tmp_path / "out", "xlsa17")
    zero = replace(world, classes=replace(world.classes, matrices={"att": np.zeros((len(world.classes.names), 2))}))
    with pytest.raises(InputError, match=r"out.att_splits\.mat: class 'class 0' has images but no embedding"):
        export(zero, tmp_path / "out", "xlsa17")
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]
    (tmp_path / "empty").mkdir()
    export(world, tmp_path / "empty", "arrays")
    assert (tmp_path / "empty" / "features.npy").is_file()


@pytest.mark.parametrize("word", ["prepare", "inspect", "verify", "export", "splits"])
def test_the_help_of_every_command_says_what_it_does(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    texts = set()
    for command in ([word], []):
        with pytest.raises(SystemExit) as stop:
            main(["data", *command, "--help"])
        assert stop.value.code == 0
        texts.add(" ".join(capsys.readouterr().out.split()))
    assert len(set(COMMANDS.values())) == len(COMMANDS)
    assert all(COMMANDS[word][1:] in text for text in texts)
