"""Texts of two-tower checkpoints are encoded as transformers does; a folder without a part is refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.hub_cache import downloaded, with_pickled_weights
from tests.two_towers import LONGEST, checkpoint
from zsl.class_embeddings import text_encoder
from zsl.class_embeddings.text_encoder import TextEncoder
from zsl.class_embeddings.text_models import canonical_text, encode, open_tokenizer
from zsl.class_embeddings.text_tower import TextTower
from zsl.errors import InputError
from zsl.methods.open_vocabulary.checkpoint import scale_and_bias

library: Any = pytest.importorskip("transformers")
TEXTS = ["a photo of a cat.", "Dog", "a very long text about nothing at all " * 4]


@pytest.fixture(scope="module", params=LONGEST)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("model") / str(request.param), str(request.param))


def reference(folder: Path, texts: list[str], **how: Any) -> np.ndarray:
    """What transformers makes of texts in one padded batch."""
    tokens = library.AutoTokenizer.from_pretrained(str(folder))(texts, truncation=True, return_tensors="pt", **how)
    model = library.AutoModel.from_pretrained(str(folder)).eval()
    return np.asarray(model.get_text_features(**tokens).pooler_output.detach())


def test_vectors_are_those_of_transformers(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    siglip = folder.name == "siglip"
    texts = [canonical_text(text) for text in TEXTS] if siglip else TEXTS
    expected = reference(folder, texts, padding="max_length" if siglip else True)
    np.testing.assert_allclose(encode(TEXTS, folder), expected, atol=3e-6)
    assert f"1 of 3 texts are cut after {LONGEST[folder.name]} tokens" in caplog.text


def test_neither_other_texts_nor_their_order_change_a_bit(folder: Path) -> None:
    together = encode(TEXTS, folder)
    assert np.array_equal(encode(TEXTS[::-1], folder)[::-1], together)
    assert np.array_equal(encode(TEXTS[1:2], folder)[0], together[1])


def test_siglip_needs_its_padding_and_its_canonical_text(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "siglip", "siglip")
    own = encode(["A photo, of a Cat."], folder)
    assert np.array_equal(own, encode(["a photo of a cat"], folder, canonical=False))
    assert np.abs(own - encode(["A photo, of a Cat."], folder, canonical=False)).max() > 0.01
    assert np.abs(own - reference(folder, ["a photo of a cat"])).max() > 0.01


def test_the_activation_is_that_of_the_configuration(tmp_path: Path) -> None:
    """Weights of a quick GELU with another activation are another model [trap of OpenAI's weights]."""
    quick = checkpoint(tmp_path / "quick", "clip", hidden_act="quick_gelu")
    exact = checkpoint(tmp_path / "exact", "clip", hidden_act="gelu")
    np.testing.assert_allclose(encode(TEXTS[:1], exact), reference(exact, TEXTS[:1]), atol=3e-6)
    assert np.abs(encode(TEXTS[:1], quick) - encode(TEXTS[:1], exact)).max() > 1e-3


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16])
def test_weights_stored_in_half_precision_are_computed_in_float32(folder: Path, tmp_path: Path, stored: Any) -> None:
    """Of near ties, 1 % of the answers change if float16 is computed in, 7 % if bfloat16 is."""
    half, whole = (shutil.copytree(folder, tmp_path / name) for name in ("half", "whole"))
    model = library.AutoModel.from_pretrained(str(folder)).eval().to(stored)
    model.save_pretrained(str(half))
    assert {value.dtype for value in load_file(half / "model.safetensors").values() if value.ndim > 1} == {stored}
    tokens = library.AutoTokenizer.from_pretrained(str(folder))(TEXTS[0], return_tensors="pt")
    computed_in_half = np.asarray(model.get_text_features(**tokens).pooler_output.detach().float())
    model.float().save_pretrained(str(whole))
    found = encode(TEXTS[:1], half, canonical=False)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, encode(TEXTS[:1], whole, canonical=False), atol=3e-6)
    assert np.abs(found - computed_in_half).max() > 1e-4


def test_a_tokenizer_without_a_limit_is_cut_at_the_positions_of_the_model(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "clip", "clip")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["model_max_length"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer, longest = open_tokenizer(folder)
    assert tokenizer.model_max_length > 1e6
    assert longest == LONGEST["clip"]
    expected = reference(folder, TEXTS, max_length=longest, padding=True)
    np.testing.assert_allclose(encode(TEXTS, folder), expected, atol=3e-6)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["config.json"], r"no config\.json"),
        (["model.safetensors"], r"no model\.safetensors"),
        (["tokenizer.json", "vocab.json"], "no tokenizer"),
    ],
)
def test_a_folder_without_a_part_is_refused(tmp_path: Path, names: list[str], reason: str) -> None:
    folder = checkpoint(tmp_path / "clip", "clip")
    for name in names:
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(InputError, match=reason):
        TextEncoder(folder, tmp_path / "cache")


@pytest.mark.parametrize("pickled", [False, True])
def test_a_name_on_the_hub_is_its_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pickled: bool
) -> None:
    texts, name = ["a photo of a cat", "dog"], f"some/{folder.name}"
    there = with_pickled_weights(folder, tmp_path / "pickled") if pickled else folder
    downloaded(there, name, tmp_path / "hub", monkeypatch)
    found = TextEncoder(name, tmp_path / "cache")(texts)
    np.testing.assert_allclose(found, encode(texts, folder), atol=3e-6)  # memory is aligned differently
    assert (TextTower(name).content == TextTower(there).content).all()


def test_a_name_that_is_nowhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name, reason in (("no/such-model", "no such folder, nor on the hub"), ("./nowhere/x", r"has no config\.json")):
        with pytest.raises(InputError, match=f"^text encoder .*{reason}") as caught:
            TextEncoder(name, tmp_path / "cache")
        assert "\n" not in str(caught.value)


def test_a_siglip_without_its_bias_is_refused(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "siglip", "siglip")
    assert scale_and_bias(folder)[1] is not None
    weights = load_file(folder / "model.safetensors")
    save_file({name: value for name, value in weights.items() if name != "logit_bias"}, folder / "model.safetensors")
    with pytest.raises(InputError, match="has no logit_bias"):
        scale_and_bias(folder)


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "clip", "clip")
    weights = load_file(folder / "model.safetensors")
    del weights["text_projection.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"its weights lack \['text_projection.weight'\]"):
        encode(["dog"], folder)


def test_an_interruption_loses_only_the_last_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, asked = checkpoint(tmp_path / "clip", "clip"), []
    words = ["ant", "bee", "cow", "dog", "eel"]
    expected = encode(words, folder)

    def encoded(texts: list[str], *more: object) -> np.ndarray:
        asked.append(list(texts))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return encode(texts, folder)

    monkeypatch.setattr(text_encoder, "TOGETHER", 2)
    monkeypatch.setattr(text_encoder.text_models, "encode", encoded)
    with pytest.raises(KeyboardInterrupt):
        TextEncoder(folder, tmp_path / "cache")(words)
    text_encoder._ROWS.clear()  # another process
    np.testing.assert_array_equal(TextEncoder(folder, tmp_path / "cache")(words), expected)
    assert asked == [["ant", "bee"], ["cow", "dog"], ["cow", "dog"], ["eel"]]


def test_changed_weights_are_another_encoder(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "clip", "clip")
    before = TextEncoder(folder, tmp_path / "cache")(["dog", "cat"])
    weights = load_file(folder / "model.safetensors")
    weights["text_projection.weight"] *= 2
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    np.testing.assert_allclose(TextEncoder(folder, tmp_path / "cache")(["dog", "cat"]), 2 * before, rtol=1e-5)
