"""Texts that stand for a class: filled templates, sentences, descriptors, and controls without meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import xxhash

from zsl.class_embeddings.name_variants import Names
from zsl.class_embeddings.prompt_files import ClassTexts, words
from zsl.class_embeddings.spelling import readable
from zsl.class_embeddings.template import filled
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError

Control = Literal["none", "name_only", "descriptions_only", "shuffled", "swapped", "random_words", "waffle"]
OF_DESCRIPTIONS = ("descriptions_only", "shuffled", "swapped", "random_words")
"""controls that change descriptions"""
PAIRS = 15
"""pairs of random words and random characters of WaffleCLIP [Roth2023]"""
_VERBS = ("has", "often", "typically", "may", "can")
"""beginnings of descriptors that follow ``which`` directly"""


@dataclass(frozen=True)
class Wording:
    """What is said of a class: ``templates`` filled with each of its names, its sentences, and its descriptors.

    ``joined`` makes one text of the descriptors of a class, ``name: d, d, …``, instead of a text for each.
    """

    templates: tuple[str, ...] = ()
    names: Names | None = None
    sentences: ClassTexts | None = None
    descriptors: ClassTexts | None = None
    joined: bool = False
    control: Control = "none"
    seed: int = 0

    @property
    def most(self) -> int:
        """Return an upper bound of the number of texts of a class, the same for all classes."""
        names = self.names.most if self.names else 1
        waffle = 2 * PAIRS if self.control == "waffle" else 0
        described = self.descriptors.most if self.descriptors else 0
        return max(
            names * (len(self.templates) + described + waffle) + (self.sentences.most if self.sentences else 0), 1
        )

    def controlled(self) -> Wording:
        """Return the wording with descriptions as the control makes them, which depends on the files alone."""
        if self.control == "name_only":
            return replace(self, sentences=None, descriptors=None, templates=self.templates or ("{name}",))
        if self.control not in ("shuffled", "swapped", "random_words"):
            return self
        changed = {
            key: _controlled(given, self.control, self.seed)
            for key, given in (("sentences", self.sentences), ("descriptors", self.descriptors))
            if given
        }
        return replace(self, **changed)  # type: ignore[arg-type]

    def texts(self, classes: ClassDescriptions) -> list[tuple[str, ...]]:
        """Return the texts of every class, which do not depend on the other classes.

        Raises:
            InputError: a file lacks a class, or there is nothing to say of one without its name.
        """
        if self.names is None:
            classes.readable_names()
        else:
            self.names.require(classes.names)
        return [self._of(classes.part([i])) for i in range(len(classes.names))]

    def _of(self, one: ClassDescriptions) -> tuple[str, ...]:
        name = one.names[0]
        own = self.names.texts(name) if self.names else (readable(name),)
        renamed = [replace(one, names=(called,)) for called in own]
        texts = [filled(each, named, "class_embedding.templates")[0] for named in renamed for each in self.templates]
        sentences, descriptors = (given.texts(name) if given else () for given in (self.sentences, self.descriptors))
        if self.control == "descriptions_only":
            texts = [without_names(text, own) for text in (*sentences, *descriptors)]
            if self.joined and descriptors:
                texts = [*texts[: len(sentences)], ", ".join(texts[len(sentences) :])]
            if not texts:
                raise InputError(
                    f"class_embedding.control=descriptions_only: class {name!r} has no description; write one"
                )
            return tuple(dict.fromkeys(texts))
        texts += sentences
        if self.joined and descriptors:
            texts += [f"{called}: {', '.join(descriptors)}" for called in own]
        else:
            texts += [described(called, descriptor) for called in own for descriptor in descriptors]
        if self.control == "waffle":
            texts += [described(called, waffle) for called in own for waffle in waffles(self.seed)]
        return tuple(dict.fromkeys(texts or own))


def described(name: str, descriptor: str) -> str:
    """Return ``name, which has descriptor``, or ``is``, or neither, by the rule of the released code [Menon2023].

    The rule looks at first letters, and not at first words: 39 of the 5,800 descriptors of ImageNet become such as
    ``which is antennae``.
    """
    if descriptor.startswith(("a", "used")):
        return f"{name}, which is {descriptor}"
    return f"{name}, which {descriptor}" if descriptor.startswith(_VERBS) else f"{name}, which has {descriptor}"


def without_names(text: str, names: Sequence[str], instead: str = "object") -> str:
    """Return a text with another word for each of some names, in any case, in singular or plural."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}(?=s?\b)", lambda _: instead, text, flags=re.IGNORECASE)
    return text


def waffles(seed: int) -> list[str]:
    """Return random descriptors, the same for all classes, of two words and of as many letters in turns [Roth2023]."""
    rng = np.random.default_rng([seed, PAIRS])
    found = []
    for _ in range(PAIRS):
        pair = rng.choice(words(), 2, replace=False)
        found.append(" ".join(pair))
        found.append(" ".join("".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), len(word))) for word in pair))
    return found


def _controlled(given: ClassTexts, control: str, seed: int) -> ClassTexts:
    """Return texts of classes that are exchanged between classes, or replaced by as many random words.

    ``swapped`` gives every class all texts of another one, ``shuffled`` as many texts as it had, drawn without
    replacement from those of all classes in the file. A name of the class that a text comes from becomes that of the
    class that it goes to.
    """
    keys = list(given.of)
    rng = np.random.default_rng([seed, xxhash.xxh3_64_intdigest("\0".join(keys).encode())])
    if control == "random_words":
        return replace(given, of={key: tuple(_random(text, key, seed) for text in given.of[key]) for key in keys})
    if len(keys) < 2:
        raise InputError(f"{given.place}: class_embedding.control={control} needs two classes; add some")
    if control == "swapped":
        order = rng.permutation(len(keys))
        source = dict(zip(order, np.roll(order, 1), strict=True))
        of = {key: _renamed(given.of[keys[source[i]]], keys[source[i]], key) for i, key in enumerate(keys)}
        return replace(given, of=of)
    pool = [(key, text) for key in keys for text in given.of[key]]
    drawn = iter([pool[i] for i in rng.permutation(len(pool))])

    def draw(key: str) -> tuple[str, ...]:
        taken = [next(drawn) for _ in given.of[key]]
        return tuple(_renamed([text], origin, key)[0] for origin, text in taken)

    return replace(given, of={key: draw(key) for key in keys})


def _renamed(texts: Sequence[str], origin: str, name: str) -> tuple[str, ...]:
    return tuple(without_names(text, [readable(origin)], readable(name)) for text in texts)


def _random(text: str, key: str, seed: int) -> str:
    rng = np.random.default_rng([seed, xxhash.xxh3_64_intdigest(f"{key}\0{text}".encode())])
    return " ".join(rng.choice(words(), len(text.split())))
