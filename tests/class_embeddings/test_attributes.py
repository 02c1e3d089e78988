"""Attributes are the data set's own matrices, or their binary version."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zsl.class_embeddings.attributes import Attributes
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError

ATT = np.array([[0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
ORIGINAL = np.array([[60.0, 80.0, -1.0], [0.0, 10.0, 90.0]])


def animals(**matrices: np.ndarray) -> ClassDescriptions:
    return ClassDescriptions(("antelope", "grizzly+bear"), matrices)


def test_kind_names_the_matrix() -> None:
    classes = animals(att=ATT, original_att=ORIGINAL)
    assert np.array_equal(Attributes().fit(classes)(classes), ATT)
    assert np.array_equal(Attributes(kind="original_att").fit(classes)(classes), ORIGINAL)


def test_what_is_returned_is_a_copy_in_float64() -> None:
    classes = animals(att=ATT.astype(np.float32))
    phi = Attributes().fit(classes)(classes)
    phi[:] = 0
    assert phi.dtype == np.float64
    assert classes.matrices["att"][0, 0] > 0


@given(arrays(np.float64, (5, 4), elements=st.floats(-1, 100)))
def test_binary_is_a_threshold_at_the_mean_of_all_values(original: np.ndarray) -> None:
    classes = ClassDescriptions(tuple("abcde"), {"att": -original, "original_att": original})
    phi = Attributes(kind="binary").fit(classes)(classes)
    mean = np.mean(original)
    assert phi.tolist() == [[1.0 if value > mean else 0.0 for value in row] for row in original.tolist()]


def test_binary_comes_from_att_where_there_is_no_original() -> None:
    classes = animals(att=ATT)
    assert Attributes(kind="binary").fit(classes)(classes).tolist() == [[1, 1, 0], [0, 0, 1]]


def test_binary_is_cut_at_the_mean_of_the_known_classes_alone() -> None:
    classes = animals(att=np.array([[0.2, 0.4], [0.5, 9.0]]))
    assert Attributes(kind="binary").fit(classes.part([0]))(classes).tolist() == [[0, 1], [1, 1]]


def test_a_missing_kind_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(InputError, match=r"kind=original_att: .* choose one of att, binary$"):
        Attributes(kind="original_att").fit(animals(att=ATT))


def test_a_data_set_without_attributes_is_told_what_else_to_use() -> None:
    with pytest.raises(InputError, match="class_embedding=glove"):
        Attributes().fit(animals())


def test_binary_needs_attributes_not_just_any_matrix() -> None:
    with pytest.raises(InputError, match=r"choose one of sentences$"):
        Attributes(kind="binary").fit(animals(sentences=ATT))
