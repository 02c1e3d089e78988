"""Training and a whole run at the size of ImageNet, from a memory map, beside reading its features once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory

import numpy as np
import torch
from hydra.utils import instantiate
from pytorch_lightning import Callback, LightningModule, Trainer

from tests.benchmarks.timing import Timing
from tests.configured import composed
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.scaling import Scaling
from zsl.data.stored_rows import BLOCK, StoredRows
from zsl.data.training_set import TrainingSet
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

TRAIN, TEST, SEEN, UNSEEN, FEATURES, EMBEDDING = 1_281_167, 50_000, 1_000, 20_345, 2048, 500
METHODS = ("eszsl", "sae", "ridge", "ale", "fclswgan", "conse")
STEPS = 200
"""of f-CLSWGAN"""
MEMORY = "≤ 3"
SIGNAL = 0.07
"""standard deviation of a class mean's entries, where that of noise is 1: with 1 every image is recognised"""


def run(methods: tuple[str, ...] = METHODS) -> list[Timing]:
    """Seconds and anonymous memory of every method, and of ESZSL from the command line to the last metric."""
    with TemporaryDirectory() as folder:
        if disk_usage(folder).free < 1.2 * 4 * FEATURES * (TRAIN + TEST):
            return [Timing("ImageNet's size: not enough space for its features", None, None, None)]
        write(Path(folder))
        floor = Timing("reading 1.28 M × 2,048 once", *[_read(Path(folder))] * 3)
        timings = [floor]
        for name in methods:
            command = [sys.executable, "-m", __name__, folder, name]
            found = json.loads(subprocess.check_output(command, text=True))
            what = {"ale": "one epoch of ale", "fclswgan": f"{STEPS} steps of fclswgan"}.get(name, name)
            beside = f"{found['seconds'] / floor.median:.1f} × as long as reading" if floor.median else ""
            timings.append(Timing(f"{what}, 1.28 M × 2,048", *[found["seconds"]] * 3, beside))
            timings.append(Timing(f"memory of {name} beyond the page cache, GB", *[found["memory"]] * 3, goal=MEMORY))
        return timings + _end_to_end(Path(folder))


def write(folder: Path) -> None:
    """Write images around a mean that is linear in φ, half of the test images of unseen classes."""
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    phi = torch.nn.functional.normalize(torch.randn(SEEN + UNSEEN, EMBEDDING, generator=generator))
    to_mean = SIGNAL * torch.randn(EMBEDDING, FEATURES, generator=generator)
    seen = [rng.integers(SEEN, size=TRAIN), rng.integers(SEEN, size=TEST // 2)]
    labels = np.concatenate([*seen, SEEN + rng.integers(UNSEEN, size=TEST // 2)])
    shape = (len(labels), FEATURES)
    features = np.lib.format.open_memmap(folder / "features.npy", mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, len(labels), BLOCK):
        mean = phi[labels[start : start + BLOCK]] @ to_mean
        features[start : start + BLOCK] = (mean + torch.randn(mean.shape, generator=generator)).relu().numpy()
    features.flush()
    names = np.array([f"class {i}" for i in range(SEEN + UNSEEN)])
    np.savez(folder / "labels.npz", labels=labels, names=names)
    np.savez(folder / "phi.npz", embeddings=phi.double().numpy(), names=names)
    ends = np.cumsum([0, TRAIN, TEST // 2, TEST // 2])
    parts = [np.arange(*pair) for pair in pairwise(ends)]
    np.savez(folder / "splits.npz", **dict(zip(("trainval", "test_seen", "test_unseen"), parts, strict=True)))


def _read(folder: Path) -> float:
    features = np.load(folder / "features.npy", mmap_mode="r")
    start = time.perf_counter()
    for row in range(0, TRAIN, BLOCK):
        np.add.reduce(features[row : row + BLOCK], axis=None)
    return time.perf_counter() - start


def _end_to_end(folder: Path) -> list[Timing]:
    command = [sys.executable, "-m", "zsl", "train", "data=arrays", "class_embedding.kind=att", "method=eszsl"]
    given = {"features": "features.npy", "labels": "labels.npz", "splits": "splits.npz", "class_embeddings": "phi.npz"}
    command += [f"data.{key}={folder / name}" for key, name in given.items()]
    command += ["data.scale=l2", "data.distractors=true", f"paths.output={folder}/run"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    memory = Anonymous(process.pid)
    memory.watch(lambda: process.poll() is None)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    seconds = time.perf_counter() - start
    what = f"zsl train method=eszsl, {TRAIN:,} images, {TEST:,} × {SEEN + UNSEEN:,}"
    return [
        Timing(what, *[seconds] * 3),
        Timing("memory of zsl train beyond the page cache, GB", *[memory.most] * 3, goal=MEMORY),
    ]


class Anonymous:
    """The largest anonymous memory of a process that was seen, in GB: what no file stands behind."""

    def __init__(self, pid: int | str = "self") -> None:
        self._status, self.most = Path(f"/proc/{pid}/status"), 0.0

    def watch(self, going: Callable[[], bool]) -> None:
        """Look ten times a second."""
        while going():
            lines = self._status.read_text(encoding="ascii").splitlines()
            now = next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)
            self.most = max(self.most, now / 1e6)
            time.sleep(0.1)


class Stop(Callback):
    """The end, after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps, self.made = steps, 0

    def on_train_batch_end(self, trainer: Trainer, *_: LightningModule) -> None:
        """Count."""
        self.made += 1
        trainer.should_stop = trainer.should_stop or self.made >= self.steps


def measured(folder: Path, name: str) -> dict[str, float]:
    """Train one method, and return its seconds and its memory."""
    torch.set_num_threads(2)
    labels, phi = np.load(folder / "labels.npz")["labels"][:TRAIN], np.load(folder / "phi.npz")["embeddings"]
    rows = StoredRows(np.load(folder / "features.npy", mmap_mode="r"), np.arange(TRAIN), Scaling("l2"))
    names = tuple(map(str, range(len(phi))))
    classes = LabelSpace(names, torch.from_numpy(phi.astype(np.float32)), torch.arange(len(phi)) < SEEN)
    train = TrainingSet(Examples(rows, torch.from_numpy(labels)), classes)
    config = composed("method", name)
    if "epochs" in config:
        config.epochs = 1
    model = instantiate(config, Dimensions(FEATURES, EMBEDDING, SEEN, UNSEEN))
    if name == "fclswgan":
        type(model).heads = lambda *_: ()  # type: ignore[method-assign]
    train = train if model.setting.value != "inductive" else train.of_seen_classes()
    memory, going = Anonymous(), threading.Event()
    watch = threading.Thread(target=memory.watch, args=(lambda: not going.is_set(),))
    watch.start()
    start = time.perf_counter()
    try:
        fit(model, train, Loop(progress_bar=False), 0, callbacks=[Stop(STEPS)] if name == "fclswgan" else [])
    finally:
        going.set()
        watch.join()
    return {"seconds": time.perf_counter() - start, "memory": memory.most}


if __name__ == "__main__":
    if len(sys.argv) == 2:
        write(Path(sys.argv[1]))
    else:
        sys.stdout.write(json.dumps(measured(Path(sys.argv[1]), sys.argv[2])))
