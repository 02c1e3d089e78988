"""CADA-VAE: autoencoders of features and of descriptions that share one latent space [Schönfeld2019]."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Adam, Optimizer

from zsl.data.examples import Examples, in_turn
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, TrainingSet
from zsl.hyperparameters import Duration, require_choice, require_count, require_positive
from zsl.methods.generative.feature_generator import FeatureGenerator, Head
from zsl.methods.generative.gaussian import Autoencoder
from zsl.methods.generative.losses import absolute_misfit
from zsl.methods.generative.prepared import class_deviations, hold_phi_scale, require_phi_scale, weigh_by_length
from zsl.methods.generative.ramps import Ramps
from zsl.methods.generative.softmax import Softmax
from zsl.methods.generative.units import Scale
from zsl.methods.method import Dimensions

BETWEEN = 75.0
"""what deviations of class means count as in all, beside β, δ and descriptions of length 1"""
MANY = 10
"""epochs from which the weights of the loss are the same within each"""


class CADAVAE(FeatureGenerator):
    """min E [ w‖x - x̂(z)‖₁ + ‖φ - φ̂(z')‖₁ + β (KL(q(z|x) ‖ p) + KL(q(z|φ) ‖ p))
            + γ (w‖x - x̂(z')‖₁ + ‖φ - φ̂(z)‖₁) + δ W₂(q(z|x), q(z|φ)) ]

    with z ~ q(z|x), z' ~ q(z|φ(y)), p = N(0, I): each autoencoder restores its own input, and also from the latent of
    the other's (cross alignment, γ), and the distance of the two posteriors is penalised (distribution alignment, δ).
    The weights grow linearly between two points of the training each, epoch by epoch where there are ten or more, else
    step by step after the first; Adam with AMSGrad. So that they reach their ends, the number of epochs is not chosen:
    a ``budget`` shortens the whole schedule after the first epoch. Heads learn in the latent space, from z' of unseen
    and z of seen classes, and score an image by the mean of q(z|x).

    What x̂ is worth beside φ̂ depends on the scale of x, and on how much of x a class tells. With ``units="derived"``, x
    is divided by its deviation, w is 75 by the sum of the deviations that means of classes then have, and φ has length
    1 in the mean over seen classes. With ``units="data"``, w = 1 and features are expected within [0, 1], as in the
    authors' code, whose weights the defaults are. Each coordinate of z has an ε of its own, times σ (there: one, σ²).

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of latents.
        features_per_class: latents of each unseen class ≥ 1, from its description.
        seen_per_class: latents of each seen class ≥ 1, from its images in turn.
        latent: length of z ≥ 1.
        phi_scale: c > 0; what is encoded and restored of a class is cφ. None for 1 / √(E ‖φ‖²) over seen classes.
        units: of features inside the autoencoder, as of :class:`.AdversarialOptions`.
        encoder_hidden: width of the hidden layer from x to z ≥ 1.
        decoder_hidden: from z to x.
        class_encoder_hidden: from φ to z.
        class_decoder_hidden: from z to φ.
        beta: β ≥ 0.
        beta_start: share of the training until which it is 0, ≥ 0.
        beta_end: share from which it is β, ≤ 1.
        gamma: γ ≥ 0; so its two shares.
        delta: δ ≥ 0; so its two shares.
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1, or None for as many as ``steps`` need.
        steps: steps ≥ 1 without ``epochs``.
        budget: time such as ``5min`` for the gradient steps, into which as many epochs are fitted as it has room for.
        batch_size: ≥ 1.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    afterwards: ClassVar[tuple[str, ...]] = ("head", "features_per_class", "seen_per_class")
    scheduled: ClassVar[bool] = True

    def __init__(
        self,
        dims: Dimensions,
        head: Head = Softmax,
        features_per_class: int = 400,
        seen_per_class: int = 200,
        latent: int = 64,
        phi_scale: float | None = None,
        units: Scale = "derived",
        encoder_hidden: int = 1560,
        decoder_hidden: int = 1660,
        class_encoder_hidden: int = 1450,
        class_decoder_hidden: int = 665,
        beta: float = 0.25,
        beta_start: float = 0.0,
        beta_end: float = 0.93,
        gamma: float = 2.37,
        gamma_start: float = 0.21,
        gamma_end: float = 0.75,
        delta: float = 8.13,
        delta_start: float = 0.06,
        delta_end: float = 0.22,
        lr: float = 7e-4,
        epochs: int | None = None,
        steps: int = 4000,
        budget: Duration = None,
        batch_size: int = 50,
    ) -> None:
        require_count(latent=latent, encoder_hidden=encoder_hidden, decoder_hidden=decoder_hidden)
        require_choice(units, "method.units", ("whitened", "derived", "data"))
        super().__init__(dims, head, features_per_class, latent, units=units)
        require_count(class_encoder_hidden=class_encoder_hidden, class_decoder_hidden=class_decoder_hidden)
        require_count(features_per_class=features_per_class, seen_per_class=seen_per_class, batch_size=batch_size)
        require_positive(lr=lr)
        require_phi_scale(phi_scale)
        self.seen_per_class = seen_per_class
        hold_phi_scale(self, phi_scale)
        self.register_buffer("w", torch.ones(()))
        self.phi_scale: float | Tensor
        self.w: Tensor
        self.ramps = Ramps(
            beta=(beta, beta_start, beta_end),
            gamma=(gamma, gamma_start, gamma_end),
            delta=(delta, delta_start, delta_end),
        )
        self.lr, self.batch_size = lr, batch_size
        self.train_for(epochs, steps, budget)
        self.image = Autoencoder(dims.features, encoder_hidden, decoder_hidden, latent)
        self.description = Autoencoder(dims.embedding, class_encoder_hidden, class_decoder_hidden, latent)

    def prepared(self, train: TrainingSet) -> TrainingSet:
        """Derive what was left open: also w = 75 / Σ_j σ_j, with σ_j the deviation of class means of feature j."""
        train = super().prepared(train)
        if not self.units.kept:
            size = class_deviations(train.of_seen_classes()).sum()
            self.w.copy_(torch.where(size > 0, BETWEEN / size, 1.0))
        return train

    def weigh_descriptions(self, classes: LabelSpace) -> None:
        """Derive c = 1 / √(E ‖φ‖²) over seen classes, where it was left open."""
        weigh_by_length(self, classes.embeddings[classes.seen_ids])

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Set β, γ and δ by the share of the training that is made, that of its steps where there are few epochs.

        At every step: a run resumed within an epoch has no start of an epoch. The first of several epochs is the same
        whatever their number, which a budget then lowers.
        """
        by_steps = self.epochs == 1 or (self.epochs < MANY and self.current_epoch > 0)
        within = batch_idx / int(self.trainer.num_training_batches) if by_steps else 0.0
        self.ramps.go_to((self.current_epoch + within) / self.epochs)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the objective; each decoder restores from both latents at once."""
        x, phi = batch.x, self.phi_scale * batch.classes.embeddings[batch.y]
        q, r = self.image.encode(x), self.description.encode(phi)
        z = torch.cat([q.draw(), r.draw()])
        x_own, x_cross = (self.w * absolute_misfit(x, restored) for restored in self.image.decoder(z).chunk(2))
        phi_cross, phi_own = (absolute_misfit(phi, restored) for restored in self.description.decoder(z).chunk(2))
        beta, gamma, delta = self.ramps.weights.unbind()
        own, cross, divergence = x_own + phi_own, x_cross + phi_cross, q.divergence() + r.divergence()
        return (own + beta * divergence + gamma * cross + delta * q.distance(r)).mean()

    def configure_optimizers(self) -> Optimizer:
        """Return Adam with AMSGrad for the autoencoders; heads have optimizers of their own."""
        return Adam([*self.image.parameters(), *self.description.parameters()], self.lr, amsgrad=True, fused=True)

    def synthesize(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Return x̂(z'),   z' ~ q(z|φ)."""
        x: Tensor = self.image.decoder(self.represent_class(phi))
        return x

    def represent(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n z"]:
        """Return the mean of q(z|x)."""
        return self.image.encode(x).mu

    def represent_class(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n z"]:
        """Return z' ~ q(z|φ)."""
        return self.description.encode(self.phi_scale * phi).draw()

    def represent_seen(self, examples: Examples) -> Examples:
        """Return z ~ q(z|x), equally many of each class."""
        rows = in_turn(examples.labels, self.seen_per_class)
        return Examples(self.image.draw_of(examples.inputs, rows), examples.labels[rows])
