"""Transformer blocks on the tokens of an image, one image, token and head at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.methods.one_at_a_time import random_batch, random_training_set
from zsl.errors import InputError
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.alignment.token_blocks import TokenBlocks
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

Row = np.ndarray


def layer_norm(v: Row, layer: torch.nn.Module) -> Row:
    gain, shift = (each.detach().numpy() for each in layer.parameters())
    return np.asarray((v - v.mean()) / math.sqrt(v.var() + 1e-5) * gain + shift)


def linear(v: Row, layer: torch.nn.Module) -> Row:
    weight, bias = (each.detach().numpy() for each in layer.parameters())
    return np.asarray(weight @ v + bias)


def gelu(v: Row) -> Row:
    return np.array([0.5 * a * (1 + math.erf(a / math.sqrt(2))) for a in v])


def attention(rows: list[Row], block: torch.nn.Module, heads: int) -> list[Row]:
    width = len(rows[0])
    qkv = [linear(row, block.qkv).reshape(3, heads, width // heads) for row in rows]
    made = []
    for q, _, _ in qkv:
        mixed = []
        for head in range(heads):
            scores = np.array([q[head] @ k[head] / math.sqrt(width // heads) for _, k, _ in qkv])
            p = np.exp(scores - scores.max())
            mixed.append(sum(share * v[head] for share, (_, _, v) in zip(p / p.sum(), qkv, strict=True)))
        made.append(linear(np.concatenate(mixed), block.out))
    return made


def slow(model: TokenBlocks, x: Row) -> Row:
    """Return u of one image."""
    rows = list(x.reshape(model.tokens, model.width))
    for block in model.blocks:
        change = attention([layer_norm(row, block.before_attention) for row in rows], block, block.heads)
        rows = [row + step for row, step in zip(rows, change, strict=True)]
        inner = [gelu(linear(layer_norm(row, block.before_layers), block.first)) for row in rows]
        rows = [row + linear(v, block.second) for row, v in zip(rows, inner, strict=True)]
    if len(model.blocks):
        rows = [layer_norm(row, model.norm) for row in rows]
    return np.concatenate([rows[0], np.mean(rows[1:], axis=0)])


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(1, 3),
    tokens=st.integers(2, 4),
    width=st.sampled_from([1, 3, 64, 128]),
    blocks=st.integers(0, 2),
    seed=st.integers(0, 10**6),
)
def test_they_follow_the_definition(n: int, tokens: int, width: int, blocks: int, seed: int) -> None:
    torch.manual_seed(seed)
    model = TokenBlocks(tokens, width, blocks).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.3)
    assert all(block.heads == max(1, width // 64) for block in model.blocks)
    x = torch.randn(n, tokens * width, dtype=torch.float64)
    expected = np.stack([slow(model, row) for row in x.numpy()])
    np.testing.assert_allclose(model(x).detach().numpy(), expected, rtol=1e-7, atol=1e-9)


def test_the_order_of_patches_does_not_matter() -> None:
    """Positions are in the encoder's tokens; the blocks add none."""
    torch.manual_seed(0)
    model, x = TokenBlocks(4, 6, 2).double(), torch.randn(2, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(model(x.flatten(1)), model(x[:, [0, 3, 1, 2]].flatten(1)))
    assert not torch.allclose(model(x.flatten(1)), model(x[:, [1, 0, 2, 3]].flatten(1)))


def test_skipped_sums_keep_their_mean() -> None:
    """The term of an image is 0, or divided by the share that is kept."""
    torch.manual_seed(0)
    model, x = TokenBlocks(3, 5, 1).double(), torch.randn(1, 15, dtype=torch.float64).expand(4000, -1)
    model.norm = torch.nn.Identity()
    with torch.no_grad():
        model.blocks[0].second.weight.zero_()  # leaves the sum of the attention
        plain, whole = model(x[:1])[0], model(x, 0.3)
    z = x[0].view(3, 5)
    still = torch.cat([z[0], z[1:].mean(0)])
    dropped = (whole == still).all(dim=1)
    assert dropped.double().mean().item() == pytest.approx(0.3, abs=0.03)
    torch.testing.assert_close(whole[~dropped], (still + (plain - still) / 0.7).expand(int((~dropped).sum()), -1))


def test_an_aligned_pair_learns_on_tokens() -> None:
    train = random_training_set(n=24, d=12, k=8, s=4)
    made = []
    for epochs in (1, 40):
        torch.manual_seed(0)
        model = Aligned(
            Dimensions(12, 8, 4), image_projection="none", text_projection="linear", tokens=3, image_blocks=2,
            epochs=epochs, lr=3e-3,
        ).double()  # fmt: skip
        assert model.joint == 8
        assert not model.distributable
        fit(model, train, Loop(progress_bar=False), seed=0)
        made.append(model.eval().loss(random_batch(24, 12, 8, 4, 0)).item())
        x = train.examples.tensor[:5]
        torch.testing.assert_close(model.train().scores(x, train.classes), model.eval().scores(x, train.classes))
    assert made[1] < made[0] - 0.3


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"tokens": 5}, r"^method\.tokens=5: θ\(x\) has 12 numbers"),
        ({"image_projection": "none"}, r"^method\.image_projection=none: images have 12 numbers and texts 8"),
        (
            {"tokens": 6, "image_projection": "none"},
            r"^method\.image_projection=none: images have 4 numbers and texts 8",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused_when_it_is_trained(how: dict[str, object], said: str) -> None:
    model = Aligned(Dimensions(12, 8, 4), **how)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=said):
        fit(model, random_training_set(n=9, d=12, k=8, s=4), Loop(progress_bar=False), seed=0)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"image_blocks": 2}, r"^method\.image_blocks=2: needs method\.tokens"),
        ({"tokens": 1}, r"^method\.tokens=1: must be at least 2"),
        ({"tokens": 3, "drop_path": 1.0}, r"^method\.drop_path=1\.0: "),
        ({"image_projection": "none", "joint": 3, "text_projection": "linear"}, r"^method\.joint=3: follows from"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(how: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Aligned(Dimensions(12, 8, 4), **how)  # type: ignore[arg-type]
