"""Names on the hub: which they are, and what is downloaded of them."""

from __future__ import annotations

import fnmatch
import sys
from pathlib import Path

import pytest

from zsl.errors import InputError
from zsl.files.hub import checkpoint_folder, weight_files

pytest.importorskip("huggingface_hub", reason="pip install 'zsl[transformers]'")


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (["model.safetensors", "pytorch_model.bin"], ["model.safetensors"]),
        (
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "onnx/model.safetensors"],
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        ),
        (["pytorch_model.bin", "tf_model.h5", "open_clip_model.safetensors"], ["pytorch_model.bin"]),
        (["open_clip_pytorch_model.bin", "open_clip_model.safetensors"], ["open_clip_model.safetensors"]),
        (["open_clip_pytorch_model.bin"], ["open_clip_pytorch_model.bin"]),
        (["tf_model.h5"], []),
    ],
)
def test_only_the_preferred_weights_are_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: list[str], taken: list[str]
) -> None:
    settings = ["config.json", "1_Pooling/config.json", "merges.txt", "spiece.model"]

    def download(name: str, allow_patterns: list[str]) -> str:
        assert name == "some/model"
        for file in [*there, *settings, "own.py", "README.md"]:
            if any(fnmatch.fnmatch(file, pattern) for pattern in allow_patterns):
                (tmp_path / file).parent.mkdir(exist_ok=True)
                (tmp_path / file).touch()
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert checkpoint_folder("some/model", "model=some/model") == tmp_path
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {*settings, *taken}
    names = [path.name for path in weight_files(tmp_path)]
    assert names == [name for name in taken if not name.startswith("open_clip")]


@pytest.mark.parametrize("model", ["nowhere", "/nowhere", "./some/model", "../some", "a/b/c", "a/..", "a b/c", "a/b\0"])
def test_what_can_be_no_name_is_a_path(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", None)
    assert checkpoint_folder(model, "") == Path(model)


def test_a_folder_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some" / "model").mkdir(parents=True)
    assert checkpoint_folder("some/model", "") == Path("some/model")


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"^x=a/b: no such folder, and .*pip install 'zsl\[transformers\]'"):
        checkpoint_folder("a/b", "x=a/b")
