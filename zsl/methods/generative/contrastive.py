"""The contrastive embedding of CE-GZSL: a space in which images of a class are near to each other [Han2021]."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize, relu
from torch.optim import Adam, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch
from zsl.hyperparameters import require_count, require_positive
from zsl.methods.generative.losses import contrast
from zsl.methods.generative.networks import mlp, of_pairs
from zsl.methods.generative.prepared import hold_phi_scale
from zsl.methods.generative.space import Space
from zsl.methods.method import Dimensions


class Contrastive(Space):
    """min_{E, H, F}  E -log softmax(F(h, φ(·)) / τ_s)[y]  +  E mean_p -log( exp(zᵀz_p / τ_e) / Σ_{a} exp(zᵀz_a / τ_e) )

    over real features of seen classes, with h = E(x) = [W₁x + b₁]₊ the space, z = H(h) = (W₂h + b₂) / ‖W₂h + b₂‖₂,
    F(h, φ) = wᵀλ(A h + cBφ + a) + b a comparator, c = 1 / √(E ‖φ‖²) over seen classes, p the other images of the class
    of x and a all other images of the batch. The first term is the supervision of classes, the second that of instances
    (:func:`.contrast`). A batch needs several images of a class. As a method of its own F(x, y) is F(h, φ).

    Fakes of a guided generator are charged the same two terms, the second among the fakes and the real features of the
    batch, and both with one weight, as in all settings of public code; the embedding learns from real features alone.

    Args:
        dims: sizes of θ(x) and φ(y).
        hidden: length of h ≥ 1.
        projection: length of z ≥ 1.
        comparator_hidden: width of F's hidden layer ≥ 1.
        instance_temperature: τ_e > 0.
        class_temperature: τ_s > 0.
        lr: learning rate of Adam > 0.
        epochs: passes over the real features ≥ 1, where it is trained before the generator; None for as many as
            ``steps`` need.
        steps: ≥ 1, without ``epochs``.
        batch_size: features a step ≥ 1, where it is trained before the generator.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    def __init__(
        self,
        dims: Dimensions,
        hidden: int = 1024,
        projection: int = 256,
        comparator_hidden: int = 256,
        instance_temperature: float = 0.1,
        class_temperature: float = 0.1,
        lr: float = 1e-4,
        epochs: int | None = None,
        steps: int = 500,
        batch_size: int = 512,
    ) -> None:
        super().__init__(dims)
        require_count(hidden=hidden, projection=projection, comparator_hidden=comparator_hidden)
        require_positive(instance_temperature=instance_temperature, class_temperature=class_temperature, lr=lr)
        require_count(batch_size=batch_size)
        hold_phi_scale(self, None)
        self.phi_scale: Tensor
        self.width = hidden
        self.instance_temperature, self.class_temperature = instance_temperature, class_temperature
        self.lr, self.batch_size = lr, batch_size
        self.train_for(epochs, steps)
        self.embedding = mlp(dims.features, hidden, projection)
        self.comparator = mlp(hidden + dims.embedding, comparator_hidden, 1)

    def represent(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n h"]:
        """Return E(x)."""
        return relu(self.embedding[0](x))

    def project(self, h: Float[Tensor, "n h"]) -> Float[Tensor, "n m"]:
        """Return z = H(h), of length 1."""
        return normalize(self.embedding[2](h), dim=1)

    def compare(self, h: Float[Tensor, "n h"], phi: Float[Tensor, "s k"]) -> Float[Tensor, "n s"]:
        """Return F(h, φ) of every image and every class."""
        return of_pairs(self.comparator, h, self.phi_scale * phi, self.comparator[1])

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return F(E(x), φ(y))."""
        return self.compare(self.represent(x), classes.embeddings)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the two terms for real features."""
        h = self.represent(batch.x)
        of_instances = contrast(self.project(h), batch.y, self.instance_temperature)
        return self._of_classes(h, batch.y, batch.classes) + of_instances

    def charge(
        self,
        fake: Float[Tensor, "n d"],
        y: Int[Tensor, " n"],
        classes: LabelSpace,
        real: Float[Tensor, "n d"],
        restored: bool,  # noqa: ARG002
    ) -> Float[Tensor, ""]:
        """Return the two terms for fakes, among them and the real features of the batch."""
        h = self.represent(fake)
        with torch.no_grad():
            z_real = self.project(self.represent(real))
        z = torch.cat([self.project(h), z_real])
        return self._of_classes(h, y, classes) + contrast(z, torch.cat([y, y]), self.instance_temperature)

    def configure_optimizers(self) -> Optimizer:
        """Return Adam."""
        return Adam(self.parameters(), self.lr, (0.5, 0.999), fused=True)

    def _of_classes(self, h: Float[Tensor, "n h"], y: Int[Tensor, " n"], classes: LabelSpace) -> Float[Tensor, ""]:
        return cross_entropy(self.compare(h, classes.embeddings) / self.class_temperature, y)
