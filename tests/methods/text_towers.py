"""A small text tower, read by transformers alone one text at a time, and few labels for methods that have one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from tests.configured import small_tower
from tests.methods.few_labels import SCALE, Towers
from tests.methods.one_at_a_time import random_batch
from zsl.class_embeddings.tokens import Tokens
from zsl.data.dataset import ClassDescriptions
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.methods.few_labels.text_adaptation import TextAdaptation
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

NAMES = ("ant", "cow", "red fox", "owl", "bee", "blue hen", "eel")
SEEN, WIDTH = 4, 12
"""the first names are seen; length of θ(x) and of the vectors of texts"""
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def spelled(text: str) -> list[str]:
    """Return the tokens of a tokenizer without merges: letters, of which the last of a word says so."""
    return [letter + ("</w>" if last else "") for word in text.split() for letter, last in _letters(word)]


def _letters(word: str) -> list[tuple[str, bool]]:
    return [(letter, i == len(word) - 1) for i, letter in enumerate(word)]


@cache
def library_model() -> tuple[Any, dict[str, int]]:
    """Return CLIP as transformers loads it, in float64, and its vocabulary."""
    from transformers import AutoTokenizer, CLIPModel

    return CLIPModel.from_pretrained(small_tower()).double().eval(), AutoTokenizer.from_pretrained(
        small_tower()
    ).get_vocab()


def text_vector(tokens: Sequence[str | Tensor]) -> Tensor:
    """Return the vector of one text, some of whose tokens are embeddings: each becomes a word of the vocabulary."""
    model, vocabulary = library_model()
    own = [token for token in tokens if isinstance(token, Tensor)]
    numbers = iter(range(len(vocabulary), len(vocabulary) + len(own)))
    ids = [next(numbers) if isinstance(token, Tensor) else vocabulary[token] for token in (BEGIN, *tokens, END)]
    embedding = model.text_model.embeddings.token_embedding
    table = torch.cat([embedding.weight.detach(), *(vector.unsqueeze(0) for vector in own)])
    handle = embedding.register_forward_hook(lambda _module, inputs, _out: table[inputs[0]])
    embedding_weight, embedding.weight = embedding.weight, torch.nn.Parameter(table.detach(), requires_grad=False)
    try:
        return model.get_text_features(input_ids=torch.tensor([ids])).pooler_output[0]  # type: ignore[no-any-return]
    finally:
        embedding.weight = embedding_weight
        handle.remove()


def word(token: str) -> Tensor:
    """Return the embedding of a token."""
    model, vocabulary = library_model()
    found: Tensor = model.text_model.embeddings.token_embedding.weight.detach()[vocabulary[token]]
    return found


def token_space() -> LabelSpace:
    """Return all classes, with token ids."""
    known = ClassDescriptions(NAMES, {})
    phi = torch.from_numpy(Tokens(model=small_tower()).fit(known)(known))
    return LabelSpace(NAMES, phi, torch.arange(len(NAMES)) < SEEN)


def few(n: int = 10, seed: int = 0) -> TrainingSet:
    """Return images of the seen classes, every class with at least one."""
    batch = random_batch(n, WIDTH, WIDTH, SEEN, seed)
    labels = torch.cat([torch.arange(SEEN), batch.y[SEEN:]])
    return TrainingSet(Examples(batch.x, labels), token_space().take(range(SEEN)))


def trained(kind: type[TextAdaptation], train: TrainingSet, **keys: Any) -> Any:
    """Return the method, trained on top of :class:`Towers`, in float64."""
    torch.manual_seed(0)
    dims = Dimensions(WIDTH, train.classes.embeddings.shape[1], SEEN)
    model = kind(dims, base=Towers, checkpoint=small_tower(), **keys).double()  # type: ignore[call-arg]
    return fit(model, train, Loop(progress_bar=False), seed=0)


def cosine(x: Tensor, t: Tensor) -> Tensor:
    """Return F of one image and one class vector."""
    return SCALE * normalize(x, dim=0) @ normalize(t, dim=0)


def slow_loss(F: list[list[Tensor]], labels: Tensor) -> Tensor:
    """Return the cross-entropy of scores that were made one by one."""
    return cross_entropy(torch.stack([torch.stack(row) for row in F]), labels)
