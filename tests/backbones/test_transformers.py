"""Encoders of transformers against transformers itself, on tiny checkpoints with random weights."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.backbones.checkpoints import KINDS, images, save
from tests.hub_cache import downloaded, with_pickled_weights
from zsl.backbones.backbone import identity
from zsl.backbones.network import Pooling
from zsl.backbones.transformers import FAMILIES, Transformers
from zsl.errors import InputError
from zsl.testing import check_backbone

pytest.importorskip("transformers", reason="pip install 'zsl[transformers]'")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root, made = tmp_path_factory.mktemp("checkpoints"), set()

    def folder(kind: str) -> Path:
        if kind not in made:
            made.add(kind)
            save(kind, root / kind)
        return root / kind

    return folder


def outputs(kind: str, folder: Path, some: list[Image.Image], model: str = "") -> Any:
    """What transformers gives for images, one at a time."""
    import transformers

    processor = getattr(transformers, KINDS[kind][3]).from_pretrained(folder)
    network = getattr(transformers, model or KINDS[kind][1]).from_pretrained(folder).eval()
    made = []
    with torch.no_grad():
        for image in some:
            out = network(**processor(images=image, return_tensors="pt"), output_hidden_states=False)
            made.append({key: value.numpy()[0] for key, value in out.items()})
    return {key: np.stack([each[key] for each in made]) for key in made[0]}


EXPECTED: dict[str, tuple[str, Callable[[Any], np.ndarray]]] = {
    "vit cls": ("ViTModel", lambda out: out["last_hidden_state"][:, 0]),
    "vit penultimate": ("ViTModel", lambda out: out["last_hidden_state"][:, 0]),
    "vit mean": ("ViTModel", lambda out: out["last_hidden_state"][:, 1:].mean(1)),
    "vit patches": ("ViTModel", lambda out: out["last_hidden_state"][:, 1:]),
    "vit tokens": ("ViTModel", lambda out: out["last_hidden_state"]),
    "deit tokens": ("DeiTModel", lambda out: np.delete(out["last_hidden_state"], 1, axis=1)),
    "dinov2_with_registers tokens": (
        "Dinov2WithRegistersModel",
        lambda out: np.delete(out["last_hidden_state"], range(1, 5), axis=1),
    ),
    "clip tokens": ("CLIPVisionModel", lambda out: out["last_hidden_state"]),
    "deit mean": ("DeiTModel", lambda out: out["last_hidden_state"][:, 2:].mean(1)),
    "dinov2 cls": ("Dinov2Model", lambda out: out["pooler_output"]),
    "dinov2 penultimate": (
        "Dinov2Model",
        lambda out: np.hstack([out["last_hidden_state"][:, 0], out["last_hidden_state"][:, 1:].mean(1)]),
    ),
    "dinov2_with_registers mean": (
        "Dinov2WithRegistersModel",
        lambda out: out["last_hidden_state"][:, 5:].mean(1),
    ),
    "dinov3_vit cls": ("DINOv3ViTModel", lambda out: out["pooler_output"]),
    "dinov3_vit mean": ("DINOv3ViTModel", lambda out: out["last_hidden_state"][:, 5:].mean(1)),
    "convnext penultimate": ("ConvNextModel", lambda out: out["pooler_output"]),
    "convnext mean": ("ConvNextModel", lambda out: out["last_hidden_state"].mean((2, 3))),
    "dinov3_convnext penultimate": ("DINOv3ConvNextModel", lambda out: out["pooler_output"]),
    "dinov3_convnext patches": ("DINOv3ConvNextModel", lambda out: out["last_hidden_state"][:, 1:]),
    "resnet penultimate": ("ResNetModel", lambda out: out["pooler_output"].reshape(-1, 32)),
    "swin penultimate": ("SwinModel", lambda out: out["pooler_output"]),
    "swin patches": ("SwinModel", lambda out: out["last_hidden_state"]),
    "clip projected": ("CLIPVisionModelWithProjection", lambda out: out["image_embeds"]),
    "clip cls": ("CLIPVisionModel", lambda out: out["pooler_output"]),
    "clip mean": ("CLIPVisionModel", lambda out: out["last_hidden_state"][:, 1:].mean(1)),
    "siglip map": ("SiglipVisionModel", lambda out: out["pooler_output"]),
    "siglip mean": ("SiglipVisionModel", lambda out: out["last_hidden_state"].mean(1)),
}


@pytest.mark.parametrize("what", EXPECTED)
def test_features_are_those_of_transformers(folders: Callable[[str], Path], what: str) -> None:
    kind, pooling = what.split()
    model, taken = EXPECTED[what]
    some = images(5)
    found = Transformers(model=folders(kind), pooling=pooling)(some)  # type: ignore[arg-type]
    expected = taken(outputs(kind, folders(kind), some, model))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())
    assert np.ptp(found, axis=0).max() > 1e-4 * np.abs(expected).max(), "images differ"


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_pooling_is_the_first_of_the_family(folders: Callable[[str], Path], kind: str) -> None:
    some, first = images(2), FAMILIES[kind].pooling[0]
    one, other = Transformers(model=folders(kind)), Transformers(model=folders(kind), pooling=first)
    np.testing.assert_array_equal(one(some), other(some))
    assert one.name == other.name


def test_images_are_prepared_by_the_formula(folders: Callable[[str], Path]) -> None:
    """Pillow and NumPy alone: bilinear to 32 × 32, to [0, 1], minus a half, over a half."""
    backbone = Transformers(model=folders("vit"))
    for image in [*images(3), images(1)[0].convert("L"), images(1)[0].convert("RGBA"), images(1)[0].convert("CMYK")]:
        small = np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR), np.float64)
        np.testing.assert_allclose(backbone.prepare(image), (small.transpose(2, 0, 1) / 255 - 0.5) / 0.5, atol=1e-5)


@pytest.mark.parametrize(("kind", "pooling"), [("vit", None), ("convnext", None), ("clip", None), ("vit", "patches")])
def test_every_law_of_the_contract_holds(folders: Callable[[str], Path], kind: str, pooling: Pooling | None) -> None:
    check_backbone(Transformers(model=folders(kind), pooling=pooling), images(11))


@pytest.mark.parametrize("kind", ["vit", "convnext"])
@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"precision": "bfloat16"}, 0.1),
        ({"precision": "float16"}, 0.02),
        ({"channels_last": True}, 1e-4),
        ({"batch": 3}, 1e-4),
    ],
)
def test_precision_and_layout_change_features_by_rounding_and_their_name(
    folders: Callable[[str], Path], kind: str, options: dict[str, Any], tolerance: float
) -> None:
    plain, other = Transformers(model=folders(kind)), Transformers(model=folders(kind), **options)
    x, y = plain(images(5)), other(images(5))
    assert y.dtype == np.float32
    assert np.abs(x - y).max() <= tolerance * np.abs(x).max()
    assert (plain.name == other.name) == ("batch" in options)


def test_the_name_is_that_of_the_weights_and_not_of_the_place(folders: Callable[[str], Path], tmp_path: Path) -> None:
    here = folders("vit")
    there = shutil.copytree(here, tmp_path / "elsewhere")
    assert Transformers(model=there).name == Transformers(model=here).name
    assert Transformers(model=save("vit", tmp_path / "other", seed=1)).name != Transformers(model=here).name
    assert Transformers(model=here, pooling="mean").name != Transformers(model=here).name
    settings = json.loads((there / "preprocessor_config.json").read_text())
    (there / "preprocessor_config.json").write_text(json.dumps(settings | {"image_mean": [0.4, 0.4, 0.4]}))
    assert Transformers(model=there).transform != Transformers(model=here).transform


def test_weights_in_several_files(folders: Callable[[str], Path], tmp_path: Path) -> None:
    parts = save("vit", tmp_path / "parts", max_shard_size="20KB")
    assert len(list(parts.glob("model-*.safetensors"))) > 1
    np.testing.assert_array_equal(Transformers(model=parts)(images(3)), Transformers(model=folders("vit"))(images(3)))


def test_weights_of_pytorch_are_read_without_unpickling(folders: Callable[[str], Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    old = shutil.copytree(folders("vit"), tmp_path / "old")
    torch.save(load_file(old / "model.safetensors"), old / "pytorch_model.bin")
    (old / "model.safetensors").unlink()
    np.testing.assert_array_equal(Transformers(model=old)(images(3)), Transformers(model=folders("vit"))(images(3)))

    class Code:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"vit.layernorm.weight": Code()}, old / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"cannot be read"):
        Transformers(model=old)(images(1))
    assert not (tmp_path / "made").exists()


def test_code_of_a_checkpoint_is_never_run(folders: Callable[[str], Path], tmp_path: Path) -> None:
    hostile = shutil.copytree(folders("vit"), tmp_path / "hostile")
    (hostile / "own.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'made')!r})\nclass Own: pass\n")
    for name in ("config.json", "preprocessor_config.json"):
        content = json.loads((hostile / name).read_text())
        own = {"AutoModel": "own.Own", "AutoConfig": "own.Own", "AutoImageProcessor": "own.Own"}
        (hostile / name).write_text(json.dumps(content | {"auto_map": own}))
    with suppress(InputError):
        Transformers(model=hostile)(images(1))
    assert not (tmp_path / "made").exists()


def edit(name: str, **changes: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | changes))

    return change


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
    "cut weights": (lambda folder: (folder / "model.safetensors").write_bytes(b"\x08" * 100), "cannot be read"),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "config.json cannot be read"),
    "no preprocessor": (lambda folder: (folder / "preprocessor_config.json").unlink(), "preprocessor_config.json"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "cannot be read"),
    "another type": (edit("config.json", model_type="bert"), "of type bert; choose one of vit"),
    "more layers": (edit("config.json", num_hidden_layers=3), "its weights lack"),
    "another processor": (edit("preprocessor_config.json", image_processor_type="Nothing"), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_in_one_line(
    folders: Callable[[str], Path], tmp_path: Path, damage: str
) -> None:
    spoil, why = DAMAGES[damage]
    folder = shutil.copytree(folders("vit"), tmp_path / "checkpoint")
    spoil(folder)
    with pytest.raises(InputError, match=why) as caught:
        Transformers(model=folder)(images(1))
    assert str(caught.value).startswith("backbone.model=")


@pytest.mark.parametrize("pickled", [False, True])
def test_a_name_on_the_hub_is_its_folder(
    folders: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pickled: bool
) -> None:
    folder = with_pickled_weights(folders("vit"), tmp_path / "vit") if pickled else folders("vit")
    downloaded(folder, "some/vit", tmp_path / "hub", monkeypatch)
    here, there = Transformers(model="some/vit"), Transformers(model=folder)
    assert here.name == there.name
    np.testing.assert_array_equal(here(images(2)), there(images(2)))


def test_a_name_that_is_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name, why in (("no/such-model", "nor on the hub"), ("./no_such_folder", "no such folder; give a folder")):
        with pytest.raises(InputError, match=why) as caught:
            _ = Transformers(model=name).name
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["vit", "convnext", "clip", "siglip"])
def test_a_pooling_that_a_model_does_not_have_is_refused(folders: Callable[[str], Path], kind: str) -> None:
    for pooling in {"cls", "mean", "map", "penultimate", "projected", "patches", "tokens"} - set(
        FAMILIES[kind].pooling
    ):
        with pytest.raises(InputError, match=f"pooling={pooling}: {kind}\\w* has"):
            _ = Transformers(model=folders(kind), pooling=pooling).name  # type: ignore[arg-type]


def test_a_device_that_is_not_there_is_refused(folders: Callable[[str], Path]) -> None:
    for device in ("cuda:99", "no device"):
        with pytest.raises(InputError, match=f"device={device}"):
            Transformers(model=folders("vit"), device=device)(images(1))


def test_labels_and_pretraining_are_what_the_checkpoint_says(tmp_path: Path, folders: Callable[[str], Path]) -> None:
    labelled = Transformers(model=save("vit", tmp_path / "labelled", labels=("owl", "okapi")))
    assert list(labelled.labels()) == ["owl", "okapi"]
    assert identity(labelled)["pretraining"] == "unknown"
    thousand = Transformers(model=save("vit", tmp_path / "thousand", labels=tuple(f"c {i}" for i in range(1000))))
    assert identity(thousand)["pretraining"] == "imagenet1k (by its 1000 labels)"
    assert not Transformers(model=folders("vit")).labels(), "placeholders"
    assert not Transformers(model=folders("dinov2")).labels(), "no classifier"
    assert identity(Transformers(model=folders("vit"), pretraining="jft"))["pretraining"] == "jft"
