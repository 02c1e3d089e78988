"""LiT: a text tower that is trained on pairs with the features of a locked image encoder [Zhai2022]."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Unpack

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from zsl.class_embeddings.text_tower import TextTower
from zsl.errors import InputError
from zsl.hyperparameters import passes_on_to, require_positive
from zsl.methods.alignment.aligned import Aligned, AlignedKeys
from zsl.methods.alignment.last_texts import LastTexts
from zsl.methods.method import Dimensions


class LiT(Aligned):
    """F(x, y) = exp(s) cos(Au(x), Bt(y))

    with t a text tower, φ(y) the token ids of a text, and t, A, B and s learned by the losses of :class:`.Aligned`. The
    image encoder stays as it is. With transformer blocks on its tokens, no projection of images and a linear one of
    texts this is dino.txt [Jose2025]. Dropout of the tower is off. Its weights are saved with the model.

    Args:
        dims: sizes of θ(x) and φ(y).
        checkpoint: folder of the text tower: that of ``class_embedding.model``; null: the packaged MiniLM.
        tower_lr: learning rate of the tower > 0.
        aligned: hyperparameters of :class:`.Aligned`.

    Raises:
        InputError: a hyperparameter is out of range, or the tower cannot be loaded.
    """

    token_ids: ClassVar[bool] = True

    @passes_on_to(Aligned)
    def __init__(
        self,
        dims: Dimensions,
        checkpoint: str | Path | None = None,
        tower_lr: float = 1e-5,
        **aligned: Unpack[AlignedKeys],
    ) -> None:
        require_positive(tower_lr=tower_lr)
        if checkpoint is not None and not isinstance(checkpoint, str | Path):
            raise InputError(f"method.checkpoint={checkpoint}: must be a folder")
        tower = TextTower(checkpoint, constant=False)
        super().__init__(replace(dims, embedding=tower.width), **aligned)
        self.tower, self.tower_lr, self.given = tower, tower_lr, dims
        self._last = LastTexts()

    @property
    def paired(self) -> Dimensions:
        """Return the sizes of θ and of token ids, as a file of pairs has them."""
        return self.given

    def texts(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n m"]:
        """Return Bt(y); a text that recurs passes the tower once."""
        some, place = torch.unique(phi, dim=0, return_inverse=True)
        return super().texts(self.tower(some))[place]

    def w(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n m"]:
        """Return w(y)."""
        return self._last(phi, self.parameters(), lambda phi: normalize(self.texts(phi)))

    def groups(self) -> list[dict[str, Any]]:
        """Return the weights that are learned; those of the tower have a rate of their own."""
        own = {id(weight) for weight in self.tower.parameters()}
        made = []
        for group in super().groups():
            for is_tower in (False, True):
                some = [W for W in group["params"] if (id(W) in own) == is_tower and W.requires_grad]
                made += [{**group, "params": some, **({"lr": self.tower_lr} if is_tower else {})}] if some else []
        return made
