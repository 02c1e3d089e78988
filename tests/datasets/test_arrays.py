"""Arrays of any format are one data set, matched by name; a permutation changes nothing, and a mismatch is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets import array_files
from tests.datasets.array_files import FEATURES, LABELS, NAMES, PHI, PLAN, SPLITS, embeddings, save, table
from tests.described_worlds import Files
from zsl.class_embeddings.sentence import Sentence
from zsl.cli import main
from zsl.config.data_sets import load_data
from zsl.data.dataset import Dataset
from zsl.data.fingerprint import verified_fingerprints
from zsl.datasets.arrays import load
from zsl.errors import InputError

ARRAYS = (".npz", ".pt", ".safetensors", ".h5")
TABLES = (".csv", ".tsv", ".txt", ".parquet")


def read(root: Path, **changes: Any) -> Dataset:
    keys: dict[str, Any] = {**array_files.write(root / "arrays"), **changes}
    return load(root=root / "arrays", cache=root / "cache", **keys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    array_files.write(tmp_path / "arrays")
    return tmp_path / "arrays"


def same(one: Dataset, other: Dataset) -> None:
    """Assert that two data sets are equal except for the title."""
    assert one.fingerprints == other.fingerprints == verified_fingerprints(other)
    assert one.classes.names == other.classes.names
    assert one.classes.matrices.keys() == other.classes.matrices.keys()
    for kind, matrix in one.classes.matrices.items():
        np.testing.assert_array_equal(matrix, other.classes.matrices[kind])


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    data = read(tmp_path)
    np.testing.assert_array_equal(data.features, FEATURES)
    np.testing.assert_array_equal(data.labels, LABELS)
    assert data.classes.names == NAMES
    np.testing.assert_array_equal(data.classes.matrices["att"], PHI)
    assert {name: rows.tolist() for name, rows in data.splits.parts().items()} == {
        name: rows.tolist() for name, rows in SPLITS.items()
    }
    assert data.card.title == "arrays: 30 images, 4 seen and 2 unseen classes"


def test_float32_npy_is_mapped_where_it_lies_and_all_else_converted(tmp_path: Path) -> None:
    plain = read(tmp_path)
    assert isinstance(plain.features, np.memmap)
    assert Path(str(plain.features.filename)) == tmp_path / "arrays" / "features.npy"
    assert not list((tmp_path / "cache").rglob("*.npy"))
    for dtype in (np.float64, np.float16, ">f4"):
        np.save(tmp_path / "arrays" / "f.npy", FEATURES.astype(dtype))
        np.testing.assert_array_equal(
            read(tmp_path, features="f.npy").features, FEATURES.astype(dtype).astype(np.float32)
        )
    np.save(tmp_path / "arrays" / "f.npy", np.asfortranarray(FEATURES))
    same(plain, read(tmp_path, features="f.npy"))


@pytest.mark.parametrize("suffix", [*ARRAYS, *TABLES])
def test_features_of_every_format(tmp_path: Path, folder: Path, suffix: str) -> None:
    file = folder / f"f{suffix}"
    if suffix in TABLES:
        table(file, ["a", "b", "label", "c", "d"], [*FEATURES.T[:2], [NAMES[i] for i in LABELS], *FEATURES.T[2:]])
    else:
        save(file, {"other": np.zeros(3), "features": FEATURES})
    same(read(tmp_path), read(tmp_path, features=file.name))


def test_features_in_a_column_of_lists(tmp_path: Path, folder: Path) -> None:
    table(folder / "f.parquet", ["features", "labels"], [FEATURES.tolist(), [NAMES[i] for i in LABELS]])
    same(read(tmp_path), read(tmp_path, features="f.parquet", labels="f.parquet"))


@pytest.mark.parametrize("suffix", [".npy", *ARRAYS, *TABLES])
def test_labels_of_every_format_as_names_and_as_numbers(tmp_path: Path, folder: Path, suffix: str) -> None:
    (folder / "names.txt").write_text("\n".join(NAMES))
    for number, values in enumerate(([NAMES[i] for i in LABELS], LABELS)):
        file = folder / f"y{number}{suffix}"
        if suffix in TABLES:
            table(file, ["image", "label"], [[f"{i}.jpg" for i in range(len(LABELS))], values])
        else:
            save(file, {"labels": values})
        same(read(tmp_path), read(tmp_path, labels=file.name, class_names="names.txt"))
    same(read(tmp_path), read(tmp_path, labels=f"y0{suffix}"))


def test_numbers_without_names_are_the_names(tmp_path: Path, folder: Path) -> None:
    np.save(folder / "y.npy", np.where(LABELS == 5, -1, 10 * LABELS).astype(np.uint8).astype(np.int16))
    np.save(folder / "y.npy", np.where(LABELS == 5, -1, 10 * LABELS))
    plan = {"seen": ["0", "10", "20"], "unseen": ["30", "40"]}
    (folder / "p.yaml").write_text(yaml.safe_dump(plan))
    data = read(tmp_path, labels="y.npy", splits="p.yaml", class_embeddings=None)
    assert data.classes.names == ("0", "10", "20", "30", "40")
    assert data.labels.tolist() == np.where(LABELS == 5, -1, LABELS).tolist()


@pytest.mark.parametrize("suffix", [*ARRAYS, ".json", ".yaml"])
@pytest.mark.parametrize("kinds", [5, 3])
def test_splits_of_every_format(tmp_path: Path, folder: Path, suffix: str, kinds: int) -> None:
    rows = dict(list(SPLITS.items())[:kinds])
    if suffix in ARRAYS:
        save(folder / f"s{suffix}", rows)
    else:
        text = {name: part.tolist() for name, part in rows.items()}
        (folder / f"s{suffix}").write_text(json.dumps(text) if suffix == ".json" else yaml.safe_dump(text))
    data = read(tmp_path, splits=f"s{suffix}")
    if kinds == 5:
        same(read(tmp_path), data)
    assert sorted([*data.splits.train, *data.splits.val]) == sorted(SPLITS["trainval"].tolist())
    assert not {*data.labels[data.splits.train]} & {*data.labels[data.splits.val]}


def test_a_share_of_every_seen_class_is_tested_on(tmp_path: Path, folder: Path) -> None:
    plan = {"seen": PLAN["seen"], "unseen": PLAN["unseen"], "test_fraction": 0.4, "seed": 3}
    (folder / "p.yaml").write_text(yaml.safe_dump(plan))
    data = read(tmp_path, splits="p.yaml")
    assert np.bincount(data.labels[data.splits.test_seen]).tolist() == [2, 2, 2, 2]
    assert np.bincount(data.labels[data.splits.trainval]).tolist() == [3, 3, 3, 3]
    same(data, read(tmp_path, splits="p.yaml"))


@pytest.mark.parametrize("keep", [False, True])
def test_classes_that_no_split_uses_are_left_out_or_further_answers(tmp_path: Path, folder: Path, keep: bool) -> None:
    plan = {"seen": PLAN["seen"][1:], "unseen": PLAN["unseen"]}
    (folder / "p.yaml").write_text(yaml.safe_dump(plan))
    data = read(tmp_path, splits="p.yaml", distractors=keep)
    assert data.classes.names == (NAMES if keep else NAMES[1:])
    np.testing.assert_array_equal(data.classes.matrices["att"], PHI if keep else PHI[1:])
    assert data.labels.tolist() == (LABELS if keep else LABELS - 1).tolist()
    assert NAMES[0] in data.card.notes[0]


@given(
    st.permutations(range(len(NAMES))),
    st.sampled_from([*[(s, "names") for s in (*ARRAYS, *TABLES)], *[(s, "classes") for s in ARRAYS]]),
)
def test_the_order_of_rows_in_a_file_of_class_embeddings_says_nothing(
    tmp_path_factory: pytest.TempPathFactory, order: Sequence[int], form: tuple[str, str]
) -> None:
    root = tmp_path_factory.mktemp("permuted")
    array_files.write(root / "arrays")
    embeddings(root / "arrays" / f"phi{form[0]}", order, form[1])
    data = read(root, class_embeddings=f"phi{form[0]}")
    np.testing.assert_array_equal(data.classes.matrices["att"], PHI)


def test_npy_needs_names_and_several_kinds_may_be_given(tmp_path: Path, folder: Path) -> None:
    np.save(folder / "phi.npy", PHI)
    with pytest.raises(
        InputError, match=r"has no names, and rows are never matched by position; set data\.class_names"
    ):
        read(tmp_path, class_embeddings="phi.npy")
    order = [3, 0, 5, 1, 2, 4]
    np.save(folder / "phi.npy", PHI[order])
    np.save(folder / "y.npy", [NAMES[i] for i in LABELS])
    (folder / "names.txt").write_text("\n".join(NAMES[i] for i in order))
    data = read(
        tmp_path,
        labels="y.npy",
        class_names="names.txt",
        class_embeddings={"att": "att.csv", "original_att": "phi.npy"},
    )
    assert data.classes.names == tuple(NAMES[i] for i in order)
    np.testing.assert_array_equal(data.classes.matrices["att"], PHI[order])
    np.testing.assert_array_equal(data.classes.matrices["original_att"], PHI[order])


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(["Dodo", "Great Auk", "Moa"])))
def test_a_mismatch_lists_both_sides(
    tmp_path_factory: pytest.TempPathFactory, missing: set[str], extra: set[str]
) -> None:
    root = tmp_path_factory.mktemp("mismatch")
    array_files.write(root / "arrays")
    names = [name for name in NAMES if name not in missing] + sorted(extra)
    if not names:
        return
    table(root / "arrays" / "phi.csv", ["class", "a"], [names, np.ones(len(names))])
    if not missing and not extra:
        read(root, class_embeddings="phi.csv")
        return
    with pytest.raises(InputError) as caught:
        read(root, class_embeddings="phi.csv")
    before, _, after = str(caught.value).partition("; too many: ")
    assert all(repr(name) in before and repr(name) not in after for name in missing)
    assert all(repr(name) in after and repr(name) not in before for name in extra)


def test_names_match_as_they_read(tmp_path: Path, folder: Path) -> None:
    table(folder / "phi.csv", ["class", "a"], [[f"00{i}.{n.replace(' ', '_')}" for i, n in enumerate(NAMES)], range(6)])
    assert read(tmp_path, class_embeddings="phi.csv").classes.matrices["att"].ravel().tolist() == [0, 1, 2, 3, 4, 5]


def test_two_classes_that_read_the_same_do_not_share_a_row(tmp_path: Path, folder: Path) -> None:
    save(folder / "y.npz", {"labels": LABELS, "names": ["barn_swallow", *NAMES[:1], *NAMES[2:]]})
    (folder / "p.yaml").write_text(yaml.safe_dump({**PLAN, "seen": ["barn_swallow", *NAMES[:1], *NAMES[2:4]]}))
    table(folder / "phi.csv", ["class", "a"], [[NAMES[0], *NAMES[2:]], range(5)])
    with pytest.raises(InputError, match="missing: 'barn_swallow'; too many: none"):
        read(tmp_path, labels="y.npz", splits="p.yaml", class_embeddings="phi.csv")


def refused(tmp_path: Path, says: str, **changes: Any) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, **changes)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (FEATURES[1:], "29 rows of features"),
        (FEATURES[:, 0], "an array of shape (30,)"),
        (np.full((30, 2), "a"), "holds text"),
        (np.where(np.arange(4) == 2, np.nan, FEATURES), "row 0 has values that are not finite"),
        (FEATURES.astype(np.float64) * 1e300, "row 0 has values that are not finite in float32"),
        (FEATURES.astype(complex), "complex numbers"),
    ],
)
def test_wrong_features_are_refused(tmp_path: Path, folder: Path, content: np.ndarray, says: str) -> None:
    np.savez(folder / "f.npz", features=content)
    refused(tmp_path, says, features="f.npz")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"labels": LABELS + 1}, "label 6 of row 25, but there are 6 class names"),
        ({"labels": LABELS - 2}, "label -2 of row 0 is negative; count classes from 0"),
        ({"labels": LABELS + 0.5}, "label 0.5 of row 0 is not a whole number"),
        ({"labels": LABELS > 2}, "holds bool"),
        ({"labels": LABELS.reshape(5, 6)}, "shape (5, 6)"),
        ({"labels": LABELS[:0]}, "shape (0,)"),
        ({"y": LABELS, "z": LABELS}, "has no array 'labels', but y, z"),
    ],
)
def test_wrong_labels_are_refused(tmp_path: Path, folder: Path, content: dict[str, Any], says: str) -> None:
    (folder / "names.txt").write_text("\n".join(NAMES))
    np.savez(folder / "y.npz", **content)
    refused(tmp_path, says, labels="y.npz", class_names="names.txt")


def test_a_table_that_begins_with_a_row_is_refused(tmp_path: Path, folder: Path) -> None:
    """Its first image would be lost, with no other sign."""
    np.savetxt(folder / "f.csv", FEATURES, delimiter=",")
    refused(tmp_path, "the first line holds numbers; begin with a line of column names", features="f.csv")
    (folder / "y.csv").write_text("\n".join(NAMES[i] for i in LABELS))
    refused(
        tmp_path, f"the first line, {NAMES[LABELS[0]]!r}, is a label too; begin with a line 'labels'", labels="y.csv"
    )
    numbered = "\n".join([",".join(map(str, range(4))), *(",".join(map(str, row)) for row in FEATURES)])
    (folder / "g.csv").write_text(numbered)
    assert len(read(tmp_path, features="g.csv").features) == len(FEATURES)


def test_labels_that_class_names_do_not_have_are_listed(tmp_path: Path, folder: Path) -> None:
    np.save(folder / "y.npy", [NAMES[i] for i in LABELS])
    (folder / "names.txt").write_text("\n".join(NAMES[:4]))
    refused(tmp_path, "'Le Conte Sparrow', 'Sooty Albatross'", labels="y.npy", class_names="names.txt")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({**PLAN, "seen": ["Dodo", *NAMES[:4]]}, "'Dodo' is not a class of the data set"),
        ({**PLAN, "train": [0, 30], "test": [1]}, "train: row 30 is out of range"),
        ({**PLAN, "train": [0, 29], "test": [1]}, "train: row 29 is not an image of a seen class"),
        ({**PLAN, "train": [0, "1"], "test": [1]}, "train: '1' is not a row number"),
        ({**PLAN, "train": [0, True], "test": [1]}, "train: True is not a row number"),
        ({**PLAN, "train": [0, 0], "test": [1]}, "train: 0 occurs twice"),
        ({**PLAN, "train": [0, 1], "test": [1]}, "1 is in both train and test"),
        ({**PLAN, "train": [0], "test": [1]}, "has no image"),
        ({"trainval": [0], "test_seen": [1]}, "has no test_unseen"),
        ({"trainval": [0], "seen": ["a"]}, "unknown key 'seen' beside rows"),
        ({k: v.tolist() for k, v in SPLITS.items() if k != "val"}, "one of train and val without the other"),
        ({k: v.tolist() for k, v in SPLITS.items()} | {"val": [99]}, "val: index 99 is out of range"),
        ({k: v.tolist() for k, v in SPLITS.items()} | {"test_seen": [1]}, "index 1 is also in trainval"),
    ],
)
def test_wrong_splits_are_refused(tmp_path: Path, folder: Path, content: dict[str, Any], says: str) -> None:
    (folder / "s.json").write_text(json.dumps(content))
    refused(tmp_path, says, splits="s.json")


def test_masks_words_and_other_files_are_refused_as_splits(tmp_path: Path, folder: Path) -> None:
    np.savez(folder / "s.npz", **{key: np.isin(np.arange(30), rows) for key, rows in SPLITS.items()})
    refused(tmp_path, "save numpy.flatnonzero(mask)", splits="s.npz")
    refused(tmp_path, "zsl data splits makes one", splits="random")


def test_nothing_is_unpickled(tmp_path: Path, folder: Path) -> None:
    class Call:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "called",)

    torch.save({"features": Call()}, folder / "f.pt")
    refused(tmp_path, "without executing code from it", features="f.pt")
    np.savez(folder / "f.npz", features=np.array([Call()], dtype=object))
    refused(tmp_path, "Python objects", features="f.npz")
    assert not (tmp_path / "called").exists()


def test_a_tensor_that_claims_more_than_the_file_holds_is_refused(tmp_path: Path, folder: Path) -> None:
    torch.save(torch.ones(1, 1).expand(10**7, 10**6), folder / "f.pt")
    refused(tmp_path, "claims more numbers than the file contains", features="f.pt")


def test_a_changed_file_is_read_again(tmp_path: Path, folder: Path) -> None:
    before = read(tmp_path)
    node = {"_target_": "zsl.datasets.arrays.load", "root": str(folder), "cache": str(tmp_path / "cache")}
    node |= {**array_files.write(folder), "scale": "none"}
    np.save(folder / "features.npy", FEATURES + 1)
    after = load_data(node)
    assert after.fingerprints["features"] != before.fingerprints["features"]
    assert after.fingerprints == verified_fingerprints(after)


def test_training_through_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array_files.write(tmp_path / "arrays")
    monkeypatch.chdir(tmp_path)
    assert main(["train", *array_files.overrides(), "method=eszsl", "paths.output=runs", "paths.cache=cache"]) == 0
    result = json.loads((tmp_path / "runs" / "result.json").read_text())
    assert result["fingerprints"]["features"] == read(tmp_path).fingerprints["features"]


@pytest.mark.parametrize("suffix", [".npy", *ARRAYS, ".csv", ".parquet"])
def test_the_standard_files_loader_says_which_data_set_reads_arrays(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"res101{suffix}"
    (table if suffix in TABLES else lambda path, _, columns: save(path, {"features": columns[0]}))(
        file, ["features"], [FEATURES[:, 0]]
    )
    words = ["data=xlsa17", "data.name=x", f"data.root={tmp_path}", f"data.features={file.name}", "method=eszsl"]
    assert main(["train", *words, f"paths.output={tmp_path}/runs"]) == 2
    line = capsys.readouterr().err
    assert "use data=arrays" in line
    assert line.count("\n") == 1


def test_texts_reach_the_sentence_encoder_by_the_heading_of_their_column(tmp_path: Path, folder: Path) -> None:
    order = [4, 2, 0, 5, 1, 3]
    words = ["red", "blue", "green", "white", "black", "grey"]
    names = [NAMES[i] for i in order]
    columns = [names, [f"a {words[i]} bird" for i in order], [words[i] for i in order]]
    table(folder / "texts.csv", ["class", "text", "colour"], columns)
    data = read(tmp_path, texts="texts.csv")
    assert data.classes.texts["colour"] == tuple(words)
    encoder = Sentence(template="{text}: {colour}")
    assert encoder.texts(data.classes)[2] == "a green bird: green"
    table(folder / "texts.csv", ["class", "text"], [names[1:], columns[1][1:]])
    refused(tmp_path, f"missing: {names[0]!r}; too many: none", texts="texts.csv")


def test_texts_through_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an encoder with one small layer and a tokenizer of single letters."""
    monkeypatch.chdir(tmp_path)
    array_files.write(tmp_path / "arrays")
    (tmp_path / "arrays" / "texts").mkdir()
    for name in NAMES:
        (tmp_path / "arrays" / "texts" / f"{name}.txt").write_text(f"the {name.lower()} is a bird")
    model = Files(tmp_path, tmp_path / "cache").encoder
    words = [*array_files.overrides(), "data.texts=texts", "class_embedding=minilm_texts", "method=eszsl"]
    assert main(["train", *words, f"class_embedding.model={model}", "paths.output=runs"]) == 0
    assert (tmp_path / "runs" / "result.json").is_file()


def test_class_names_beside_names_of_the_labels_name_the_rows_of_a_matrix(tmp_path: Path, folder: Path) -> None:
    order = [3, 0, 5, 1, 2, 4]
    np.save(folder / "phi.npy", PHI[order])
    (folder / "names.txt").write_text("\n".join(NAMES[i] for i in order))
    same(read(tmp_path), read(tmp_path, class_names="names.txt", class_embeddings="phi.npy"))
    (folder / "names.txt").write_text("\n".join(["Dodo", *NAMES[1:]]))
    refused(tmp_path, "missing: 'Barn Swallow'; too many: 'Dodo'", class_names="names.txt", class_embeddings="phi.npy")
