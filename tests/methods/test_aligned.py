"""The aligned pair: losses pair by pair, projections, pairs from a file, and several processes."""

from __future__ import annotations

import math
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import distributed
from torch.multiprocessing.spawn import spawn

from tests.methods.one_at_a_time import random_batch, random_training_set
from zsl.data.training_set import Batch
from zsl.errors import InputError
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

SIZES = {"n": st.integers(1, 7), "d": st.integers(1, 5), "k": st.integers(1, 5), "s": st.integers(1, 4)}


def cosines(model: Aligned, batch: Batch) -> list[list[float]]:
    """cos(Ax_i, Bt_j) of every image and the class text of every pair."""
    A = model.A.detach().numpy()
    B = np.eye(batch.classes.embeddings.shape[1]) if model.B is None else model.B.detach().numpy()
    f = [A @ x for x in batch.x.numpy()]
    g = [B @ batch.classes.embeddings.numpy()[y] for y in batch.y.tolist()]
    return [[float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))) for b in g] for a in f]


def log_softmax(row: list[float]) -> list[float]:
    top = max(row)
    total = top + math.log(sum(math.exp(z - top) for z in row))
    return [z - total for z in row]


@settings(deadline=None, max_examples=60)
@given(**SIZES, seed=st.integers(0, 10**6), text=st.sampled_from(["none", "linear"]))
def test_infonce_follows_the_definition(n: int, d: int, k: int, s: int, seed: int, text: str) -> None:
    torch.manual_seed(seed)
    model = Aligned(Dimensions(d, k, s), text_projection=text, dropout=0.0).double()  # type: ignore[arg-type]
    batch = random_batch(n, d, k, s, seed)
    z, y, expected = [[math.exp(float(model.s)) * c for c in row] for row in cosines(model, batch)], batch.y, 0.0
    for i in range(n):
        same = [j for j in range(n) if y[j] == y[i]]
        to_text, to_image = log_softmax(z[i]), log_softmax([row[i] for row in z])
        expected -= sum(to_text[j] + to_image[j] for j in same) / (2 * len(same) * n)
    assert model.loss(batch).item() == pytest.approx(expected, rel=1e-6, abs=1e-8)


@settings(deadline=None, max_examples=60)
@given(**SIZES, seed=st.integers(0, 10**6))
def test_the_sigmoid_loss_follows_the_definition(n: int, d: int, k: int, s: int, seed: int) -> None:
    torch.manual_seed(seed)
    model = Aligned(Dimensions(d, k, s), "sigmoid", dropout=0.0).double()
    batch = random_batch(n, d, k, s, seed)
    expected = 0.0
    for i, row in enumerate(cosines(model, batch)):
        for j, cosine in enumerate(row):
            z = (1 if batch.y[i] == batch.y[j] else -1) * (10 * cosine - 10)
            expected += math.log1p(math.exp(-z)) / n
    assert model.loss(batch).item() == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_a_text_that_recurs_is_no_negative() -> None:
    """Of one class alone, every pair is a positive: no direction is preferred, and the gradient of A is zero."""
    model = Aligned(Dimensions(4, 3, 1), dropout=0.0).double()
    batch = random_batch(5, 4, 3, 1, 0)
    batch = batch._replace(x=batch.x[:1].expand(5, -1))
    model.loss(batch).backward()  # type: ignore[no-untyped-call]
    assert model.A.grad is not None
    assert model.A.grad.abs().max() < 1e-12


@settings(deadline=None, max_examples=30)
@given(d=st.integers(1, 6), k=st.integers(1, 6), m=st.integers(1, 6))
def test_orthogonal_projections_are_orthonormal(d: int, k: int, m: int) -> None:
    model = Aligned(Dimensions(d, k, 3), "infonce", "orthogonal", "orthogonal", m).double()
    for P in (model.images(torch.eye(d).double()), model.texts(torch.eye(k).double())):
        gram = P.T @ P if P.shape[1] <= P.shape[0] else P @ P.T
        torch.testing.assert_close(gram, torch.eye(len(gram)).double())


def test_the_temperature_is_bounded() -> None:
    train = random_training_set(n=6, d=4, k=4, s=6)
    model = Aligned(Dimensions(4, 4, 6), lr=1.0, epochs=60, dropout=0.0).double()
    fit(model, train, Loop(progress_bar=False), seed=0)
    assert model.scale.item() <= 100 * (1 + 1e-9)


def test_a_joint_size_without_text_projection_is_refused() -> None:
    with pytest.raises(InputError, match=r"^method\.joint=3: follows from method\.text_projection=none"):
        Aligned(Dimensions(4, 5, 6), joint=3)


def test_processes_cannot_share_dropout() -> None:
    assert Aligned(Dimensions(4, 5, 6), dropout=0.0).distributable
    with pytest.raises(InputError, match=r"trainer\.devices=2: the batches of Aligned cannot be divided"):
        fit(Aligned(Dimensions(6, 5, 7)), random_training_set(), Loop(devices=2), 0)


def pairs_file(folder: Path, n: int = 40, d: int = 64, k: int = 32) -> Path:
    """Pairs in which every second text recurs."""
    texts = torch.randn(n, k)
    texts[1::2] = texts[::2]
    save_file({"images": torch.randn(n, d), "texts": texts}, folder / "pairs.safetensors")
    return folder / "pairs.safetensors"


def test_a_recurring_caption_is_one_class(tmp_path: Path) -> None:
    file = pairs_file(tmp_path, d=6, k=5)
    model = Aligned(Dimensions(6, 5, 7), pairs=str(file), epochs=3)
    train = random_training_set(n=10).to("cpu")
    batches = model.batches(train, 0)
    assert len(batches.train.classes) == 20
    (batch,) = batches
    assert len(batch.x) == 40
    before = model.A.detach().clone()
    fit(model, train, Loop(progress_bar=False), seed=0)
    assert not torch.equal(before, model.A)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": torch.zeros(3, 6)}, "has no array 'texts'"),
        ({"images": torch.zeros(3, 5), "texts": torch.zeros(3, 5)}, "of the data set has 6 numbers"),
        ({"images": torch.zeros(3, 6), "texts": torch.zeros(2, 5)}, "3 images and 2 texts"),
        ({"images": torch.full((3, 6), math.nan), "texts": torch.zeros(3, 5)}, "images holds numbers that are not"),
    ],
)
def test_what_is_no_pairs_file_is_refused(tmp_path: Path, arrays: dict[str, torch.Tensor], said: str) -> None:
    save_file(arrays, tmp_path / "pairs.safetensors")
    model = Aligned(Dimensions(6, 5, 7), pairs=str(tmp_path / "pairs.safetensors"))
    with pytest.raises(InputError, match=said) as caught:
        model.batches(random_training_set(), 0)
    assert "\n" not in str(caught.value)


def test_no_pairs_file_is_one_line(tmp_path: Path) -> None:
    model = Aligned(Dimensions(6, 5, 7), pairs=str(tmp_path / "none.npz"))
    with pytest.raises(InputError, match=r"none\.npz.*method\.pairs names a file"):
        model.batches(random_training_set(), 0)


def _gradients(rank: int, port: int, contrast: str, folder: str) -> None:
    """Save what one process of two makes of its part of the batch."""
    distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = Aligned(Dimensions(5, 4, 3), contrast, text_projection="linear", dropout=0.0).double()  # type: ignore[arg-type]
    batch = random_batch(7, 5, 4, 3, 1)
    own = (slice(4), slice(4, 7))[rank]
    (model.loss(Batch(batch.x[own], batch.y[own], batch.classes)) * len(batch.y[own]) * 2 / 7).backward()  # type: ignore[no-untyped-call]
    found = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    save_file(found, Path(folder) / f"{contrast}{rank}.safetensors")
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("contrast", ["infonce", "sigmoid"])
def test_two_processes_have_the_gradient_of_one(tmp_path: Path, contrast: str) -> None:
    """Parts of 4 and 3 pairs, whose mean gradient is that of the batch of 7: negatives are gathered."""
    from safetensors.torch import load_file

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    spawn(_gradients, (port, contrast, str(tmp_path)), nprocs=2)  # type: ignore[no-untyped-call]
    parts = [load_file(tmp_path / f"{contrast}{rank}.safetensors") for rank in range(2)]
    torch.manual_seed(0)
    model = Aligned(Dimensions(5, 4, 3), contrast, text_projection="linear", dropout=0.0).double()  # type: ignore[arg-type]
    model.loss(random_batch(7, 5, 4, 3, 1)).backward()  # type: ignore[no-untyped-call]
    whole = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    assert whole.keys() == parts[0].keys()
    for name, gradient in whole.items():
        torch.testing.assert_close((parts[0][name] + parts[1][name]) / 2, gradient, rtol=1e-9, atol=1e-12)
