"""An aligned pair: linear projections of image and text features into one space, trained by a contrastive loss."""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar, Literal

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
from zsl.methods.method import Dimensions

LARGEST = math.log(100)
"""largest s, as in CLIP"""
INITIAL = {"infonce": (-math.log(0.07), 0.0), "sigmoid": (math.log(10), -10.0)}
"""loss -> s and b at the start"""
Projection = Literal["linear", "orthogonal", "none"]


class Aligned(JointSpace):
    """F(x, y) = exp(s) cos(Aθ(x), Bφ(y))

    Both encoders are frozen; A (m × d), B (m × k) and s ≤ ln 100 are learned from pairs (x_i, t_i) of an image and its
    class text. By default B is the identity, so that texts keep the cosines that their encoder gives them, as those of
    unseen classes do. Pairs of one class are positives of each other, never negatives: with
    z_ij = exp(s) cos(Ax_i, Bt_j) and P_i the pairs of a batch that have the class of pair i,

    ``infonce``: mean_i -1/2|P_i| Σ_{j ∈ P_i} log softmax_j(z_ij) + log softmax_j(z_ji), which without repeated classes
    is the loss of CLIP [Radford2021] and with them that of UniCL [Yang2022];

    ``sigmoid``: mean_i -Σ_j log σ(±(z_ij + b)), with + for j ∈ P_i and a learned b, as in SigLIP [Zhai2023].

    AdamW; s and b do not decay. s starts at ln 1/0.07 or ln 10, b at -10. The encoder of images is frozen as in LiT
    [Zhai2022]. With ``pairs`` the method learns from images and captions of a file, and from no image of the data set.

    Args:
        dims: sizes of θ(x) and φ(y).
        contrast: the loss, ``"infonce"`` or ``"sigmoid"``.
        image_projection: of A: ``"linear"``, or ``"orthogonal"`` for orthonormal rows, or columns where m > d.
        text_projection: of B: ``"linear"``, ``"orthogonal"``, or ``"none"`` for the identity, where m = k.
        joint: m ≥ 1, or null for k without a text projection and for the smaller one of d and k with it.
        pairs: file with the arrays ``images`` (θ, scaled as ``data.scale`` scales) and ``texts`` (φ), one row a pair.
        dropout: share of θ(x) that is set to 0 in training, in [0, 1); above 0 one process trains alone.
        lr: learning rate > 0.
        epochs: passes over the pairs ≥ 1.
        batch_size: pairs a step ≥ 1.
        weight_decay: of A and B ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    exchanges: ClassVar[bool] = True

    def __init__(
        self,
        dims: Dimensions,
        contrast: Literal["infonce", "sigmoid"] = "infonce",
        image_projection: Literal["linear", "orthogonal"] = "linear",
        text_projection: Projection = "none",
        joint: int | None = None,
        pairs: str | Path | None = None,
        dropout: float = 0.5,
        lr: float = 1e-3,
        epochs: int = 40,
        batch_size: int = 256,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__()
        require_choice(contrast, "method.contrast", ("infonce", "sigmoid"))
        require_choice(image_projection, "method.image_projection", ("linear", "orthogonal"))
        require_choice(text_projection, "method.text_projection", ("linear", "orthogonal", "none"))
        if pairs is not None and not isinstance(pairs, str | Path):
            raise InputError(f"method.pairs={pairs}: is no path; give a file that zsl.save_pairs wrote")
        require_positive(lr=lr)
        require_count(epochs=epochs, batch_size=batch_size)
        require_within(0, math.inf, weight_decay=weight_decay)
        require_within(0, 1, dropout=dropout)
        if joint is not None:
            require_count(joint=joint)
            if text_projection == "none":
                raise InputError(f"method.joint={joint}: is k with method.text_projection=none; leave one of them out")
        self.contrast, self.dropout, self.pairs, self.dims = contrast, dropout, pairs, dims
        self.lr, self.epochs, self.batch_size, self.weight_decay = lr, epochs, batch_size, weight_decay
        self.image_projection, self.text_projection = image_projection, text_projection
        self.distributable = not dropout  # type: ignore[misc]
        d, k = dims.features, dims.embedding
        m = k if text_projection == "none" else min(d, k) if joint is None else joint
        self.joint = m
        self.A = nn.Parameter(torch.randn(m, d) / math.sqrt(3 * d))
        self.B = None if text_projection == "none" else nn.Parameter(torch.randn(m, k) / math.sqrt(3 * k))
        s, b = INITIAL[contrast]
        self.s, self.b = nn.Parameter(torch.tensor(s)), nn.Parameter(torch.tensor(b), contrast == "sigmoid")

    @property
    def scale(self) -> Float[Tensor, ""]:
        """Return exp(s)."""
        return self.s.exp()

    def images(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Return Aθ(x)."""
        return x @ _projection(self.A, self.image_projection)

    def texts(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n m"]:
        """Return Bφ(y)."""
        return phi if self.B is None else phi @ _projection(self.B, self.text_projection)

    def batches(self, train: TrainingSet, seed: int) -> Batches:
        """Return batches of the training images, or of the pairs of the file.

        Raises:
            InputError: the file cannot be read, or does not fit the features.
        """
        if self.pairs is not None:
            train = read_pairs(Path(self.pairs), self.dims).to(train.examples.labels.device)
        return super().batches(train, seed)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of the pairs of a batch; other processes that share it hold further columns."""
        with torch.no_grad():
            self.s.clamp_(max=LARGEST)
        x = dropout(batch.x, self.dropout, self.training)
        rows = normalize(self.images(x)), normalize(self.texts(batch.classes.embeddings[batch.y]))
        columns = gathered(rows[0]), gathered(rows[1])
        positive = positives(batch.y, gathered(batch.y))
        if self.contrast == "sigmoid":
            return sigmoid(self.scale * rows[0] @ columns[1].T + self.b, positive)
        to_text, to_image = (self.scale * own @ others.T for own, others in zip(rows, reversed(columns), strict=True))
        return (infonce(to_text, positive) + infonce(to_image, positive)) / 2

    def configure_optimizers(self) -> Optimizer:
        """Return AdamW, which lets A and B alone decay."""
        groups = [
            {"params": [W for W in (self.A, self.B) if W is not None], "weight_decay": self.weight_decay},
            {"params": [self.s, self.b], "weight_decay": 0.0},
        ]
        return AdamW(groups, lr=self.lr, fused=True)

    def finalize(self, train: TrainingSet) -> None:  # noqa: ARG002
        """Bound s after the last step."""
        with torch.no_grad():
            self.s.clamp_(max=LARGEST)


def _projection(W: Float[Tensor, "m n"], kind: Projection) -> Float[Tensor, "n m"]:
    """Return Wᵀ, or a matrix of its size whose columns, or rows where m > n, are orthonormal."""
    if kind != "orthogonal":
        return W.T
    Q: Tensor = torch.linalg.qr(W.T).Q if len(W) <= W.shape[1] else torch.linalg.qr(W).Q.T
    return Q
