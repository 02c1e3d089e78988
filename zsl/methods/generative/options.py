"""Hyperparameters of the generators that are trained against Wasserstein critics, and the networks they lead to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

from zsl.hyperparameters import Duration, require_choice, require_count, require_positive, require_within, seconds
from zsl.methods.generative.critic import Critic, critic
from zsl.methods.generative.features_per_class import PerClass
from zsl.methods.generative.networks import Begin, Encoder, Generator, Output
from zsl.methods.generative.prepared import require_phi_scale
from zsl.methods.generative.space import MakeSpace, Space
from zsl.methods.generative.units import Scale
from zsl.methods.method import Dimensions


class AdversarialKeys(TypedDict, total=False):
    """Hyperparameters of :class:`AdversarialOptions` that methods pass on to it."""

    space: MakeSpace
    guidance: float
    features_per_class: PerClass
    fill_seen: bool
    noise: int | None
    hidden: int
    critic_hidden: int
    critic_layers: int
    phi_scale: float | None
    units: Scale
    steps: int
    budget: Duration
    lamb: float
    n_critic: int
    lr: float
    batch_size: int


class VariationalKeys(AdversarialKeys, total=False):
    """Hyperparameters of :class:`.FVAEGAND2` that methods built on it pass on."""

    output: Output
    encoded_noise: bool
    gamma: float


@dataclass(frozen=True, kw_only=True)
class AdversarialOptions:
    """Hyperparameters of a Wasserstein GAN of features: sizes of its networks, and its steps, all by Adam.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    space: MakeSpace = Space
    """makes the space in which heads learn"""
    guidance: float = 0.0
    """weight ≥ 0 of what the space charges fakes in the loss of the generator; above 0 they are trained side by side"""
    features_per_class: PerClass = None
    """synthetic features of each unseen class: a number ≥ 1, or a multiple such as ``3x`` of the mean number of images
    of a seen class, or of 20 where it is less; None for ``1x``"""
    fill_seen: bool = True
    """whether synthetic features fill up each seen class to this number, for the head over all classes"""
    noise: int | None = None
    """length of z ≥ 1, or None for that of φ"""
    hidden: int = 1024
    """width of the hidden layers of the generator, and of an encoder, ≥ 1"""
    critic_hidden: int = 1024
    """width of the hidden layers of critics ≥ 1"""
    critic_layers: int = 1
    """number of hidden layers of critics ≥ 1"""
    phi_scale: float | None = None
    """c > 0: networks are given cφ, beside z; None for c with which seen classes are 4 apart"""
    units: Scale = "whitened"
    """of features inside the generator: ``"whitened"`` by the covariance within classes (``"derived"`` where ``output``
    is a rectifier or a sigmoid), one deviation (``"derived"``), or those of the data (``"data"``)"""
    output: Output = "auto"
    """activation of the generator: ``"relu"``, ``"sigmoid"`` or ``"linear"``, ``"auto"`` by the range of features"""
    begin: Begin = "regression"
    """weights that the generator begins with: ``"regression"``, the ridge regression of class means on φ where its end
    is linear and ``units`` are not ``"data"``, beside random ones, or ``"random"`` ones alone"""
    lamb: float = 10.0
    """λ > 0, the weight of the gradient penalty"""
    n_critic: int = 5
    """steps of critics for one of the generator ≥ 1"""
    lr: float = 1e-3
    """learning rate > 0"""
    epochs: int | None = None
    """passes ≥ 1, or None for as many as ``steps`` need; one has n / batch_size steps, rounded up"""
    steps: int = 3000
    """steps ≥ 1 without ``epochs``"""
    budget: Duration = None
    """time such as ``5min`` after which training ends with its epoch; epochs that validation chose are all made"""
    batch_size: int = 64
    """features a batch ≥ 1"""

    def __post_init__(self) -> None:
        noise = 1 if self.noise is None else self.noise
        require_count(noise=noise, hidden=self.hidden)
        require_count(critic_hidden=self.critic_hidden, critic_layers=self.critic_layers)
        require_count(n_critic=self.n_critic, batch_size=self.batch_size)
        require_positive(lamb=self.lamb, lr=self.lr)
        seconds(budget=self.budget)
        require_phi_scale(self.phi_scale)
        require_choice(self.units, "method.units", ("whitened", "derived", "data"))
        require_within(0, math.inf, guidance=self.guidance)
        require_choice(self.begin, "method.begin", ("regression", "random"))
        require_choice(self.output, "method.output", ("auto", "relu", "sigmoid", "linear"))

    def generator(self, dims: Dimensions) -> Generator:
        """Return G(z, φ) with new weights."""
        return Generator(self._latent(dims), dims.embedding, self.hidden, dims.features, self.output, self.phi_scale)

    def encoder(self, dims: Dimensions) -> Encoder:
        """Return E(x, φ) with new weights."""
        return Encoder(dims.features, dims.embedding, self.hidden, self._latent(dims), self.phi_scale)

    def critic(self, dims: Dimensions) -> Critic:
        """Return D(x, φ) with new weights."""
        return critic(dims.features, dims.embedding, self.critic_hidden, self.critic_layers, self.phi_scale)

    def unconditional_critic(self, dims: Dimensions) -> Critic:
        """Return D(x) with new weights, of as many layers as D(x, φ)."""
        return critic(dims.features, 0, self.critic_hidden, self.critic_layers)

    def _latent(self, dims: Dimensions) -> int:
        return dims.embedding if self.noise is None else self.noise
