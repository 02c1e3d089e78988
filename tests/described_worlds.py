"""Worlds whose classes are described in every way that there is, and every case of every class embedding for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from gensim.test.utils import datapath
from omegaconf import OmegaConf

from tests import worlds
from zsl.class_embeddings.lexicon import GLOVE_PACKAGE
from zsl.class_embeddings.prompt_texts import Control
from zsl.class_embeddings.prompts import Ensemble
from zsl.class_embeddings.text_encoder import MINILM_PACKAGE
from zsl.class_embeddings.word_vectors import Oov
from zsl.config.compose import compose
from zsl.config.tree import tree
from zsl.data.dataset import ClassDescriptions, Dataset
from zsl.data.scaling import EmbeddingScale

NAMES = sorted(path.stem for path in (tree() / "conf" / "class_embedding").glob("*.yaml"))
TRAIN, VAL, UNSEEN = range(4), range(4, 7), range(7, 10)
"""the classes of a world, by role"""
WORDS = ("ant", "bee", "cow", "dog", "eel", "fox", "gnu", "hen", "jay", "koi", "owl", "pig", "rat", "yak")
"""that have a vector"""
PLAIN = ("ant", "bee", "cow", "dog", "eel", "gnu", "hen", "koi", "owl", "yak")
SPELLED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "error": (PLAIN, ("jay rat", "fox", "pig")),
    "split": (("antbee", *PLAIN[1:5], "gnuhen", *PLAIN[6:8], "owlpig", "yak"), ("jayrat", "fox", "pigfox")),
    "mean": (("zzyzx", *PLAIN[1:5], "qqxqq", *PLAIN[6:8], "xxvxx", "yak"), ("jay rat", "fox", "vvwvv")),
}
"""how ``oov`` wants names to be: those of the classes, and others; in every role one of its kind"""
SPELLED["zero"] = SPELLED["mean"]


@dataclass(frozen=True)
class Files:
    """What class embeddings read: small real files."""

    folder: Path
    cache: Path

    def values(self, embedding: str) -> dict[str, list[Any]]:
        """Option -> all its values; the first is what it has while another option is tried."""
        paths = {"matrix": [self.matrix], "fasttext": [self.vectors, Path(datapath("lee_fasttext_new.bin"))]}
        paths["word2vec"] = [self.vectors]
        return {
            "kind": ["att", "original_att", "binary"],
            "oov": ["mean", *(value for value in get_args(Oov) if value != "mean")],
            "l2": [True, False],
            "weight": [1.0, 0.25],
            "template": ["{name}", "{name}: {keywords}", "{keywords}"],
            "path": paths.get(embedding, [self.vectors, None]),
            "names": [None, self.texts] if embedding == "prompts" else [self.names, None],
            "templates": ["a photo of a {}.", ["imagenet7", "{}: {keywords}"], None],
            "sentences": [None, self.texts],
            "descriptors": [self.texts],
            "joined": [False, True],
            "ensemble": [*get_args(Ensemble)],
            "control": [*get_args(Control)],
            "control_seed": [0, 3],
            "canonical": [None, True, False],
            "model": [self.encoder, None],
            "cache": [self.cache],
            "scale": ["none"] if embedding == "tokens" else sorted(get_args(EmbeddingScale), reverse=True),
            "shuffle_seed": [None, 3],
        }

    @property
    def matrix(self) -> Path:
        """A row a class; :meth:`describe` writes it."""
        return self.folder / "matrix.npy"

    @property
    def texts(self) -> Path:
        """Two texts a class of every world, the same whatever changes in the world."""
        path = self.folder / "texts.json"
        if not path.exists():
            every = dict.fromkeys(name for pair in SPELLED.values() for names in pair for name in names)
            path.write_text(json.dumps({name: [f"{name[::-1]} one", f"a long {name}"] for name in every}))
        return path

    @property
    def names(self) -> Path:
        """The names of its rows; :meth:`describe` writes them, too."""
        return self.folder / "names.txt"

    @property
    def vectors(self) -> Path:
        """Vectors of ``WORDS`` and of nothing else."""
        path = self.folder / "vectors.txt"
        if not path.exists():
            rows = np.random.default_rng(0).standard_normal((len(WORDS), 4)).round(3)
            path.write_text("".join(f"{w} {' '.join(map(str, row))}\n" for w, row in zip(WORDS, rows, strict=True)))
        return path

    @property
    def encoder(self) -> Path:
        """A BERT of one small layer, not trained, that reads letter by letter."""
        folder = self.folder / "encoder"
        if not folder.exists():
            from tokenizers import Tokenizer, models, pre_tokenizers
            from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

            letters = {letter: i for i, letter in enumerate(["[PAD]", "[UNK]", *"abcdefghijklmnopqrstuvwxyz:"])}
            tokenizer = Tokenizer(models.WordLevel(letters, unk_token="[UNK]"))
            tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
            PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(str(folder))
            torch.manual_seed(0)
            size = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
            BertModel(BertConfig(vocab_size=len(letters), **size)).save_pretrained(str(folder))
        return folder

    def describe(self, oov: str = "mean", changed: range = range(0)) -> Dataset:
        """A world; with ``changed``, the same one but for the attributes, names, texts and rows of these classes."""
        data = worlds.dataset(train=len(TRAIN), val=len(VAL), unseen=len(UNSEEN), per_class=6)
        att, (names, others) = data.classes.matrices["att"].copy(), SPELLED[oov]
        original, texts = 100 * att, [f"{name} and {name[::-1]}" for name in names]
        rows, generator = np.random.default_rng(1).standard_normal((len(names), 5)), np.random.default_rng(2)
        spelled = list(names)
        for i, other in zip(changed, others, strict=False):
            att[i], original[i] = 50 * generator.random(att.shape[1]), 1e4 * generator.standard_normal(att.shape[1])
            spelled[i], texts[i] = other, "a much longer text than all of the others" + " at length" * i
            rows[i] = 100 + generator.standard_normal(rows.shape[1])
        np.save(self.matrix, rows)
        self.names.write_text("\n".join(spelled))
        matrices = {"att": att, "original_att": original}
        return replace(data, classes=ClassDescriptions(tuple(spelled), matrices, {"keywords": tuple(texts)}))


@cache
def options_of(embedding: str) -> tuple[str, ...]:
    """The dotted name of every option that a configuration of ``conf/class_embedding`` has."""
    node = OmegaConf.to_container(compose([f"class_embedding={embedding}", "data=synthetic"]).class_embedding)
    return tuple(_options(node, "class_embedding"))


def _options(node: Any, prefix: str) -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _options(value, f"{prefix}.{key}")
        elif key not in ("_target_", "_convert_"):
            yield f"{prefix}.{key}"


def cases(embedding: str, files: Files) -> list[dict[str, Any]]:
    """Every value of every option, while the other options have their first value (``scale`` the one that is fitted);
    those without the packages they need are left out.
    """
    known = files.values(embedding)
    values = {option: known[option.rpartition(".")[2]] for option in options_of(embedding)}
    base = {option: first for option, (first, *_) in values.items()}
    every = [base | {option: value} for option in values for value in values[option]]
    length = {"class_embedding.scale": "none"}  # means something for a mean of scores
    every = [case | (length if case.get("class_embedding.ensemble") == "mean_scores" else {}) for case in every]
    return [case for i, case in enumerate(every) if case not in every[:i] and _installed(case)]


def _installed(case: dict[str, Any]) -> bool:
    packages = {"path": GLOVE_PACKAGE, "model": MINILM_PACKAGE}
    empty = {option.rpartition(".")[2] for option, value in case.items() if value is None}
    return all(find_spec(packages[key]) is not None for key in empty & packages.keys())


def oov_of(case: dict[str, Any]) -> str:
    """What a case does with names out of vocabulary."""
    return next((str(value) for option, value in case.items() if option.endswith("oov")), "mean")
