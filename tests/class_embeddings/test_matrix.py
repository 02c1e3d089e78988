"""A matrix from a file: row i is class i, or an error that says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
        (np.zeros(3), "one row of numbers each"),
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
