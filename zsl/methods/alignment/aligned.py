"""An aligned pair: linear projections of image and text features into one space, trained by a contrastive loss."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar, Literal, TypedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import dropout, normalize
from torch.optim import AdamW, Optimizer

from zsl.data.training_set import Batch, Batches, TrainingSet
from zsl.errors import InputError
from zsl.hyperparameters import require_choice, require_count, require_positive, require_within
from zsl.methods.alignment.contrastive import gathered, infonce, positives, sigmoid
from zsl.methods.alignment.joint_space import JointSpace
from zsl.methods.alignment.pairs import read_pairs
from zsl.methods.alignment.token_blocks import TokenBlocks
from zsl.methods.method import Dimensions

LARGEST = math.log(100)
"""largest s, as in CLIP"""
INITIAL = {"infonce": (-math.log(0.07), 0.0), "sigmoid": (math.log(10), -10.0)}
"""loss -> s and b at the start"""
Projection = Literal["linear", "orthogonal", "none"]
PROJECTIONS: tuple[Projection, ...] = ("linear", "orthogonal", "none")


class AlignedKeys(TypedDict, total=False):
    """Hyperparameters of :class:`Aligned` that methods pass on to it."""

    contrast: Literal["infonce", "sigmoid"]
    image_projection: Projection
    text_projection: Projection
    joint: int | None
    pairs: str | Path | None
    dropout: float
    lr: float
    epochs: int
    batch_size: int
    weight_decay: float
    tokens: int | None
    image_blocks: int | None
    drop_path: float


class Aligned(JointSpace):
    """F(x, y) = exp(s) cos(Au(x), Bφ(y))

    Both encoders are frozen; A (m × d), B (m × k) and s ≤ ln 100 are learned from pairs (x_i, t_i) of an image and its
    class text. u(x) is θ(x), or what :class:`.TokenBlocks` makes of θ(x) as a class token and patches, as dino.txt does
    [Jose2025]. By default B is the identity, so that texts keep the cosines that their encoder gives them, as those of
    unseen classes do. Pairs of one class are positives of each other, never negatives: with
    z_ij = exp(s) cos(Au(x_i), Bt_j) and P_i the pairs of a batch that have the class of pair i,

    ``infonce``: mean_i -1/2|P_i| Σ_{j ∈ P_i} log softmax_j(z_ij) + log softmax_j(z_ji), which without repeated classes
    is the loss of CLIP [Radford2021] and with them that of UniCL [Yang2022];

    ``sigmoid``: mean_i -Σ_j log σ(±(z_ij + b)), with + for j ∈ P_i and a learned b, as in SigLIP [Zhai2023].

    AdamW; s and b do not decay. s starts at ln 1/0.07 or ln 10, b at -10. The encoder of images is frozen as in LiT
    [Zhai2022]. With ``pairs`` the method learns from images and captions of a file, and from no image of the data set.

    Args:
        dims: sizes of θ(x) and φ(y).
        contrast: the loss, ``"infonce"`` or ``"sigmoid"``.
        image_projection: of A: ``"linear"``, ``"orthogonal"`` for orthonormal rows, or columns where m > d, or
            ``"none"`` for the identity, where m = d.
        text_projection: of B: ``"linear"``, ``"orthogonal"``, or ``"none"`` for the identity, where m = k.
        joint: m ≥ 1, or null for the size of the side without a projection, and for the smaller one of d and k where
            both have one.
        pairs: file with the arrays ``images`` (θ, scaled as ``data.scale`` scales) and ``texts`` (φ), one row a pair.
        dropout: share of u(x) that is set to 0 in training, in [0, 1); above 0 one process trains alone.
        lr: learning rate > 0.
        epochs: passes over the pairs ≥ 1.
        batch_size: pairs a step ≥ 1.
        weight_decay: of A, B and the blocks ≥ 0.
        tokens: T ≥ 2, where θ(x) are T vectors side by side of which the first is the class token
            (``backbone.pooling=tokens``); u(x) has then 2d/T numbers.
        image_blocks: transformer blocks on the tokens ≥ 1, or null for none.
        drop_path: share of the images that skip a sum of a block in training, in [0, 1); above 0 one process trains
            alone.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    exchanges: ClassVar[bool] = True

    def __init__(
        self,
        dims: Dimensions,
        contrast: Literal["infonce", "sigmoid"] = "infonce",
        image_projection: Projection = "linear",
        text_projection: Projection = "none",
        joint: int | None = None,
        pairs: str | Path | None = None,
        dropout: float = 0.5,
        lr: float = 1e-3,
        epochs: int = 40,
        batch_size: int = 256,
        weight_decay: float = 0.01,
        tokens: int | None = None,
        image_blocks: int | None = None,
        drop_path: float = 0.3,
    ) -> None:
        super().__init__()
        require_choice(contrast, "method.contrast", ("infonce", "sigmoid"))
        require_choice(image_projection, "method.image_projection", PROJECTIONS)
        require_choice(text_projection, "method.text_projection", PROJECTIONS)
        if pairs is not None and not isinstance(pairs, str | Path):
            raise InputError(f"method.pairs={pairs}: is no path; give a file that zsl.save_pairs wrote")
        require_positive(lr=lr)
        require_count(epochs=epochs, batch_size=batch_size)
        require_within(0, math.inf, weight_decay=weight_decay)
        require_within(0, 1, dropout=dropout, drop_path=drop_path)
        if joint is not None:
            require_count(joint=joint)
            for name, kind in (("text_projection", text_projection), ("image_projection", image_projection)):
                if kind == "none":
                    raise InputError(f"method.joint={joint}: follows from method.{name}=none; leave one of them out")
        self.blocks = _blocks(dims, tokens, image_blocks)
        self.contrast, self.dropout, self.pairs, self.dims = contrast, dropout, pairs, dims
        self.lr, self.epochs, self.batch_size, self.weight_decay = lr, epochs, batch_size, weight_decay
        self.image_projection, self.text_projection = image_projection, text_projection
        self.drop_path = drop_path if image_blocks else 0.0
        self.distributable = not (dropout or self.drop_path)  # type: ignore[misc]
        d, k = dims.features if self.blocks is None else 2 * self.blocks.width, dims.embedding
        m = min(d, k) if joint is None else joint
        m = k if text_projection == "none" else d if image_projection == "none" else m
        self.width, self.joint = d, m
        self.A = None if image_projection == "none" else nn.Parameter(torch.randn(m, d) / math.sqrt(3 * d))
        self.B = None if text_projection == "none" else nn.Parameter(torch.randn(m, k) / math.sqrt(3 * k))
        s, b = INITIAL[contrast]
        self.s, self.b = nn.Parameter(torch.tensor(s)), nn.Parameter(torch.tensor(b), contrast == "sigmoid")

    @property
    def scale(self) -> Float[Tensor, ""]:
        """Return exp(s)."""
        return self.s.exp()

    def images(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Return Au(x)."""
        return _projected(self.u(x), self.A, self.image_projection)

    def u(self, x: Float[Tensor, "n d"], drop_path: float = 0.0) -> Float[Tensor, "n u"]:
        """Return u(x); a share of the images skips each sum of the blocks."""
        return x if self.blocks is None else self.blocks(x, drop_path)

    def texts(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n m"]:
        """Return Bφ(y)."""
        return _projected(phi, self.B, self.text_projection)

    def prepared(self, train: TrainingSet) -> TrainingSet:
        """Return the training set.

        Raises:
            InputError: θ(x) cannot be divided into tokens, or θ(x) and φ(y) have no common space without projections.
        """
        d = self.dims.features
        if self.blocks is not None and d % self.blocks.tokens:
            raise InputError(f"method.tokens={self.blocks.tokens}: θ(x) has {d} numbers, which are no whole tokens")
        if self.A is None and self.B is None and self.width != self.joint:
            raise InputError(
                f"method.image_projection=none: images have {self.width} numbers and texts {self.joint}; let "
                "method.text_projection or method.image_projection be linear"
            )
        return train

    @property
    def paired(self) -> Dimensions:
        """Return the sizes of the images and texts of a file of pairs."""
        return self.dims

    def batches(self, train: TrainingSet, seed: int) -> Batches:
        """Return batches of the training images, or of the pairs of the file.

        Raises:
            InputError: the file cannot be read, or does not fit the features.
        """
        if self.pairs is not None:
            train = read_pairs(Path(self.pairs), self.paired).to(train.examples.labels.device)
        return super().batches(train, seed)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of the pairs of a batch; other processes that share it hold further columns."""
        with torch.no_grad():
            self.s.clamp_(max=LARGEST)
        u = dropout(self.u(batch.x, self.drop_path if self.training else 0.0), self.dropout, self.training)
        f = _projected(u, self.A, self.image_projection)
        rows = normalize(f), normalize(self.texts(batch.classes.embeddings[batch.y]))
        columns = gathered(rows[0]), gathered(rows[1])
        positive = positives(batch.y, gathered(batch.y))
        if self.contrast == "sigmoid":
            return sigmoid(self.scale * rows[0] @ columns[1].T + self.b, positive)
        to_text, to_image = (self.scale * own @ others.T for own, others in zip(rows, reversed(columns), strict=True))
        return (infonce(to_text, positive) + infonce(to_image, positive)) / 2

    def configure_optimizers(self) -> Optimizer:
        """Return AdamW, which lets matrices alone decay."""
        return AdamW(self.groups(), lr=self.lr, fused=True)

    def groups(self) -> list[dict[str, Any]]:
        """Return the weights that are learned, those that decay first."""
        weights = list(self.parameters())
        return [
            {"params": [W for W in weights if W.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [W for W in weights if W.ndim < 2], "weight_decay": 0.0},
        ]

    def finalize(self, train: TrainingSet) -> None:  # noqa: ARG002
        """Bound s after the last step."""
        with torch.no_grad():
            self.s.clamp_(max=LARGEST)


def _blocks(dims: Dimensions, tokens: int | None, count: int | None) -> TokenBlocks | None:
    """Return what makes one vector of the tokens of an image, or None where θ(x) is one vector."""
    if count is not None:
        require_count(image_blocks=count)
    if tokens is None:
        if count:
            raise InputError(f"method.image_blocks={count}: needs method.tokens, the number of tokens of an image")
        return None
    require_count(tokens=tokens)
    if tokens < 2:
        raise InputError(f"method.tokens={tokens}: must be at least 2, the class token and a patch")
    return TokenBlocks(tokens, max(1, dims.features // tokens), count or 0)


def _projected(v: Float[Tensor, "n d"], W: Float[Tensor, "m d"] | None, kind: Projection) -> Float[Tensor, "n m"]:
    """Return v, or vWᵀ, or v times a matrix of that size whose columns, or rows where m > d, are orthonormal."""
    if W is None:
        return v
    if kind != "orthogonal":
        return v @ W.T
    Q: Tensor = torch.linalg.qr(W.T).Q if len(W) <= W.shape[1] else torch.linalg.qr(W).Q.T
    return v @ Q
