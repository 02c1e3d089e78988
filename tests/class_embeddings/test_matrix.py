"""A matrix from a file: a row for every class by name, or row i for class i with a warning, or an error."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets import array_files
from tests.datasets.array_files import NAMES, PHI
from zsl.class_embeddings.matrix import Matrix
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError

CLASSES = ClassDescriptions(("ant", "bee", "cow"))


def saved(tmp_path: Path, array: np.ndarray, **options: bool) -> Path:
    np.save(tmp_path / "phi.npy", array, **options)
    return tmp_path / "phi.npy"


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "u1", "i8", "?"])
def test_rows_are_classes_whatever_the_type(tmp_path: Path, dtype: str) -> None:
    values = np.array([[0, 1], [1, 1], [1, 0]])
    matrix = Matrix(path=saved(tmp_path, values.astype(dtype)))
    phi = matrix.fit(CLASSES)(CLASSES)
    assert phi.dtype == np.float64
    assert np.array_equal(phi, values)


def test_some_of_the_classes_have_their_own_rows(tmp_path: Path) -> None:
    embed = Matrix(path=saved(tmp_path, np.array([[0.0], [1.0], [2.0]]))).fit(CLASSES.part([1]))
    assert embed(CLASSES.part([2, 0])).tolist() == [[2], [0]]
    assert embed(CLASSES.part([2, 0]).part([1])).tolist() == [[0]]


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 4)), r"shape \(2, 4\), but the data set has 3 classes"),
        (np.zeros(3), "give one row per class"),
        (np.array([["a"], ["b"], ["c"]]), "holds text, not real numbers"),
        (np.array([[1.0], [np.nan], [2.0]]), "not finite"),
    ],
)
def test_a_wrong_matrix_is_an_error(tmp_path: Path, array: np.ndarray, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        Matrix(path=saved(tmp_path, array)).fit(CLASSES)


def test_pickles_other_files_and_no_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds Python objects"):
        Matrix(path=saved(tmp_path, np.array([[{}], [{}], [{}]]), allow_pickle=True)).fit(CLASSES)
    (tmp_path / "words.npy").write_text("not an array")
    with pytest.raises(InputError, match=r"not a \.npy file"):
        Matrix(path=tmp_path / "words.npy").fit(CLASSES)
    with pytest.raises(InputError, match="no such file"):
        Matrix(path=tmp_path / "none.npy").fit(CLASSES)


def test_word_vectors_of_the_awa_classes(data_root: Path) -> None:
    path = data_root / "W2V" / "AWA_class_wv1000.npy"
    classes = ClassDescriptions(tuple(map(str, range(50))))
    phi = Matrix(path=path).fit(classes)(classes)
    assert np.array_equal(phi, np.load(path).astype(np.float64))


BIRDS = ClassDescriptions(NAMES)
FORMS = [(s, "names") for s in (".csv", ".tsv", ".parquet", ".npz", ".pt", ".safetensors", ".h5")]
FORMS += [(s, "classes") for s in (".npz", ".pt", ".safetensors", ".h5")]


@given(st.permutations(range(len(NAMES))), st.sampled_from(FORMS), st.permutations(range(len(NAMES))))
def test_rows_are_found_by_name_whatever_their_order(
    tmp_path_factory: pytest.TempPathFactory, order: Sequence[int], form: tuple[str, str], asked: Sequence[int]
) -> None:
    path = array_files.embeddings(tmp_path_factory.mktemp("matrix") / f"phi{form[0]}", order, form[1])
    embed = Matrix(path=path).fit(BIRDS.part(asked[:3]))
    np.testing.assert_array_equal(embed(BIRDS.part(asked)), PHI[list(asked)])


def test_names_of_a_npy_file_and_a_warning_where_there_are_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    order = [2, 0, 1, 5, 4, 3]
    (tmp_path / "names.txt").write_text("\n".join(NAMES[i] for i in order))
    path = saved(tmp_path, PHI[order])
    with caplog.at_level(logging.WARNING):
        named = Matrix(path=path, names=tmp_path / "names.txt").fit(BIRDS)(BIRDS)
        assert not caplog.messages
        np.testing.assert_array_equal(named, PHI)
        np.testing.assert_array_equal(Matrix(path=path).fit(BIRDS)(BIRDS), PHI[order])
    assert "has no names; row i is used for class i" in caplog.messages[0]


def test_a_class_without_a_row_is_named_beside_the_rows_that_nobody_asked_for(tmp_path: Path) -> None:
    path = array_files.table(tmp_path / "phi.csv", ["class", "a"], [["Dodo", *NAMES[1:]], range(6)])
    with pytest.raises(InputError, match="no row for 'Barn Swallow'; rows of other names: 'Dodo'"):
        Matrix(path=path).fit(BIRDS)
    embed = Matrix(path=path).fit(BIRDS.part([2, 3]))
    assert embed(BIRDS.part([1])).tolist() == [[1]]
    with pytest.raises(InputError, match="no row for 'Barn Swallow'"):
        embed(BIRDS.part([0, 1]))


@pytest.mark.parametrize(
    ("heading", "columns", "reason"),
    [
        (["class", "a"], [NAMES, [1, 2, 3, "x", 5, 6]], "could not convert string to float: 'x'; give numbers"),
        (["class", "a"], [NAMES, [1, 2, "nan", 4, 5, 6]], r"row 3 \(class 'Cactus Wren'\) are not finite"),
        (["class", "a"], [(NAMES[0], *NAMES[:5]), range(6)], "occurs twice"),
        (["class"], [NAMES], "holds no numbers"),
        (["class", "class"], [NAMES, range(6)], "two columns are called 'class'"),
        (["class", "a"], [[], []], "holds no numbers"),
    ],
)
def test_a_wrong_table_is_an_error(tmp_path: Path, heading: list[str], columns: list[Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        Matrix(path=array_files.table(tmp_path / "phi.csv", heading, columns)).fit(BIRDS)


def test_names_beside_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    path = array_files.embeddings(tmp_path / "phi.npz", range(6))
    with pytest.raises(InputError, match=r"has names of its own; leave class_embedding\.names out"):
        Matrix(path=path, names=tmp_path / "names.txt").fit(BIRDS)
