"""``zsl extract`` from images to a result, its refusals, and processes that are killed."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests import processes
from tests.backbones.checkpoints import save
from tests.features import pictures
from zsl.cli import main
from zsl.data.pretraining import OVERLAP
from zsl.outputs.result import read

pytest.importorskip("transformers", reason="pip install 'zsl[transformers]'")

NAMES = ("ant", "bee", "cow", "dog")
SPLIT = "seen: [ant, bee, cow]\nunseen: [dog]\n"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save("vit", tmp_path_factory.mktemp("checkpoint") / "vit", labels=("dog", "okapi"))


def files(count: int) -> dict[str, bytes]:
    return {f"{name}/{i:03d}.png": pictures.png(1000 * k + i, 40) for k, name in enumerate(NAMES) for i in range(count)}


def described_images(folder: Path) -> None:
    """Write images of four classes, a split file and two attributes of every class."""
    pictures.folder(folder / "images", files(6))
    (folder / "split.yaml").write_text(SPLIT)
    rows = "".join(f"{name},{i},{i * i}\n" for i, name in enumerate(NAMES))
    (folder / "phi.csv").write_text(f"class,a,b\n{rows}")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_from_images_to_a_result(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    described_images(tmp_path)
    assert main(["extract", "images", "out", "backbone=transformers", f"model={checkpoint}", "rows=10"]) == 0
    assert "24 images of 4 classes, 32 features each" in capsys.readouterr().out
    assert sorted(path.name for path in Path("out").iterdir()) == [
        *(f"0000{i}.safetensors" for i in range(3)),
        "manifest.json",
        "plan.json",
    ]
    data = ["data=extracted", "data.root=out", "data.splits=split.yaml", "data.attributes=phi.csv"]
    both = [*data, "class_embedding=attributes", "method=eszsl"]
    assert main(["train", *both, "paths.output=run", f"paths.cache={tmp_path / 'cache'}"]) == 0
    result = read(Path("run/result.json"))
    assert any(OVERLAP in note and note.endswith(": dog") for note in result.card["notes"])
    capsys.readouterr()
    assert main(["report", "run"]) == 0
    assert "unseen classes are among" in " ".join(capsys.readouterr().out.split())
    assert main(["data", "verify", *data[:1], *data[1:]]) == 2  # a name, not an override, comes first
    assert main(["data", "verify", "extracted", *data[1:]]) == 0


def test_a_saved_model_keeps_its_backbone(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZSL_CACHE", str(tmp_path / "cache"))
    described_images(tmp_path)
    data = ["data=image_folder", "data.root=images", "data.splits=split.yaml", "data.attributes=phi.csv"]
    own = shutil.copytree(checkpoint, tmp_path / "own")
    backbone = [
        "backbone@data.backbone=transformers",
        f"data.backbone.model={own}",
        "data.backbone.pooling=mean",
    ]
    run = ["class_embedding=attributes", "method=eszsl", "save.model=true", "paths.output=run"]
    assert main(["train", *data, *backbone, *run]) == 0
    capsys.readouterr()
    assert main(["predict", "run", "images/ant", "--format", "csv"]) == 0
    assert capsys.readouterr().out.count("images/ant/") == 6
    save("vit", own, seed=1)
    assert main(["predict", "run", "images/ant"]) == 2
    assert "another one than in training" in capsys.readouterr().err


def test_classes_of_a_store_are_divided(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pictures.tar(tmp_path / "images.tar", files(2))
    assert main(["extract", "images.tar", "out", "backbone=transformers", f"model={checkpoint}"]) == 0
    assert main(["data", "splits", "out", "split.yaml"]) == 0
    assert all(name in Path("split.yaml").read_text() for name in NAMES)


def test_tar_and_folder_are_the_same_data(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pictures.folder(tmp_path / "images", files(3))
    pictures.tar(tmp_path / "images.tar", files(3))
    for source, out in (("images", "a"), ("images.tar", "b")):
        assert main(["extract", source, out, "backbone=transformers", f"model={checkpoint}"]) == 0
    assert content(Path("a")) == content(Path("b"))


REFUSED = {
    "no images": (["nothing", "out"], "nothing: no such file or folder"),
    "no backbone": (["images", "out", "backbone=nothing"], "backbone=nothing: there is no such backbone"),
    "no model": (["images", "out", "backbone=transformers"], "model"),
    "no folder of a model": (["images", "out", "backbone=transformers", "model=./nothing"], "no such folder"),
    "another pooling": (["images", "out", "backbone=transformers", "model=vit", "pooling=top"], "backbone.pooling=top"),
    "an unknown key": (["images", "out", "xyz=1"], "xyz"),
    "no rows": (["images", "out", "rows=0"], "rows=0"),
    "no workers": (["images", "out", "workers=0"], "workers=0"),
    "another engine": (["images", "out", "engine=spark"], "engine=spark is unknown"),
    "a file": (["images", "images.tar", "backbone=transformers", "model=vit"], "images.tar"),
    "a store of other files": (["images", "images", "backbone=transformers", "model=vit"], "holds other files"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_mistakes_end_in_one_line(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    words, why = REFUSED[what]
    monkeypatch.chdir(tmp_path)
    pictures.folder(tmp_path / "images", files(1))
    Path("images.tar").write_bytes(b"x")
    Path("vit").symlink_to(checkpoint)
    before = sorted(tmp_path.rglob("*"))
    assert main(["extract", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("zsl: error: ")
    assert said.count("\n") == 1
    assert why in said
    assert sorted(tmp_path.rglob("*")) == before


def test_broken_images_stop_by_default_and_are_skipped_on_request(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures.folder(tmp_path / "images", files(2) | {"ant/x.png": b"", "bee/y.jpg": b"no image"})
    words = ["extract", "images", "out", "backbone=transformers", f"model={checkpoint}"]
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "ant/x.png is empty" in said
    assert "bee/y.jpg is not an image" in said
    assert main([*words, "on_unreadable=skip"]) == 0
    assert "2 left out: ant/x.png, bee/y.jpg" in capsys.readouterr().out


def test_a_lack_of_memory_leaves_out_no_image(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: bytes) -> None:
        raise MemoryError

    monkeypatch.chdir(tmp_path)
    pictures.folder(tmp_path / "images", files(1))
    monkeypatch.setattr("zsl.features.extraction.decoded", fail)
    words = ["extract", "images", "out", "backbone=transformers", f"model={checkpoint}", "on_unreadable=skip"]
    assert main([*words, "workers=2"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "zsl: error: workers=2: out of memory; lower it"
    assert [path.name for path in Path("out").iterdir()] == ["plan.json"]


def test_from_tokens_to_a_result(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Class token and patches of every image, through two transformer blocks."""
    monkeypatch.chdir(tmp_path)
    described_images(tmp_path)
    extracted = ["extract", "images", "out", "backbone=transformers", f"model={checkpoint}", "pooling=tokens"]
    assert main(extracted) == 0
    assert "24 images of 4 classes, 17 × 32 features each" in capsys.readouterr().out
    data = ["data=extracted", "data.root=out", "data.splits=split.yaml", "data.attributes=phi.csv", "data.scale=none"]
    how = ["class_embedding=attributes", "method=aligned", "method.epochs=2", "method.image_blocks=2"]
    words = ["train", *data, *how, "paths.output=run", f"paths.cache={tmp_path / 'cache'}"]
    assert main([*words, "method.tokens=17"]) == 0
    assert main([*words, "method.tokens=15", "rerun=true"]) == 2
    assert "method.tokens=15: θ(x) has 544 numbers, which are no whole tokens" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_extraction_is_resumed_to_the_same_bytes(tmp_path: Path, checkpoint: Path) -> None:
    """SIGKILL at ten random moments, each after a few further shards."""
    pictures.folder(tmp_path / "images", files(200))
    words = ["extract", str(tmp_path / "images")]
    how = ["backbone=transformers", f"model={checkpoint}", "rows=4"]
    assert processes.zsl(*words, "whole", *how, cwd=tmp_path, timeout=600).returncode == 0
    generator, there = random.Random(0), 0
    for _ in range(10):
        child, target = processes.start(*words, "out", *how, cwd=tmp_path), there + generator.randint(0, 6)
        deadline = time.monotonic() + 300
        while len(list((tmp_path / "out").glob("0*"))) < target and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(generator.uniform(0, 0.03))
        assert child.poll() is None, child.stderr
        child.kill_group()
        child.wait(60)
        there = len(list((tmp_path / "out").glob("0*")))
    assert 0 < there < 200
    done = processes.zsl(*words, "out", *how, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.mark.slow
def test_array_jobs_of_submitit_write_the_same_bytes(tmp_path: Path, checkpoint: Path) -> None:
    pytest.importorskip("submitit", reason="pip install 'zsl[slurm]'")
    pictures.folder(tmp_path / "images", files(20))
    words = ["extract", str(tmp_path / "images")]
    how = ["backbone=transformers", f"model={checkpoint}", "rows=16"]
    assert processes.zsl(*words, "whole", *how, cwd=tmp_path, timeout=600).returncode == 0
    array = ["engine=submitit", "workers=2", "+options.cluster=local"]
    done = processes.zsl(*words, "out", *how, *array, cwd=tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    wrong = processes.zsl(*words, "other", *how, *array, "+options.nothing=1", cwd=tmp_path, timeout=600)
    assert wrong.returncode == 2
    assert "options: " in wrong.stderr


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="pip install 'zsl[extract_ray]'")
def test_workers_and_driver_of_ray_that_are_killed_lose_and_double_nothing(tmp_path: Path, checkpoint: Path) -> None:
    """A real cluster on this machine: ten processes are killed at random moments, every fourth the driver with all."""
    pictures.folder(tmp_path / "images", files(300))
    words = [sys.executable, "-m", "zsl", "extract", str(tmp_path / "images")]
    how = ["backbone=transformers", f"model={checkpoint}", "rows=4"]
    subprocess.run([*words, "whole", *how], cwd=tmp_path, check=True, timeout=600)
    on_ray = [*words, "out", *how, "engine=ray", "workers=2"]
    generator, killed, deadline = random.Random(0), [], time.monotonic() + 900
    driver = _started(on_ray, tmp_path)
    try:
        while len(killed) < 10 and time.monotonic() < deadline:
            begun = _shards(tmp_path / "out")
            while _shards(tmp_path / "out") <= begun + generator.randint(0, 3) and time.monotonic() < deadline:
                assert driver.poll() is None, "the images are too few for ten kills"
                time.sleep(0.01)
            time.sleep(generator.uniform(0, 0.2))
            workers = [pid for pid in _descendants(driver.pid) if "MapWorker" in _title(pid)]
            if len(killed) % 4 == 3:
                _kill_all(driver)
                killed.append("driver")
                driver = _started(on_ray, tmp_path)
            elif workers:
                os.kill(generator.choice(workers), signal.SIGKILL)
                killed.append("worker")
        assert killed.count("driver") == 2
        assert killed.count("worker") == 8
    finally:
        _kill_all(driver)
    assert 0 < _shards(tmp_path / "out") < 300
    subprocess.run(on_ray, cwd=tmp_path, check=True, timeout=900)
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def _started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=folder, start_new_session=True)


def _shards(folder: Path) -> int:
    return len(list(folder.glob("*.safetensors")))


def _kill_all(driver: subprocess.Popen[bytes]) -> None:
    """Kill a driver, then what it has started."""
    family = _descendants(driver.pid)
    driver.kill()
    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    driver.wait(60)


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found, fresh = set[int](), {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return sorted(found)
