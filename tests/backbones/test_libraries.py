"""Encoders of timm, torchvision and open_clip against these libraries; skipped where they cannot be imported."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.backbones.checkpoints import images
from zsl.backbones.backbone import identity
from zsl.backbones.open_clip import OpenCLIP
from zsl.backbones.timm import Timm
from zsl.backbones.torchvision import Torchvision
from zsl.errors import InputError
from zsl.testing import check_backbone


def library(name: str) -> Any:
    """Import a library; one that was built for another PyTorch raises RuntimeError."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        pytest.skip(f"{name} cannot be imported ({str(error)[:60]}): pip install 'zsl[{name}]'")


def by_hand(forward: Any, transform: Any) -> np.ndarray:
    with torch.no_grad():
        return np.stack([forward(transform(image)[None])[0].numpy() for image in images(3)])


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "convnext_atto"])
def test_timm(tmp_path: Path, architecture: str) -> None:
    timm, hub = library("timm"), library("timm.models._hub")
    torch.manual_seed(0)
    model = timm.create_model(architecture, pretrained=False, num_classes=1000).eval()
    hub.save_for_hf(model, tmp_path, safe_serialization=True)
    transform = timm.data.create_transform(**timm.data.resolve_data_config(model=model), is_training=False)
    plain, mean = Timm(model=tmp_path), Timm(model=tmp_path, pooling="mean")
    expected = by_hand(lambda x: model.forward_head(model.forward_features(x), pre_logits=True), transform)
    np.testing.assert_allclose(plain(images(3)), expected, atol=1e-4)
    tokens = by_hand(lambda x: model.forward_features(x), transform)
    if tokens.ndim == 3:
        np.testing.assert_allclose(Timm(model=tmp_path, pooling="tokens")(images(3)), tokens, atol=1e-3)
    tokens = tokens[:, 1:] if tokens.ndim == 3 else tokens.reshape(3, tokens.shape[1], -1).transpose(0, 2, 1)
    np.testing.assert_allclose(mean(images(3)), tokens.mean(1), atol=1e-4)
    np.testing.assert_allclose(Timm(model=tmp_path, pooling="patches")(images(3)), tokens, atol=1e-3)
    assert architecture in plain.name
    assert plain.name != mean.name
    assert identity(plain)["pretraining"] == f"{model.pretrained_cfg['tag']}, imagenet1k (by its 1000 labels)"
    check_backbone(plain, images(11))
    with pytest.raises(InputError, match="pooling=projected"):
        Timm(model=tmp_path, pooling="projected")(images(1))


def test_the_name_is_of_the_weights_as_they_were_read(tmp_path: Path) -> None:
    timm, hub = library("timm"), library("timm.models._hub")
    hub.save_for_hf(timm.create_model("convnext_atto", pretrained=False), tmp_path, safe_serialization=True)
    used, fresh = (Timm(model=tmp_path, precision="bfloat16") for _ in range(2))
    used(images(1))
    assert used.name == fresh.name


@pytest.mark.parametrize(
    ("classes", "corpus"), [(11221, "imagenet21k"), (11821, "imagenet12k"), (21841, "imagenet21k"), (37, None)]
)
def test_labels_of_other_parts_of_imagenet(tmp_path: Path, classes: int, corpus: str | None) -> None:
    timm, hub = library("timm"), library("timm.models._hub")
    hub.save_for_hf(timm.create_model("convnext_atto", num_classes=classes), tmp_path, safe_serialization=True)
    backbone = Timm(model=tmp_path)
    assert ("kingfisher" in " ".join(backbone.labels())) == (corpus is not None)
    assert identity(backbone)["pretraining"] == "d2_in1k" + (f", {corpus} (by its {classes} labels)" if corpus else "")


@pytest.mark.parametrize(
    ("settings", "labels", "stated"),
    [
        ({"num_classes": 11821, "tag": "mae_in12k"}, 11821, "mae_in12k, imagenet12k (by its 11821 labels)"),
        ({"num_classes": 11821}, 11821, "imagenet12k (by its 11821 labels)"),
        ({"num_classes": 37, "tag": "augreg_in21k"}, 0, "augreg_in21k"),
        ({"num_classes": 2, "label_names": ["ant", "bee"]}, 2, "unknown"),
    ],
)
def test_what_a_checkpoint_of_timm_says_of_its_pretraining(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], labels: int, stated: str
) -> None:
    data = SimpleNamespace(
        infer_imagenet_subset=lambda config: {11821: "imagenet-12k"}.get(config["num_classes"]),
        ImageNetInfo=lambda subset: SimpleNamespace(label_descriptions=lambda: [f"{subset} {i}" for i in range(11821)]),
        resolve_data_config=lambda **_: {},
        create_transform=lambda **_: "none",
    )
    monkeypatch.setattr("zsl.backbones.timm.required", lambda *_: data)
    backbone = Timm(model="any")
    network = torch.nn.Linear(1, 1)
    network.pretrained_cfg = settings  # type: ignore[assignment]
    backbone.__dict__["network"] = network
    known = identity(backbone)
    assert (len(known["labels"]), known["pretraining"]) == (labels, stated)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_torchvision(tmp_path: Path, suffix: str) -> None:
    torchvision = library("torchvision")
    torch.manual_seed(0)
    model, file = torchvision.models.resnet18().eval(), tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        torch.save(model.state_dict(), file)
    else:
        from safetensors.torch import save_file

        save_file(model.state_dict(), file)
    model.fc = torch.nn.Identity()
    weights = torchvision.models.ResNet18_Weights.DEFAULT
    backbone = Torchvision(model="resnet18", file=file)
    np.testing.assert_allclose(backbone(images(3)), by_hand(model, weights.transforms()), atol=1e-4)
    assert list(backbone.labels()) == weights.meta["categories"]
    check_backbone(backbone, images(11))
    for wrong in ({"model": "nothing"}, {"model": "resnet50"}, {"pooling": "cls"}, {"weights": "IMAGENET1K_V9"}):
        with pytest.raises(InputError, match=r"^backbone\."):
            Torchvision(**{"model": "resnet18", "file": file} | wrong)(images(1))  # type: ignore[arg-type]


def test_open_clip(tmp_path: Path) -> None:
    open_clip = library("open_clip")
    from safetensors.torch import save_file

    config = open_clip.get_model_config("ViT-B-32")
    config["vision_cfg"].update(layers=2, width=64, head_width=32)
    config["text_cfg"].update(layers=1, width=64, heads=2)
    config["embed_dim"] = 32
    settings = {"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(settings))
    torch.manual_seed(0)
    model = open_clip.CLIP(32, config["vision_cfg"], config["text_cfg"]).eval()
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(state, tmp_path / "open_clip_model.safetensors")
    _, transform = open_clip.create_model_from_pretrained(f"local-dir:{tmp_path}")
    backbone = OpenCLIP(model=tmp_path)
    np.testing.assert_allclose(backbone(images(3)), by_hand(model.encode_image, transform), atol=1e-4)
    assert "0.5, 0.5, 0.5" in backbone.transform
    check_backbone(backbone, images(11))


def test_the_tag_of_weights_of_open_clip_states_their_pretraining(tmp_path: Path) -> None:
    (tmp_path / "own.pt").touch()
    for weights, stated in (("laion2b_s34b_b79k", "laion2b_s34b_b79k"), (str(tmp_path / "own.pt"), "unknown")):
        backbone = OpenCLIP(model="ViT-B-32", weights=weights)
        backbone.__dict__["_read"] = (torch.nn.Linear(1, 1), "none")
        assert identity(backbone)["pretraining"] == stated
    stated_by_hand = OpenCLIP(model="ViT-B-32", weights="laion2b_s34b_b79k", pretraining="LAION-2B")
    stated_by_hand.__dict__["_read"] = (torch.nn.Linear(1, 1), "none")
    assert identity(stated_by_hand)["pretraining"] == "LAION-2B"


def test_the_transform_is_the_same_text_in_every_process() -> None:
    backbone = OpenCLIP(model="ViT-B-32")
    backbone.__dict__["_read"] = (torch.nn.Linear(1, 1), [by_hand, "ToTensor()"])
    assert backbone.transform == "[<function by_hand>, 'ToTensor()']"


@pytest.mark.parametrize(("kind", "name"), [(Timm, "timm"), (Torchvision, "torchvision"), (OpenCLIP, "open_clip")])
def test_a_library_that_is_absent_is_named(kind: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib, "import_module", lambda module: __import__("no_such_library"))
    with pytest.raises(InputError, match=rf"pip install 'zsl\[{name}\]'"):
        kind(model="any")(images(1))
