"""Senses of names in WordNet: which synset a class name means, and what lies above it.

``index.noun`` lists the synsets of a lemma, the most frequent sense first, as documented in ``wndb(5WN)``:

    bow n 9 5 @ ~ #p %p + 9 4 02880189 02879517 …

are the lemma, a part of speech, the number of synsets, the number of kinds of pointers, these kinds, the number of
senses, the number of senses with a frequency, and the numbers of the synsets.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from zsl.data.class_names import normalised
from zsl.datasets.wordnet import WordNet, read_files
from zsl.datasets.wordnet_files import WordNetFiles, installed

INDEX = "index.noun"
CURE = "install WordNet 3.0 (Debian: apt install wordnet-base), or name its folder in $WNSEARCHDIR"
WNID = re.compile(r"(?<![^\W_])n\d{8}(?![^\W_])")
"""number of a noun's synset, also within a name"""
_PLURALS = (
    ("s", ""),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
)
"""endings of plurals and of their singulars, as in ``morphy(7WN)``"""
_SMALL = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"})
"""words that tell no senses apart"""


@dataclass(frozen=True)
class Senses:
    """Synsets of names; a synset is its position in the WordNet."""

    wordnet: WordNet
    index: Mapping[str, tuple[int, ...]]
    """lemma in small letters, with spaces between words -> its synsets, the most frequent sense first"""

    def of(self, name: str) -> int | None:
        """Return the synset of a class name, or None where WordNet has none.

        It is that of a wnid (``n02119789``, ``crane (n03126707)``), or the first sense of the name. Further lemmas
        (``kit fox, Vulpes macrotis``) and what stands in brackets (``bow (weapon)``) choose the first sense that has,
        or lies below, a synset of such a lemma, or else the first whose gloss has the most of these words; where there
        is none, the name has no synset.
        """
        if wnid := WNID.search(name):
            return self.wordnet.number.get(wnid[0])
        plain = normalised(name)
        first, *hints = re.sub(r"\([^)]*\)", " ", plain).split(", ")
        hints += re.findall(r"\(([^)]*)\)", plain)
        senses = self._senses(" ".join(first.split()))
        return self._told_apart(senses, hints) if hints else next(iter(senses), None)

    def names(self, synset: int) -> tuple[str, ...]:
        """Return the lemmas of a synset."""
        return self.wordnet.lemmas[synset]

    def above(self, synset: int) -> Iterator[int]:
        """Yield the synsets above one, each once, the nearest first."""
        seen, ring = {synset}, [synset]
        while ring:
            ring = [up for up in dict.fromkeys(up for one in ring for up in self._parents[one]) if up not in seen]
            seen.update(ring)
            yield from ring

    @cached_property
    def _parents(self) -> Mapping[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for child, parent in zip(self.wordnet.child.tolist(), self.wordnet.parent.tolist(), strict=True):
            found[child].append(parent)
        return found

    def _senses(self, lemma: str) -> Sequence[int]:
        return next((self.index[form] for form in _forms(lemma) if form in self.index), ())

    def _told_apart(self, senses: Sequence[int], hints: Sequence[str]) -> int | None:
        lemmas = {form for hint in hints for form in _forms(hint)}
        for sense in senses:
            line = (sense, *self.above(sense))
            if any(lemma.casefold() in lemmas for synset in line for lemma in self.names(synset)):
                return sense
        words = {form for hint in hints for word in hint.split() for form in _forms(word)} - _SMALL
        shared = {
            sense: len(words & set(re.findall(r"\w+", self.wordnet.glosses[sense].casefold()))) for sense in senses
        }
        best = max(senses, key=shared.__getitem__, default=None)
        return best if best is not None and shared[best] else None


def find_senses(key: str) -> Senses | None:
    """Return the senses of the WordNet 3.0 that is installed, or None where there is none with ``index.noun``.

    Messages begin with ``key``.

    Raises:
        InputError: a file of it is damaged.
    """
    files = installed(key)
    return _read(files) if files is not None and files.has(INDEX) else None


@lru_cache(maxsize=1)
def _read(files: WordNetFiles) -> Senses:
    wordnet = read_files(files)
    index = {}
    for at, line in enumerate(files.lines(INDEX), start=1):
        if line.startswith("  "):
            continue
        try:
            lemma, *facts = line.split()
            synsets = facts[-int(facts[1]) :]
            index[lemma.replace("_", " ")] = tuple(wordnet.number[f"n{synset}"] for synset in synsets)
        except (ValueError, IndexError, KeyError):
            raise files.refused(INDEX, f"line {at} is not a lemma with its synsets") from None
    return Senses(wordnet, index)


def _forms(lemma: str) -> Iterator[str]:
    """Yield the spellings under which WordNet may have a name: with hyphens, spaces or neither, and in the singular."""
    spellings = dict.fromkeys((lemma, lemma.replace("-", " "), lemma.replace(" ", "-"), re.sub("[ -]", "", lemma)))
    yield from spellings
    yield from (
        spelling.removesuffix(end) + singular
        for spelling in spellings
        for end, singular in _PLURALS
        if spelling.endswith(end)
    )
