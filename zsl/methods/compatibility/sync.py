"""SynC: classifiers synthesised from those of phantom classes [Changpinyo2016]."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Literal, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.optim import LBFGS

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_choice, require_count, require_positive
from zsl.methods.method import Dimensions, ZSLModel

Loss = Literal["one_versus_other", "crammer_singer", "structured"]
TEMPERATURES = (1.0, 0.1, 0.01)


class SynC(ZSLModel):
    """F(x, y) = w_yᵀ θ(x),   w_y = Σ_r s_yr v_r,   s_yr = exp(-‖φ(y) - b_r‖²/σ²) / Σ_r' exp(-‖φ(y) - b_r'‖²/σ²)

    with as many phantom classes as seen ones, at the embeddings of the seen classes: b_r = φ(y_r), as in the paper's
    experiments. The base classifiers v minimise mean_n ℓ(x_n, y_n) + λ/2 Σ_c ‖w_c‖² over the seen classes c, where ℓ is

    - ``"one_versus_other"``: Σ_c [1 - ±w_cᵀx]₊², + for the image's own class;
    - ``"crammer_singer"``:   max_c (Δ(c, y) + w_cᵀx) - w_yᵀx  with  Δ(c, y) = 1 for c ≠ y, else 0;
    - ``"structured"``:       the same with  Δ(c, y) = ‖φ(c) - φ(y)‖².

    Then the seen w_c = Σ_r s_cr v_r can be any vectors, for the square matrix (s_cr) is regular: the problem is convex
    in them and free of σ. It is solved for w by L-BFGS over all images at once, which needs no learning rate, shuffles
    nothing and does not suffer from how ill-conditioned (s_cr) is; then V = (s_cr)⁺ W. A grid of σ shares W. L-BFGS
    needs a smooth objective: max_c is replaced by τ log Σ_c exp(·/τ), never more than τ log s above it, for τ falling
    to 0.01.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        loss: ℓ.
        lamb: λ > 0.
        sigma: σ > 0, the width of the kernel on class embeddings, in their units.
        iterations: of L-BFGS at most, for each τ, ≥ 1; it stops before where nothing is gained.

    Raises:
        InputError: a hyperparameter is out of range, or the loss is unknown.
    """

    def __init__(
        self,
        dims: Dimensions,
        loss: Loss = "one_versus_other",
        lamb: float = 3e-4,
        sigma: float = 1.0,
        iterations: int = 200,
    ) -> None:
        super().__init__()
        require_choice(loss, "method.loss", ("one_versus_other", "crammer_singer", "structured"))
        require_positive(lamb=lamb, sigma=sigma)
        require_count(iterations=iterations)
        self.objective, self.lamb, self.sigma, self.iterations = loss, lamb, sigma, iterations
        self.register_buffer("V", torch.zeros(dims.seen, dims.features))
        self.register_buffer("phantoms", torch.zeros(dims.seen, dims.embedding))
        self.V: Tensor
        self.phantoms: Tensor

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return w_yᵀ θ(x) of the synthesised classifiers."""
        return x @ (_weights(classes.embeddings, self.phantoms, self.sigma) @ self.V).T

    def finalize(self, train: TrainingSet) -> None:
        """Train the seen classifiers, and solve for the base classifiers."""
        next(self.solve_grid(train, [self]))

    @classmethod
    def solve_grid(cls, train: TrainingSet, models: Iterable[Self]) -> Iterator[Self]:
        """Train once for every λ and loss, solve for every σ, and yield every model."""
        X, labels, phi = train.examples.tensor, train.examples.labels, train.classes.embeddings

        @lru_cache(maxsize=32)
        def classifiers(loss: Loss, lamb: float, iterations: int) -> Tensor:
            return seen_classifiers(X, labels, phi.to(X.dtype), loss, lamb, iterations).double()

        for model in models:
            W = classifiers(model.objective, model.lamb, model.iterations)
            model.V.copy_(torch.linalg.pinv(_weights(phi.double(), phi.double(), model.sigma)) @ W)
            model.phantoms.copy_(phi)
            yield model


def seen_classifiers(
    X: Float[Tensor, "n d"], labels: Int[Tensor, " n"], phi: Float[Tensor, "s k"], loss: Loss, lamb: float, steps: int
) -> Float[Tensor, "s d"]:
    """Return the w_c that minimise the regularised loss, one row a class."""
    own = labels.unsqueeze(1)
    W = X.new_zeros(len(phi), X.shape[1], requires_grad=True)
    if loss == "one_versus_other":
        sign = X.new_full((len(X), len(phi)), -1).scatter_(1, own, 1)
        _minimise(W, lamb, steps, lambda: (1 - sign * (X @ W.T)).clamp(min=0).square().sum(dim=1))
        return W.detach()
    distance = _distances(phi, phi) if loss == "structured" else 1 - torch.eye(len(phi), dtype=X.dtype, device=X.device)

    def smooth(temperature: float) -> Tensor:
        F = X @ W.T
        return temperature * torch.logsumexp((distance[labels] + F) / temperature, dim=1) - F.gather(1, own).squeeze(1)

    for temperature in TEMPERATURES:
        _minimise(W, lamb, steps, partial(smooth, temperature))
    return W.detach()


def _minimise(W: Tensor, lamb: float, steps: int, losses: Callable[[], Float[Tensor, " n"]]) -> None:
    """Minimise mean(losses) + λ/2 ‖W‖² by L-BFGS from W on, in place."""
    optimizer = LBFGS(
        [W], max_iter=steps, history_size=20, tolerance_grad=1e-8, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def objective() -> float:
        with torch.enable_grad():
            value = losses().mean() + lamb / 2 * W.square().sum()
        (W.grad,) = torch.autograd.grad(value, W)
        return value.item()

    optimizer.step(objective)  # type: ignore[no-untyped-call]


def _weights(phi: Float[Tensor, "classes k"], phantoms: Float[Tensor, "s k"], sigma: float) -> Tensor:
    return torch.softmax(-_distances(phi, phantoms) / sigma**2, dim=1)


def _distances(a: Float[Tensor, "m k"], b: Float[Tensor, "s k"]) -> Float[Tensor, "m s"]:
    """Return ‖a_i - b_j‖², exactly 0 between equal rows."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
