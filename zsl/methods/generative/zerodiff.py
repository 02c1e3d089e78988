"""ZeroDiff: features are restored from noised ones, step by step, against two critics [Ye2025, Xiao2022]."""

from __future__ import annotations

import math
from typing import Any, Unpack

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zsl.hyperparameters import passes_on_to, require_count, require_positive, require_within
from zsl.methods.generative.class_means import Regression
from zsl.methods.generative.critic import critic
from zsl.methods.generative.feature_generator import Head
from zsl.methods.generative.losses import is_own
from zsl.methods.generative.networks import Begin, Generator, Output
from zsl.methods.generative.noise_schedule import schedule
from zsl.methods.generative.options import AdversarialKeys, AdversarialOptions
from zsl.methods.generative.prepared import hold_phi_scale
from zsl.methods.generative.prototypes import Prototypes
from zsl.methods.generative.tf_vaegan import SemanticDecoder
from zsl.methods.generative.wasserstein import AdversarialGenerator
from zsl.methods.method import Dimensions


class ZeroDiff(AdversarialGenerator):
    """min_{E,G} max_{D₀,D}  E -log p(x | x̂) + KL(E(x, φ) ‖ N(0, I)) + γ (W₀ + W) + ρ E R(φ̂(x̂), φ)

    W₀ = E D₀(x, φ) - E D₀(x̂, φ) - λ E (‖∇D₀‖₂ - 1)²,   W = E D(x_t | v) - E D(x̃_t | v) - λ E (‖∇D‖₂ - 1)²

    with x_t = √ā_t x + √(1 - ā_t) ε, x_{t+1} = √(1 - b_{t+1}) x_t + √b_{t+1} ε', t = 0, …, T - 1 drawn at random,
    v = (x_{t+1}, φ, t), x̂ = G(z, v), z ~ E(x, φ), and x̃_t ~ q(x_t | x_{t+1}, x̂), the Gaussian

    N( (b √ā_t x̂ + (1 - ā_t) √(1 - b) x_{t+1}) / (1 - ā),  b (1 - ā_t) / (1 - ā) I ),   b = b_{t+1}, ā = ā_{t+1}

    D₀ judges what is restored and D how; they learn from each other by κ E (Δ₀ - Δ)², Δ the value of the real less that
    of the fake. φ̂ is a decoder that learns R (:func:`.semantic_misfit`) from real features. Synthesis begins with
    x_T ~ N(0, I) and restores T times, z ~ N(0, I). p is as of :class:`.FVAEGAND2`, and the rates b are those of
    [Xiao2022]. The paper's contrastive representations, which need images, and its third critic are left out.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        output: last function of G, as of :class:`.AdversarialOptions`.
        begin: weights that G begins with, as of :class:`.AdversarialOptions`.
        gamma: γ > 0.
        mutual: κ ≥ 0, beside W₀ and W.
        recons: ρ ≥ 0.
        diffusion_steps: T ≥ 1.
        epochs: passes ≥ 1 or None, as of :class:`.AdversarialOptions`.
        adversarial: all other hyperparameters of :class:`.AdversarialOptions`; ``hidden`` is also the width of φ̂.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    phi_scale: float | Tensor

    @passes_on_to(AdversarialOptions)
    def __init__(
        self,
        dims: Dimensions,
        head: Head = Prototypes,
        output: Output = "auto",
        begin: Begin = "regression",
        gamma: float = 10.0,
        mutual: float = 0.5,
        recons: float = 1.0,
        diffusion_steps: int = 4,
        epochs: int | None = None,
        **adversarial: Unpack[AdversarialKeys],
    ) -> None:
        options = AdversarialOptions(output=output, begin=begin, epochs=epochs, **adversarial)
        super().__init__(dims, head, options)
        require_positive(gamma=gamma)
        require_within(0, math.inf, mutual=mutual, recons=recons)
        require_count(diffusion_steps=diffusion_steps)
        self.lamb, self.gamma, self.mutual, self.recons = options.lamb, gamma, mutual, recons
        self.features, self.diffusion_steps = dims.features, diffusion_steps
        hold_phi_scale(self, options.phi_scale)
        given = dims.features + dims.embedding + diffusion_steps
        noise = dims.embedding if options.noise is None else options.noise
        self.encoder = options.encoder(dims)
        self.generator = Generator(noise, given, options.hidden, dims.features, output)
        self.critic = options.critic(dims)
        self.step_critic = critic(dims.features, given, options.critic_hidden, options.critic_layers)
        self.decoder = SemanticDecoder(dims.features, options.hidden, dims.embedding)
        kept, b = schedule(diffusion_steps)
        self.register_buffer("kept", kept.to(torch.get_default_dtype()), persistent=False)
        self.register_buffer("b", b.to(torch.get_default_dtype()), persistent=False)
        self.kept: Tensor
        self.b: Tensor

    def begin_with(self, foretold: Regression) -> None:
        """Let x̂ begin with what descriptions foretell."""
        self.generator.begin_with(foretold, self.features, self.phi_scale)

    def diffuse(
        self, x: Float[Tensor, "*n d"], t: Int[Tensor, "*n"]
    ) -> tuple[Float[Tensor, "*n d"], Float[Tensor, "*n d"]]:
        """Return x_t and x_{t+1}."""
        kept, b = self.kept[t].unsqueeze(-1), self.b[t + 1].unsqueeze(-1)
        now = kept.sqrt() * x + (1 - kept).sqrt() * torch.randn_like(x)
        return now, (1 - b).sqrt() * now + b.sqrt() * torch.randn_like(x)

    def reverse(
        self, restored: Float[Tensor, "*n d"], later: Float[Tensor, "*n d"], t: Int[Tensor, "*n"]
    ) -> Float[Tensor, "*n d"]:
        """Draw x̃_t ~ q(x_t | x_{t+1}, x̂); for t = 0 it is x̂."""
        kept, after, b = (part.unsqueeze(-1) for part in (self.kept[t], self.kept[t + 1], self.b[t + 1]))
        mean: Tensor = (b * kept.sqrt() * restored + (1 - kept) * (1 - b).sqrt() * later) / (1 - after)
        return mean + (b * (1 - kept) / (1 - after)).sqrt() * torch.randn_like(later)

    def given(
        self, later: Float[Tensor, "*n d"], phi: Float[Tensor, "*n k"], t: Int[Tensor, "*n"]
    ) -> Float[Tensor, "*n v"]:
        """Return v = (x_{t+1}, cφ, t), t as one of T."""
        return torch.cat([later, self.phi_scale * phi, is_own(t, self.diffusion_steps).to(later)], dim=-1)

    def synthesize(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Restore T times, from noise."""
        x = torch.randn(len(phi), self.features, dtype=phi.dtype, device=phi.device)
        z = self.generator.draw(phi)
        for step in reversed(range(self.diffusion_steps)):
            t = torch.full((len(phi),), step, device=phi.device)
            x = self.reverse(self.generator(self.given(x, phi, t), z), x, t)
        return x

    def configure_optimizers(self) -> list[Optimizer]:
        """Return Adam for E and G, Adam for critics and decoder, and the optimizer of a space that guides."""
        judging = [p for part in (self.critic, self.step_critic, self.decoder) for p in part.parameters()]
        judge = Adam(judging, self.lr, (0.5, 0.999), fused=True)
        return [self.coding(self.encoder, self.generator), judge, *self.guide()]

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Make ``n_critic`` steps of critics and decoder, and one of E and G."""
        learn, judge, *space = self.optimizers()  # type: ignore[attr-defined]
        if space:
            self.train_space(batch, space[0], self.manual_backward)
        phi = batch.classes.embeddings[batch.y]
        with torch.no_grad():
            parts = self._restored(batch.x, phi)
        alphas = torch.rand(2, *batch.y.shape, 1, dtype=batch.x.dtype, device=batch.x.device)
        for x, here, *part in zip(batch.x, phi, *parts[:-1], *alphas, strict=True):
            loss = self._judged(x, here, *part)
            judge.zero_grad()
            self.manual_backward(loss)
            judge.step()
        x, here = batch.x[-1], phi[-1]
        restored, _, made, v, divergence = self._restored(x, here)
        fooled = self.critic(restored, here).mean() + self.step_critic(made, v).mean()
        generator_loss = self.misfit(restored, x) + divergence.mean() - self.gamma * fooled
        generator_loss = generator_loss + self.recons * self.decoder.loss(restored, here)
        generator_loss = generator_loss + self.charge(restored, batch, restored=True)
        learning: list[nn.Module] = [self.encoder, self.generator]
        self.learn_from_fakes(generator_loss, learning, [learn], space, self.manual_backward)
        return {"loss": loss.detach(), "generator_loss": generator_loss.detach()}

    def _restored(self, x: Float[Tensor, "*n d"], phi: Float[Tensor, "*n k"]) -> tuple[Tensor, ...]:
        """Return x̂, x_t, x̃_t, v and the divergence of z, for steps t drawn at random."""
        t = torch.randint(self.diffusion_steps, x.shape[:-1], device=x.device)
        now, later = self.diffuse(x, t)
        posterior, v = self.encoder(x, phi), self.given(later, phi, t)
        restored = self.generator(v, posterior.draw())
        return restored, now, self.reverse(restored, later, t), v, posterior.divergence()

    def _judged(
        self, x: Tensor, phi: Tensor, fake: Tensor, now: Tensor, made: Tensor, v: Tensor, a: Tensor, b: Tensor
    ) -> Float[Tensor, ""]:
        """Return the loss of the critics and of the decoder."""
        first, second = self.critic.losses(x, fake, phi, a), self.step_critic.losses(now, made, v, b)
        loss = first.distance + second.distance + self.lamb * (first.penalty + second.penalty)
        if self.mutual:
            gap = self.critic(x, phi) - self.critic(fake, phi) - self.step_critic(now, v) + self.step_critic(made, v)
            loss = loss + self.mutual * gap.square().mean()
        return loss + self.decoder.loss(x, phi)
