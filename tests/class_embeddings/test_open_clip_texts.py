"""Texts by models of open_clip: found by their names, and, where open_clip can be imported, against the library."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.hub_cache import downloaded
from tests.two_towers import checkpoint
from zsl.class_embeddings.open_clip_texts import CONFIG, OpenCLIPTexts, of_open_clip
from zsl.class_embeddings.text_encoder import TextEncoder
from zsl.class_embeddings.text_tower import TextTower
from zsl.errors import InputError
from zsl.methods.open_vocabulary.checkpoint import scale_and_bias

TEXTS = ["a photo of a Cat, sitting.", "dog", "a very long text " * 60]


def library() -> Any:
    """Import open_clip; one that was built for another PyTorch raises RuntimeError."""
    try:
        import open_clip
    except Exception as error:
        pytest.skip(f"open_clip cannot be imported ({str(error)[:60]}): pip install 'zsl[open_clip]'")
    return open_clip


def without_towers(folder: Path, **weights: torch.Tensor) -> Path:
    """A folder as open_clip writes it, of which only the file of weights can be read."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps({"model_cfg": {"text_cfg": {}, "vision_cfg": {}}, "preprocess_cfg": {}}))
    save_file(weights, folder / "open_clip_model.safetensors")
    return folder


def small(folder: Path, bias: float | None, tokenizer: Any = None) -> Any:
    """Write a small model of open_clip, and return it."""
    open_clip = library()
    config = open_clip.get_model_config("ViT-B-32")
    config["vision_cfg"].update(layers=1, width=64, head_width=32, image_size=32, patch_size=16)
    config["text_cfg"].update(layers=2, width=64, heads=2)
    config |= {"embed_dim": 32} | ({} if bias is None else {"init_logit_bias": bias, "custom_text": True})
    if tokenizer is not None:
        own = {"clean": "canonicalize", "trust_remote_code": True}
        config["text_cfg"].update(hf_tokenizer_name="x/y", context_length=24, tokenizer_kwargs=own, vocab_size=100)
    torch.manual_seed(0)
    kind = open_clip.CLIP if bias is None else open_clip.CustomTextCLIP
    own = {} if bias is None else {"init_logit_bias": bias}
    model = kind(32, config["vision_cfg"], config["text_cfg"], **own).eval()
    without_towers(folder, **{key: value.contiguous() for key, value in model.state_dict().items()})
    (folder / CONFIG).write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    if tokenizer is not None:
        tokenizer.save_pretrained(str(folder))
    return model


def test_vectors_and_scale_are_those_of_open_clip(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = small(tmp_path / "clip", None)
    found = TextEncoder(tmp_path / "clip", tmp_path / "cache")(TEXTS)
    with torch.no_grad():
        np.testing.assert_allclose(found, model.encode_text(library().tokenize(TEXTS)).numpy(), atol=1e-5)
    assert "1 of 3 texts are cut after 77 tokens" in caplog.text
    whole = of_open_clip(tmp_path / "clip")
    assert whole is not None
    assert scale_and_bias(tmp_path / "clip") == whole.scale_and_bias() == (pytest.approx(1 / 0.07, rel=1e-6), None)


def test_a_tokenizer_of_transformers_lies_in_the_folder(tmp_path: Path) -> None:
    from tests.two_towers import _of_letters

    model, open_clip = small(tmp_path / "siglip", -10.0, _of_letters("siglip")), library()
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'siglip'}", trust_remote_code=False)(TEXTS)
    assert tokens.shape == (3, 24)
    with torch.no_grad():
        expected = model.encode_text(tokens).numpy()
    np.testing.assert_allclose(TextEncoder(tmp_path / "siglip", tmp_path / "cache")(TEXTS), expected, atol=1e-5)
    assert scale_and_bias(tmp_path / "siglip")[1] == -10.0


def test_a_name_with_a_file_of_weights(tmp_path: Path) -> None:
    model, open_clip, file = small(tmp_path / "clip", None), library(), tmp_path / "weights.pt"
    torch.save(model.state_dict(), file)
    config = json.loads((tmp_path / "clip" / CONFIG).read_text())["model_cfg"]
    (tmp_path / "small-of-a-test.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "small-of-a-test.json")
    name = f"open_clip:small-of-a-test:{file}"
    with torch.no_grad():
        expected = model.encode_text(open_clip.tokenize(TEXTS)).numpy()
    np.testing.assert_allclose(TextEncoder(name, tmp_path / "cache")(TEXTS), expected, atol=1e-5)
    assert scale_and_bias(name) == (pytest.approx(1 / 0.07, rel=1e-6), None)
    with pytest.raises(InputError, match="no weights nothing"):
        TextEncoder("open_clip:small-of-a-test:nothing", tmp_path / "cache")(TEXTS)


def test_names_say_what_is_of_open_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of_open_clip("open_clip:ViT-B-32:openai") == OpenCLIPTexts("open_clip:ViT-B-32:openai", "ViT-B-32", "openai")
    folder = without_towers(tmp_path / "folder", logit_scale=torch.tensor(2.0), logit_bias=torch.tensor([-3.0]))
    own = of_open_clip(folder)
    assert own is not None
    assert (own.name, [file.name for file in own.files]) == (
        f"local-dir:{folder}",
        [CONFIG, "open_clip_model.safetensors"],
    )
    assert scale_and_bias(folder) == (pytest.approx(np.exp(2.0)), -3.0)
    snapshot = downloaded(folder, "some/model", tmp_path / "hub", monkeypatch)
    of_hub = of_open_clip("some/model")
    assert of_hub is not None
    assert of_hub.place == snapshot
    assert scale_and_bias("hf-hub:some/model") == scale_and_bias(folder)


def test_what_transformers_can_read_it_reads(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    folder = without_towers(checkpoint(tmp_path / "clip", "clip"), logit_scale=torch.tensor(1.0))
    assert of_open_clip(folder) is None
    assert TextEncoder(folder, tmp_path / "cache")(["dog"]).shape == (1, 12)


def test_a_name_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    folder = without_towers(tmp_path / "folder")
    with pytest.raises(InputError, match=r"open_clip cannot be imported .*pip install 'zsl\[open_clip\]'"):
        TextEncoder(folder, tmp_path / "cache")(["dog"])
    with pytest.raises(InputError, match=r"has no config\.json"):
        TextTower(folder)
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(InputError, match="has no weights; give a folder with"):
        TextEncoder(folder, tmp_path / "cache")
    for name in ("open_clip:ViT-B-32", "open_clip:", "open_clip::openai"):
        with pytest.raises(InputError, match="says no weights; give open_clip:NAME:WEIGHTS"):
            TextEncoder(name, tmp_path / "cache")
