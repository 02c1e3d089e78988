"""Pairs from extracted images and captions, as ``method=aligned`` reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import zsl
from tests.datasets.test_extracted import store
from tests.datasets.test_image_folder import paint
from zsl.class_embeddings.sentence import Sentence
from zsl.class_embeddings.text_tower import TextTower
from zsl.class_embeddings.tokens import Tokens
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError
from zsl.features.store import open_store
from zsl.files.named_arrays import open_arrays
from zsl.methods.alignment.pairs import read_pairs
from zsl.methods.method import Dimensions


@pytest.fixture
def extracted(tmp_path: Path) -> Path:
    for i in range(4):
        paint(tmp_path / "images" / f"{i}.png", 10 * i, 200 - 7 * i)
    return store(tmp_path / "images", tmp_path / "store")


def test_rows_are_scaled_features_and_captions_of_the_same_images(extracted: Path, tmp_path: Path) -> None:
    captions = {"3.png": "a red fox", "1.png": "a blue hen", "0.png": "a red fox"}
    assert zsl.save_pairs(extracted, captions, tmp_path / "pairs.safetensors", scale="l2") == 3
    arrays, opened = open_arrays(tmp_path / "pairs.safetensors", "pairs"), open_store(extracted)
    x = np.asarray(opened.features[np.array([opened.names.index(name) for name in captions])])
    np.testing.assert_allclose(arrays["images"], x / np.linalg.norm(x, axis=1, keepdims=True), rtol=1e-6)
    as_class = Sentence()
    phi = as_class.fit(ClassDescriptions(("a blue hen",)))(ClassDescriptions(("a blue hen",)))
    np.testing.assert_allclose(arrays["texts"][1], phi[0], atol=1e-6)
    train = read_pairs(tmp_path / "pairs.safetensors", Dimensions(x.shape[1], phi.shape[1], 1))
    assert len(train.classes) == 2
    assert train.examples.labels[0] == train.examples.labels[2] != train.examples.labels[1]


def test_token_ids_are_those_of_the_tower(extracted: Path, tmp_path: Path) -> None:
    captions, file = {"3.png": "a red fox", "1.png": "a blue hen"}, tmp_path / "pairs.safetensors"
    zsl.save_pairs(extracted, captions, file, tokens=True)
    texts = open_arrays(file, "pairs")["texts"]
    named = ClassDescriptions(tuple(captions.values()))
    np.testing.assert_array_equal(texts, Tokens().fit(named)(named))
    vectors = TextTower(None)(torch.from_numpy(np.array(texts))).numpy(force=True)
    phi = Sentence().fit(named)(named)
    np.testing.assert_allclose(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), phi, atol=1e-6)


@pytest.mark.parametrize(
    ("captions", "how", "said"),
    [
        ({}, {}, "no captions"),
        ({"7.png": "a hen"}, {}, r"has no image '7\.png', of 1 that are captioned"),
        ({"1.png": "a hen"}, {"scale": "standard"}, "scale=standard is unknown"),
        ({"1.png": "a hen"}, {"file": "pairs.npz"}, r"is no \.safetensors file"),
    ],
)
def test_what_makes_no_pairs_is_refused(
    extracted: Path, tmp_path: Path, captions: dict[str, str], how: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        zsl.save_pairs(extracted, captions, **({"file": tmp_path / "pairs.safetensors"} | how))  # type: ignore[arg-type]
    assert not (tmp_path / "pairs.safetensors").exists()
