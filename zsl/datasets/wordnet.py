"""WordNet 3.0 [Fellbaum1998]: names, glosses and is-a edges of nouns, from its own files.

ImageNet's classes are synsets of WordNet 3.0, and their numbers are places in its file ``data.noun``: ``n02119789`` is
the synset at 02119789. Version 3.1 has other numbers. A line of the file, as documented in ``wndb(5WN)``:

    02119789 05 n 02 kit_fox 2 Vulpes_macrotis 0 002 @ 02118333 n 0000 #m 02118854 n 0000 | small grey fox of …

are the number, a file, a part of speech, the number of lemmas in hexadecimal, the lemmas, the number of pointers, the
pointers, and the gloss. ``@`` points to a hypernym, ``@i`` from an instance to its class: both are is-a edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from numpy import ndarray as Array

from zsl.data.class_names import LONGEST
from zsl.data.hierarchy import Hierarchy
from zsl.datasets.wordnet_files import CURE, FILE, WordNetFiles, given_folder, installed
from zsl.errors import InputError
from zsl.files.source_file import locate

IS_A = ("@", "@i")
AUTO, NONE = "auto", "none"


@dataclass(frozen=True)
class WordNet:
    """Nouns of WordNet, in the order of the file."""

    files: WordNetFiles
    number: Mapping[str, int]
    """wnid, such as ``n02119789`` -> position"""
    lemmas: Sequence[tuple[str, ...]]
    """names of every synset, the most frequent one first, with spaces between words"""
    glosses: Sequence[str]
    child: Int64[Array, " edges"]
    parent: Int64[Array, " edges"]

    def nodes(self, wnids: Sequence[str]) -> Int64[Array, " classes"]:
        """Return the positions of synsets.

        Raises:
            InputError: some are not nouns of this WordNet.
        """
        if unknown := [wnid for wnid in wnids if wnid not in self.number]:
            raise InputError(
                f"data.wordnet {self.files.place}: {len(unknown)} of {len(wnids)} classes are no synsets of it, such "
                f"as {unknown[0]!r}; {CURE}"
            )
        return np.array([self.number[wnid] for wnid in wnids], dtype=np.int64)

    def hierarchy(self) -> Hierarchy:
        """Return the is-a edges of all nouns, which are named by their wnids."""
        return Hierarchy.of_edges(len(self.lemmas), self.child, self.parent, self.number)


def find_wordnet(given: str) -> WordNet | None:
    """Return the WordNet of a folder, the installed one for ``auto``, or None for ``none``.

    It is None where ``auto`` finds no WordNet 3.0 (:func:`zsl.datasets.wordnet_files.installed`).

    Raises:
        InputError: there is no such folder, or its file is not WordNet 3.0.
    """
    if given == NONE:
        return None
    if given != AUTO:
        return read_wordnet(locate(given))
    found = installed()
    return None if found is None else read_files(found)


def read_wordnet(folder: Path) -> WordNet:
    """Read the nouns of WordNet 3.0 from the folder of its files.

    Raises:
        InputError: the file is missing, of another version, or damaged.
    """
    return read_files(given_folder(folder))


def read_files(files: WordNetFiles) -> WordNet:
    """Read the nouns of WordNet 3.0 from files that were found.

    Raises:
        InputError: the file is missing or damaged; the message begins with the key of the files.
    """
    number: dict[str, int] = {}
    lemmas: list[tuple[str, ...]] = []
    glosses: list[str] = []
    edges: list[tuple[int, int]] = []
    for at, line in enumerate(files.lines(FILE), start=1):
        if line.startswith("  "):
            continue
        try:
            facts, _, gloss = line.partition(" | ")
            words = facts.split()
            count = int(words[3], 16)
            pointers = words[4 + 2 * count :]
            if len(pointers) != 1 + 4 * int(pointers[0]) or not count or len(words[0]) != 8:
                raise ValueError
            own = int(words[0])
            edges += [(own, int(pointers[i + 1])) for i in range(1, len(pointers), 4) if pointers[i] in IS_A]
        except (ValueError, IndexError):
            raise files.refused(FILE, f"line {at} is not a synset") from None
        number[f"n{words[0]}"] = len(lemmas)
        lemmas.append(tuple(word.replace("_", " ") for word in words[4 : 4 + 2 * count : 2]))
        glosses.append(gloss.strip())
    position_of = {int(wnid[1:]): position for wnid, position in number.items()}
    try:
        ends = [(position_of[child], position_of[parent]) for child, parent in edges]
    except KeyError as error:
        raise files.refused(FILE, f"points to {error}, which it lacks") from None
    child, parent = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    return WordNet(files, number, lemmas, glosses, child, parent)


def synset_names(lemmas: Sequence[Sequence[str]], wnids: Sequence[str]) -> tuple[str, ...]:
    """Return distinct names of classes: ``kit fox, Vulpes macrotis``, and ``crane (n03126707)`` where two are equal.

    A name ends before the first lemma that would make it longer than a class name may be.
    """
    names = []
    for words in lemmas:
        name = words[0]
        for word in words[1:]:
            if len(name) + len(word) + 2 > LONGEST - len(" (n00000000)"):
                break
            name += f", {word}"
        names.append(name)
    times: dict[str, int] = {}
    for name in names:
        times[name] = times.get(name, 0) + 1
    return tuple(f"{name} ({wnid})" if times[name] > 1 else name for name, wnid in zip(names, wnids, strict=True))
