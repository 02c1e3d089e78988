"""Names of classes that need no file: those that CLIP was asked for ImageNet-1k, and the lemmas of WordNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from zsl.backbones.imagenet import imagenet1k, imagenet1k_wnids
from zsl.class_embeddings.prompt_files import ClassTexts, listed, read_class_texts
from zsl.class_embeddings.spelling import readable, synonyms
from zsl.data.class_names import normalised
from zsl.data.dataset import ClassDescriptions
from zsl.datasets.wordnet_senses import CURE, WNID, Senses, find_senses
from zsl.errors import InputError

KEY = "class_embedding.names"
IMAGENET1K, WORDNET = "imagenet1k", "wordnet"


@dataclass(frozen=True)
class ImageNetNames:
    """One name for every class of ImageNet-1k, found by its wnid, such as ``n01440764`` or ``crane (n03126707)``."""

    place: str = f"{KEY}={IMAGENET1K}"
    most: int = 1

    def require(self, names: Sequence[str]) -> None:
        """Refuse classes that are not of ImageNet-1k.

        Raises:
            InputError: there are some.
        """
        if unknown := [name for name in names if not self._find(name)]:
            raise InputError(
                f"{self.place}: has no class {listed(unknown)}, but those of ImageNet-1k by their wnids, such as "
                f"{imagenet1k_wnids()[0]}; give a JSON file of class -> names"
            )

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the one name of a class that was required."""
        return (self._find(name),)

    def remark(self, _names: Sequence[str]) -> str:
        """Return nothing: every class that was required has its name."""
        return ""

    def _find(self, name: str) -> str:
        wnid = WNID.search(name)
        return self._of[wnid[0]] if wnid and wnid[0] in self._of else ""

    @cached_property
    def _of(self) -> Mapping[str, str]:
        return dict(zip(imagenet1k_wnids(), imagenet1k(), strict=True))


@dataclass(frozen=True)
class WordNetNames:
    """The class's own name, and every lemma of its synset in WordNet: that of its wnid, or of the name's first sense.

    A class that WordNet does not have keeps its own name. A name of several lemmas, ``kit fox, Vulpes macrotis``, is
    replaced by them.
    """

    senses: Senses
    place: str = f"{KEY}={WORDNET}"

    @cached_property
    def most(self) -> int:
        """Return the largest number of names that a class can have."""
        return 1 + max(map(len, self.senses.wordnet.lemmas))

    def require(self, names: Sequence[str]) -> None:
        """Refuse names without meaning.

        Raises:
            InputError: all names are placeholders but for wnids, or a wnid is not in WordNet.
        """
        wnids = [name for name in names if WNID.fullmatch(name)]
        if unknown := self.unknown(wnids):
            raise InputError(f"{self.place}: WordNet 3.0 has no noun {listed(unknown)}; correct the name of the class")
        if others := tuple(name for name in names if name not in wnids):
            ClassDescriptions(others).readable_names()

    def remark(self, names: Sequence[str]) -> str:
        """Return which of all classes keep their own name, as text; empty where none does."""
        unknown = self.unknown(names)
        return f"WordNet does not have {listed(unknown)}, whose own name is kept" if unknown else ""

    def unknown(self, names: Sequence[str]) -> list[str]:
        """Return the classes that WordNet does not have."""
        return [name for name in names if self.senses.of(name) is None]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the names of a class that was required, each once but for case."""
        synset = self.senses.of(name)
        lemmas = () if synset is None else self.senses.wordnet.lemmas[synset]
        forms = {normalised(lemma) for lemma in lemmas}
        of_lemmas = all(normalised(each) in forms for each in synonyms(name)) and len(synonyms(name)) > 1
        own = () if WNID.fullmatch(name) or of_lemmas else (readable(name),)
        found: dict[str, str] = {}
        for each in (*own, *lemmas):
            found.setdefault(normalised(each), each)
        return tuple(found.values())


Names = ClassTexts | ImageNetNames | WordNetNames
"""names of classes, of a file or of a variant"""


def read_names(given: str | Path) -> Names:
    """Return the names of a variant, ``imagenet1k`` or ``wordnet``, or those of a JSON file.

    Raises:
        InputError: the file cannot be used, or WordNet is not installed.
    """
    if given == IMAGENET1K:
        return ImageNetNames()
    if given != WORDNET:
        return read_class_texts(given, KEY, names=True)
    senses = find_senses(f"{KEY}={WORDNET}")
    if senses is None:
        raise InputError(f"{KEY}={WORDNET}: no WordNet 3.0 with index.noun was found; {CURE}")
    return WordNetNames(senses)
