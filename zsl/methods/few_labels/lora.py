"""LoRA: low-rank updates of the attention of a text tower [Hu2022, Zanella2024]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zsl.errors import InputError
from zsl.hyperparameters import passes_on_to, require_count, require_positive, require_within
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.few_labels.adaptation import Base, DescentKeys
from zsl.methods.few_labels.text_adaptation import TextAdaptation
from zsl.methods.method import Dimensions

TARGETS = ("query", "key", "value", "q_proj", "k_proj", "v_proj", "_expand_conv", "_project_conv")
"""names that models of transformers give to the projections of their attention, and EfficientNet-Lite0 to its
convolutions of single pixels"""


class LoRAKeys(TypedDict, total=False):
    """Hyperparameters of :class:`LoRAOptions` that methods pass on to it."""

    rank: int
    alpha: float
    dropout: float
    targets: list[str] | None
    lr: float
    epochs: int
    decay_epochs: int
    batch_size: int
    weight_decay: float


@dataclass(frozen=True, kw_only=True)
class LoRAOptions:
    """W + α/r BA for the linear layers and convolutions of single pixels of a network that have one of the names.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    rank: int = 2
    """r ≥ 1"""
    alpha: float = 1.0
    """α > 0"""
    dropout: float = 0.25
    """share of the inputs of A that is set to 0 in training, in [0, 1)"""
    targets: list[str] | None = None
    """names of the layers that are adapted; None: queries, keys and values of the attention, or the convolutions of
    single pixels of EfficientNet-Lite0"""
    lr: float = 2e-4
    """learning rate η > 0"""
    epochs: int = 20
    """passes over the training images ≥ 1"""
    decay_epochs: int = 20
    """E ≥ ``epochs``, of a rate η/2 (1 + cos(πe/E)) in epoch e"""
    batch_size: int = 32
    """images a step ≥ 1"""
    weight_decay: float = 0.01
    """≥ 0"""

    def __post_init__(self) -> None:
        require_count(rank=self.rank)
        require_positive(alpha=self.alpha)
        require_within(0, 1, dropout=self.dropout)
        names = [] if self.targets is None else self.targets
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise InputError(f"method.targets={self.targets}: must be a list of names of layers")

    def add_to(self, network: nn.Module) -> None:
        """Add A and B to the layers of a network, in place.

        Raises:
            InputError: there is no such layer, or peft is not installed.
        """
        targets = TARGETS if self.targets is None else self.targets
        linear = {name: module for name, module in network.named_modules() if _is_linear(module)}
        chosen = sorted(name for name in linear if name.rpartition(".")[2] in targets)
        if not chosen:
            has = ", ".join(sorted({name.rpartition(".")[2] for name in linear})) or "none"
            raise InputError(f"method.targets={[*targets]}: the network has no such layers; choose of {has}")
        try:
            from peft import LoraConfig, inject_adapter_in_model
        except ImportError as error:
            raise InputError("method: peft is not installed; pip install 'zsl[adapters]'") from error
        how: Any = {"r": self.rank, "lora_alpha": self.alpha, "lora_dropout": self.dropout, "bias": "none"}
        for name in chosen:
            if isinstance(linear[name], nn.Conv2d):  # peft makes layers of the same class, whose arguments may differ
                linear[name].__class__ = nn.Conv2d
        network.register_parameter("whereabouts", nn.Parameter(torch.zeros(())))  # peft asks a parameter for the device
        inject_adapter_in_model(LoraConfig(target_modules=chosen, **how), network)
        del network.whereabouts

    @property
    def descent(self) -> DescentKeys:
        """Return the hyperparameters of the steps."""
        return {
            "lr": self.lr,
            "epochs": self.epochs,
            "decay_epochs": self.decay_epochs,
            "batch_size": self.batch_size,
            "weight_decay": self.weight_decay,
        }


class LoRA(TextAdaptation):
    """F(x, y) = exp(s) cos(f(x), g(t(y))),   with W + α/r BA for every chosen matrix W of the text tower

    with A (r × n) and B (m × r) learned by the cross-entropy of F over the seen classes, B = 0 at the start. φ(y) are
    the token ids of a text. AdamW. Adapters are those of the library peft. [Zanella2024] adapts queries, keys and
    values of both towers with r = 2, α = 1, dropout 0.25 and a learning rate of 2e-4.

    Args:
        dims: sizes of θ(x) and φ(y).
        base: makes the joint space of f, g and s, which is trained first.
        checkpoint: folder of the text tower: that of ``class_embedding.model``; null: the packaged MiniLM.
        adapters: hyperparameters of :class:`.LoRAOptions`.

    Raises:
        InputError: a hyperparameter is out of range, the base is no joint space, the tower cannot be loaded or has no
            such layers, or peft is not installed.
    """

    @passes_on_to(LoRAOptions)
    def __init__(
        self,
        dims: Dimensions,
        base: Base = Aligned,
        checkpoint: str | Path | None = None,
        **adapters: Unpack[LoRAKeys],
    ) -> None:
        options = LoRAOptions(**adapters)
        super().__init__(dims, base, checkpoint, **options.descent)
        options.add_to(self.tower.model)

    def t(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n width"]:
        """Return the vectors of the adapted tower."""
        return self.tower(phi)

    @torch.no_grad()
    def t0(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n width"]:
        """Return the same: before the first step B = 0."""
        return self.t(phi)


def _is_linear(module: nn.Module) -> bool:
    """Tell whether a layer is a matrix, on vectors or on single pixels, which need no padding."""
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1))
