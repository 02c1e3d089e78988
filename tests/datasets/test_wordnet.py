"""WordNet's own file: what is read of it, laws on the real one where it is installed, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import imagenet_files
from zsl.data.class_names import require_names
from zsl.datasets.imagenet_classes import ClassSets, unseen_classes
from zsl.datasets.wordnet import WordNet, find_wordnet, read_wordnet, synset_names
from zsl.errors import InputError


@pytest.fixture(scope="module")
def real() -> WordNet:
    found = find_wordnet("auto")
    if found is None:
        pytest.skip("needs WordNet 3.0 (Debian: apt install wordnet-base)")
    return found


def test_what_was_written_is_read(tmp_path: Path) -> None:
    made = imagenet_files.world()
    found = read_wordnet(imagenet_files.write_wordnet(tmp_path, made.lemmas, made.parent))
    assert tuple(found.number) == made.wnids
    assert found.lemmas == list(made.lemmas)
    assert found.glosses[3] == f"the gloss of {made.lemmas[3][0]}"
    edges = {(i, up) for i, up in enumerate(made.parent) if up >= 0}
    assert set(zip(found.child.tolist(), found.parent.tolist(), strict=True)) == edges


def test_numbers_of_synsets_are_places_in_the_file(tmp_path: Path) -> None:
    """As in the real file, so that the stand-in has its format."""
    made = imagenet_files.world()
    content = (imagenet_files.write_wordnet(tmp_path, made.lemmas, made.parent) / "data.noun").read_bytes()
    for wnid in made.wnids:
        assert content[int(wnid[1:]) :].startswith(wnid[1:].encode())


@pytest.mark.parametrize("spoil", ["version", "cut", "pointer", "count"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, spoil: str) -> None:
    made = imagenet_files.world()
    file = imagenet_files.write_wordnet(tmp_path, made.lemmas, made.parent) / "data.noun"
    text = file.read_text()
    wrong = {
        "version": text.replace("WordNet 3.0", "WordNet 3.1"),
        "cut": text[:-40],
        "pointer": re.sub(r"@ \d{8}", "@ 99999999", text, count=1),
        "count": text.replace("002 @", "003 @", 1),
    }[spoil]
    file.write_text(wrong)
    with pytest.raises(InputError, match=r"^data.wordnet \S+data.noun: [^\n]*; [^\n]+$"):
        read_wordnet(tmp_path)


def test_auto_takes_what_the_variables_name_if_it_is_version_3_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = imagenet_files.world()
    imagenet_files.write_wordnet(tmp_path / "dict", made.lemmas, made.parent)
    monkeypatch.delenv("WNSEARCHDIR", raising=False)
    monkeypatch.setenv("WNHOME", str(tmp_path))
    found = find_wordnet("auto")
    assert found is not None
    assert tuple(found.number) == made.wnids
    assert find_wordnet("none") is None
    (tmp_path / "dict" / "data.noun").write_text("  1 WordNet 3.1 Copyright 2011 by Princeton University.")
    other = find_wordnet("auto")
    assert other is None or tuple(other.number) != made.wnids
    with pytest.raises(InputError, match="no such file"):
        find_wordnet(str(tmp_path / "nowhere"))


def test_names_are_distinct_and_short_enough() -> None:
    lemmas = [("crane",), ("crane",), ("kit fox", "Vulpes macrotis"), tuple(f"lemma{i:03d}" for i in range(60))]
    names = synset_names(lemmas, ["n00000001", "n00000002", "n00000003", "n00000004"])
    assert names[:3] == ("crane (n00000001)", "crane (n00000002)", "kit fox, Vulpes macrotis")
    assert names[3].startswith("lemma000, lemma001")
    require_names(names, "names")


def test_real_synsets(real: WordNet) -> None:
    assert len(real.lemmas) == 82_115
    fox, kit_fox, red_fox, dog, entity = (
        real.number[wnid] for wnid in ("n02118333", "n02119789", "n02119022", "n02084071", "n00001740")
    )
    assert real.lemmas[kit_fox] == ("kit fox", "Vulpes macrotis")
    assert real.glosses[entity].startswith("that which is perceived or known")
    graph = real.hierarchy()
    distance = graph.distances(np.array([kit_fox]))
    assert distance[[kit_fox, fox, red_fox, dog]].tolist() == [0, 1, 2, 3]
    assert (distance >= 0).all(), "all nouns are below entity"


def test_hops_on_the_real_tree_are_parents_and_children(real: WordNet) -> None:
    """The definition again, by sets: 2 hops are parents and children of seen classes, 3 hops theirs as well."""
    pairs = list(zip(real.child.tolist(), real.parent.tolist(), strict=True))
    rng = np.random.default_rng(0)
    classes = np.sort(rng.choice(len(real.lemmas), 20_000, replace=False))
    seen = rng.choice(len(classes), 500, replace=False)
    edges = real.hierarchy().distances(classes[seen])[classes]
    reached = set(classes[seen].tolist())
    for name in ("2-hops", "3-hops", "4-hops"):
        reached |= {up for down, up in pairs if down in reached} | {down for down, up in pairs if up in reached}
        found, source = unseen_classes(name, ClassSets(seen), np.ones(len(classes), dtype=int), edges)
        assert source == "computed"
        assert set(classes[found].tolist()) == (reached & set(classes.tolist())) - set(classes[seen].tolist())
