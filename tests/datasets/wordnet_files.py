"""A WordNet of a few nouns in the format of the real files, and a place where none is installed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.datasets.imagenet_files import LICENCE
from zsl.datasets import wordnet_files

SYNSETS = (
    (("entity",), None, "what is"),
    (("animal", "beast"), 0, "a living thing"),
    (("artifact",), 0, "a thing that was made"),
    (("dog", "hound", "Canis familiaris"), 1, "an animal that barks"),
    (("puppy",), 3, "a young dog"),
    (("weapon",), 2, "used for fighting"),
    (("bow",), 0, "a knot with loops; a decorative ribbon is tied so"),
    (("bow",), 5, "shoots arrows"),
    (("base ball",), 2, "a ball"),
    (("frank", "hound"), 0, 'a sausage; "a bun with a frank"'),
)
"""lemmas, the synset above, gloss; where several have a lemma, the first one is its first sense"""


def write(folder: Path) -> Path:
    """Write ``data.noun`` and ``index.noun``."""
    folder.mkdir(parents=True, exist_ok=True)
    offsets, at = [], len(LICENCE)
    for i in range(len(SYNSETS)):
        offsets.append(at)
        at += len(_line(i, [0] * len(SYNSETS)))
    (folder / "data.noun").write_text(LICENCE + "".join(_line(i, offsets) for i in range(len(SYNSETS))))
    having: dict[str, list[int]] = {}
    for i, (lemmas, _, _) in enumerate(SYNSETS):
        for lemma in lemmas:
            having.setdefault(lemma.casefold().replace(" ", "_"), []).append(offsets[i])
    lines = (
        f"{lemma} n {len(of)} 2 @ ~ {len(of)} 0 {' '.join(f'{each:08d}' for each in of)}  \n"
        for lemma, of in sorted(having.items())
    )
    (folder / "index.noun").write_text(LICENCE + "".join(lines))
    return folder


def zipped(folder: Path, archive: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write the archive that NLTK downloads."""
    with zipfile.ZipFile(archive, "w", compression) as members:
        for file in write(folder).iterdir():
            members.write(file, f"wordnet/{file.name}")
    return archive


def install(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Write a WordNet, and let it be the one that is found."""
    absent(patch)
    patch.setenv("WNSEARCHDIR", str(write(folder)))
    return folder


def absent(patch: pytest.MonkeyPatch) -> None:
    """Let no WordNet be found."""
    for name in ("WNSEARCHDIR", "WNHOME", "NLTK_DATA"):
        patch.delenv(name, raising=False)
    patch.setattr(wordnet_files, "_DEBIAN", None)
    patch.setattr(wordnet_files, "_NLTK", ())


def _line(i: int, offsets: list[int]) -> str:
    lemmas, up, gloss = SYNSETS[i]
    words = " ".join(f"{lemma.replace(' ', '_')} 0" for lemma in lemmas)
    pointers = "000" if up is None else f"001 @ {offsets[up]:08d} n 0000"
    return f"{offsets[i]:08d} 03 n {len(lemmas):02x} {words} {pointers} | {gloss}  \n"
