"""A text tower that gradients pass through: token ids, and vectors among their embeddings -> class vectors."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
import xxhash
from jaxtyping import Float, Int
from torch import Tensor, nn

from zsl.backbones.constant_weights import ConstantWeights, make_constant
from zsl.class_embeddings.pooling import pooling
from zsl.class_embeddings.text_encoder import content_files, encoder_folder
from zsl.class_embeddings.text_models import Reader, load_model
from zsl.errors import InputError
from zsl.files.content import known

Position = Literal["end", "middle", "front"]
"""place of the text among context vectors: after them, between two halves of them, before them"""
IMAGE_PARTS = ("vision_model", "visual_projection")


class TextTower(ConstantWeights):
    """The text part of a sentence encoder or of a two-tower model, with its own pooling and projection.

    Texts of one length are encoded together, without padding. Dropout is off but in modules whose names begin with
    ``lora_``.

    Args:
        folder: folder or name on the hub, as of :func:`.encoder_folder`.
        constant: whether the weights stay as they are, and are no part of a state dict, which has a hash of them
            instead: a tower of other weights refuses the state.

    Raises:
        InputError: the folder lacks a file, the model cannot be loaded, or transformers is not installed.
    """

    def __init__(self, folder: str | Path | None, constant: bool = True) -> None:
        super().__init__()
        self.folder = encoder_folder(folder)
        with torch.device("cpu"):  # a method is also built where weights have no values
            model, reader, content = _loaded(self.folder, _content(self.folder))
            self.model: Any = copy.deepcopy(model)
            if constant:
                make_constant(self.model)
            self.reader, self.longest = reader, reader.longest
            self._pool = pooling(self.folder, model)
            x = reader.tokenizer("x", add_special_tokens=False)["input_ids"]
            around = reader.tokenizer("x")["input_ids"]
            self._filler = x[0]
            self._before = around.index(self._filler)
            self._ending = next(iter(around[self._before + len(x) :]), None)
            self.width = self._probed(torch.tensor([around]))
            self.inner = self._embeddings.weight.shape[1]
        if constant:
            self.keep_constant(content)

    def __call__(
        self,
        tokens: Float[Tensor, "n k"],
        context: Float[Tensor, "*n m inner"] | None = None,
        position: Position = "end",
    ) -> Float[Tensor, "n width"]:
        """Return what :meth:`forward` does."""
        found: Tensor = super().__call__(tokens, context, position)
        return found

    def forward(
        self,
        tokens: Float[Tensor, "n k"],
        context: Float[Tensor, "*n m inner"] | None = None,
        position: Position = "end",
    ) -> Float[Tensor, "n width"]:
        """Return the vectors of texts, each with its own context vectors or all with the same.

        A text that has no room for the context is cut before its last token.

        Raises:
            InputError: a row holds no token ids.
        """
        ids = self._ids(tokens)
        lengths = (ids >= 0).sum(dim=1)
        ends = self._ends(ids, lengths)
        parts, order = [], []
        for length, end in torch.unique(torch.stack([lengths, ends], 1), dim=0).tolist():
            rows = ((lengths == length) & (ends == end)).nonzero().squeeze(1)
            own = ids[rows, :length]
            if context is None:
                parts.append(self._pool(self.model, {"input_ids": own}))
            else:
                here = context if context.ndim == 2 else context[rows]
                parts.append(self._with_context(own, here.expand(len(rows), -1, -1), end, position))
            order.append(rows)
        return torch.cat(parts)[torch.cat(order).argsort()]

    def _probed(self, tokens: Int[Tensor, "1 k"]) -> int:
        """Return the length of a text's vector; weights that it does not depend on are not trained."""
        weights = list(self.parameters())
        with torch.set_grad_enabled(bool(weights)), torch.inference_mode(mode=False):
            vector = self(tokens)
            reached = torch.autograd.grad(vector.sum(), weights, allow_unused=True) if weights else ()
        for weight, gradient in zip(weights, reached, strict=True):
            weight.requires_grad_(gradient is not None)
        return int(vector.shape[1])

    def words(self, text: str) -> Float[Tensor, "m inner"]:
        """Return the embeddings of the tokens of a text, without those that begin and end it."""
        ids = self.reader.tokenizer(text, add_special_tokens=False)["input_ids"]
        weight = self._embeddings.weight
        found: Tensor = weight[torch.tensor(ids, dtype=torch.long, device=weight.device)].detach().clone()
        return found

    @property
    def _embeddings(self) -> Any:
        return getattr(self.model, "text_model", self.model).get_input_embeddings()

    def _ids(self, tokens: Float[Tensor, "n k"]) -> Int[Tensor, "n k"]:
        ids = tokens.long()
        there = ids >= 0
        packed = (there[:, 1:] <= there[:, :-1]).all() and there[:, 0].all()
        if not (packed and (ids == tokens).all() and ids.max() < len(self._embeddings.weight)):
            raise InputError(
                "class_embedding: φ(y) are no token ids of the text tower; choose class_embedding=tokens, and for "
                "method.checkpoint the folder of class_embedding.model"
            )
        return ids

    def _ends(self, ids: Int[Tensor, "n k"], lengths: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
        """Return the position after the last word of every text."""
        if self._ending is None:
            return lengths
        ending = ids == self._ending
        ending[:, : self._before] = False
        return torch.where(ending.any(dim=1), ending.int().argmax(dim=1), lengths)

    def _with_context(
        self, ids: Int[Tensor, "n length"], context: Float[Tensor, "n m inner"], end: int, position: Position
    ) -> Float[Tensor, "n width"]:
        m = context.shape[1]
        room = self.longest - m
        if ids.shape[1] > room:
            ids, end = torch.cat([ids[:, : room - 1], ids[:, -1:]], 1), min(end, room - 1)
        first = min(self._before, end)
        half = {"end": m, "middle": m // 2, "front": 0}[position]
        filler = ids.new_full((len(ids), m), self._filler)
        ids = torch.cat([ids[:, :first], filler[:, :half], ids[:, first:end], filler[:, half:], ids[:, end:]], 1)
        second = end + half

        def insert(_module: nn.Module, _inputs: Any, out: Tensor) -> Tensor:
            own = out[:, first + half : second]
            rest = out[:, second + m - half :]
            return torch.cat([out[:, :first], context[:, :half].to(out), own, context[:, half:].to(out), rest], 1)

        handle = self._embeddings.register_forward_hook(insert)
        try:
            return self._pool(self.model, {"input_ids": ids})
        finally:
            handle.remove()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the pooling, which another process makes for itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_pool"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a state, and make the pooling."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._pool = pooling(self.folder, self.model)

    def __str__(self) -> str:
        return f"text tower {self.folder}"


def _content(folder: Path) -> int:
    """Return a hash of the files of a model, as an integer of 63 bits."""
    files = content_files(folder)  # may be links to files with other names, as in the cache of the hub
    contents = {file.name: next(iter(known([file]).values()))["content"] for file in files}
    return xxhash.xxh3_64_intdigest(json.dumps(contents, sort_keys=True).encode()) >> 1


@lru_cache(maxsize=2)
def _loaded(folder: Path, content: int) -> tuple[Any, Reader, int]:
    """Return the text part of a model; keep two models."""
    reader, model = Reader(folder), load_model(folder)
    for part in IMAGE_PARTS:
        if hasattr(model, part):
            setattr(model, part, None)
    return model, reader, content
