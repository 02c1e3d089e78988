"""Senses of names: which synset a name means, where WordNet is found, and what is refused."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

from tests.datasets import wordnet_files as made
from zsl.backbones.imagenet import imagenet1k, imagenet1k_wnids
from zsl.datasets.wordnet_files import WordNetFiles
from zsl.datasets.wordnet_senses import Senses, find_senses
from zsl.errors import InputError


@pytest.fixture
def senses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Senses:
    made.install(tmp_path / "wordnet", monkeypatch)
    found = find_senses("key")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def real() -> Senses:
    found = find_senses("key")
    if found is None:
        pytest.skip("needs WordNet 3.0 (Debian: apt install wordnet-base)")
    return found


@pytest.mark.parametrize(
    ("name", "synset"),
    [
        ("dog", 3),
        ("001.Dog", 3),
        ("dogs", 3),
        ("puppies", 4),
        ("canis_familiaris", 3),
        ("baseball", None),
        ("base-ball", 8),
        ("hound", 3),
        ("hound, frank", 9),
        ("hound (a sausage)", 9),
        ("bow", 6),
        ("bow_(weapon)", 7),
        ("bow (decorative ribbons)", 6),
        ("bow (ship)", None),
        ("dog (n00000000)", None),
        ("gryphon", None),
        ("", None),
    ],
)
def test_the_sense_of_a_name(senses: Senses, name: str, synset: int | None) -> None:
    assert senses.of(name) == synset


def test_a_wnid_is_its_synset(senses: Senses) -> None:
    for wnid, synset in senses.wordnet.number.items():
        assert senses.of(wnid) == senses.of(f"bow ({wnid})") == senses.of(f"{wnid}_bow") == synset


def test_all_that_lies_above_a_synset_comes_once_and_the_nearest_first(senses: Senses) -> None:
    assert list(senses.above(4)) == [3, 1, 0]
    assert list(senses.above(0)) == []


@pytest.mark.parametrize("packed", [False, True])
def test_the_corpus_of_nltk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    """As ``nltk.download('wordnet')`` leaves it: an archive that is not unpacked, or a folder."""
    made.absent(monkeypatch)
    assert find_senses("key") is None
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    if packed:
        made.zipped(tmp_path / "unpacked", corpora / "wordnet.zip")
    else:
        made.write(corpora / "wordnet")
    monkeypatch.setenv("NLTK_DATA", f"{tmp_path / 'nowhere'}:{tmp_path}")
    found = find_senses("key")
    assert found is not None
    assert found.of("puppies") == 4


def test_nouns_without_an_index_are_no_senses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (made.install(tmp_path / "wordnet", monkeypatch) / "index.noun").unlink()
    assert find_senses("key") is None


@pytest.mark.parametrize("spoil", ["number", "count", "short"])
def test_a_damaged_index_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str) -> None:
    file = made.install(tmp_path / "wordnet", monkeypatch) / "index.noun"
    text = file.read_text()
    wrong = {
        "number": re.sub(r"\d{8}  \n$", "99999999  \n", text),
        "count": text.replace("dog n 1", "dog n one"),
        "short": text + "zebra\n",
    }[spoil]
    assert wrong != text
    file.write_text(wrong)
    with pytest.raises(
        InputError, match=r"^key \S+index.noun: line \d+ is not a lemma with its synsets; copy the file"
    ):
        find_senses("key")


def test_a_damaged_archive_is_passed_over_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.absent(monkeypatch)
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    archive = made.zipped(tmp_path / "unpacked", corpora / "wordnet.zip")
    content = archive.read_bytes()
    monkeypatch.setenv("NLTK_DATA", str(tmp_path))
    archive.write_bytes(content[:200])
    assert find_senses("key") is None
    at = content.index(b"wordnet/index.noun") + 60
    archive.write_bytes(content[:at] + bytes(20) + content[at + 20 :])
    with pytest.raises(InputError, match=r"^key \S+wordnet.zip/index.noun: cannot be read \([^\n]+\); copy the file"):
        find_senses("key")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_is_damaged_anywhere_is_no_wordnet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: int
) -> None:
    made.absent(monkeypatch)
    (tmp_path / "corpora").mkdir()
    archive = made.zipped(tmp_path / "unpacked", tmp_path / "corpora" / "wordnet.zip", compression)
    content = archive.read_bytes()
    monkeypatch.setenv("NLTK_DATA", str(tmp_path))
    assert find_senses("key") is not None
    start = content.index(b"wordnet/data.noun") + len(b"wordnet/data.noun")
    for at in range(start, start + 40, 4):
        archive.write_bytes(content[:at] + b"\xff" * 20 + content[at + 20 :])
        assert find_senses("key") is None


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = WordNetFiles(made.write(tmp_path / "wordnet"), "key")
    monkeypatch.setattr("zsl.datasets.wordnet_files.LARGEST", 100)
    with pytest.raises(InputError, match=r"^key \S+data.noun: larger than 0 MiB; copy the file again"):
        files.lines("data.noun")


def test_real_senses(real: Senses) -> None:
    fox, bow = real.of("kit fox"), real.of("bow (weapon)")
    assert fox is not None
    assert bow is not None
    assert real.wordnet.lemmas[fox] == ("kit fox", "Vulpes macrotis")
    assert {"weapon", "artifact", "entity"} <= {lemma for up in real.above(bow) for lemma in real.wordnet.lemmas[up]}
    assert len({real.of("salmon"), real.of("salmon_(food)")}) == 2
    assert real.of("salmon_(fish)") == real.of("salmon")


def test_wnids_of_imagenet_are_those_of_its_names(real: Senses) -> None:
    """Most names that CLIP was asked are lemmas of the synset; others say the same in other words."""
    wnids = imagenet1k_wnids()
    assert sorted(set(wnids)) == list(wnids)
    assert len(wnids) == len(imagenet1k()) == 1000
    equal = [
        name.casefold() in map(str.casefold, real.wordnet.lemmas[real.wordnet.number[wnid]])
        for wnid, name in zip(wnids, imagenet1k(), strict=True)
    ]
    assert sum(equal) == 816


def test_senses_of_lvis(real: Senses, data_root: Path) -> None:
    """The annotators of LVIS chose a synset for every name; how many of them the rule finds is a measurement."""
    file = data_root / "pairs" / "clip_text" / "lvis_v1_train_cat_info.json"
    if not file.is_file():
        pytest.skip("needs pairs/clip_text in ZSL_DATA_ROOT")
    right = dict.fromkeys((False, True), 0)
    for each in json.loads(file.read_text()):
        lemma, _, number = each["synset"].rpartition(".n.")
        chosen = real.index.get(lemma.replace("_", " "), ())[int(number) - 1 : int(number)]
        right["(" in each["name"]] += real.of(each["name"]) in chosen
    assert right == {False: 878, True: 85}, "of 1,095 names without and 108 with brackets"
