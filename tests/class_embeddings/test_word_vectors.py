"""Lookup of class names, step by step, on small vocabularies and on the packaged GloVe."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from gensim.models.fasttext import load_facebook_vectors
from gensim.test.utils import datapath
from hypothesis import given
from hypothesis import strategies as st

from zsl.class_embeddings.lexicon import GLOVE_PACKAGE, Lexicon, open_lexicon
from zsl.class_embeddings.word_vectors import Oov, WordVectors
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError

VOCABULARY = {
    "sea": (1, 0, 0),
    "lion": (0, 1, 0),
    "Lion": (0, 0, 1),
    "killer_whale": (2, 2, 2),
    "killer": (4, 0, 0),
    "whale": (0, 4, 0),
    "tie-dye": (5, 5, 5),
    "red": (6, 0, 0),
    "winged": (0, 6, 0),
    "tv": (0, 0, 3),
    "monitor": (3, 0, 0),
    "tvm": (7, 7, 7),
    "onitor": (8, 8, 8),
}
needs_glove = pytest.mark.skipif(find_spec(GLOVE_PACKAGE) is None, reason="pip install 'zsl[glove]' to test GloVe")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{word} {' '.join(map(str, v))}\n" for word, v in VOCABULARY.items()))
    return path


def embed(file: Path, *names: str, oov: Oov = "error") -> np.ndarray:
    classes = ClassDescriptions(names)
    return WordVectors(path=file, oov=oov, cache=file.parent / "cache").fit(classes)(classes)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sea", (1, 0, 0)),
        ("SEA", (1, 0, 0)),
        ("Lion", (0, 0, 1)),
        ("LION", (0, 1, 0)),
        ("sea lion", (0.5, 0.5, 0)),
        ("001.Sea_Lion", (0.5, 0, 0.5)),
        ("sea+lion", (0.5, 0.5, 0)),
        ("killer+whale", (2, 2, 2)),
        ("Killer Whale", (2, 2, 2)),
        ("whale killer", (2, 2, 0)),
        ("tie-dye", (5, 5, 5)),
        ("Red-winged", (3, 3, 0)),
        ("SeaLion", (0.5, 0, 0.5)),
        ("red-winged sea", (7 / 3, 2, 0)),
        ("sea unicorn", (1, 0, 0)),
        ("sea lion, killer whale", (1.25, 1.25, 1)),
        ("Ursus unicornis, killer whale", (2, 2, 2)),
        ("sea lion (n02077923)", (0.5, 0.5, 0)),
        ("sea,lion", (0.5, 0.5, 0)),
    ],
)
def test_the_rule_for_names(file: Path, name: str, expected: tuple[float, ...]) -> None:
    phi = embed(file, name)
    assert phi.dtype == np.float64
    assert phi[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_words_without_a_vector_are_noted(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        embed(file, "sea unicorn", "lion")
    assert "1 names are embedded in part: sea unicorn (without unicorn)" in caplog.text


def test_classes_out_of_vocabulary_are_listed(file: Path) -> None:
    with pytest.raises(InputError, match=r"2 of 3 classes .* \(unicorn, 1\.Qilin\); set oov=split\|mean\|zero where"):
        embed(file, "unicorn", "sea", "1.Qilin")


def test_of_many_classes_out_of_vocabulary_all_are_listed(file: Path) -> None:
    with pytest.raises(InputError, match=r"^class embedding: 12 of 13 .*\(x0, .*, x9, x10, x11\)"):
        embed(file, "sea", *(f"x{i}" for i in range(12)))


def test_oov_mean_is_the_mean_of_the_other_classes(file: Path) -> None:
    assert embed(file, "sea", "unicorn", "killer", oov="mean").tolist() == [[1, 0, 0], [2.5, 0, 0], [4, 0, 0]]


def test_oov_mean_is_that_of_the_known_classes_alone(file: Path) -> None:
    classes = ClassDescriptions(("sea", "unicorn", "lion", "killer"))
    embedding = WordVectors(path=file, oov="mean", cache=file.parent / "cache").fit(classes.part([0, 1, 2]))
    assert embedding(classes).tolist() == [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [4, 0, 0]]
    assert embedding(classes.part([1])).tolist() == [[0.5, 0.5, 0]]


def test_a_name_is_noted_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    classes = ClassDescriptions(("sea unicorn", "lion"))
    embedding = WordVectors(path=file, cache=file.parent / "cache")
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            embedding.fit(classes)(classes)
    assert caplog.text.count("sea unicorn") == 1


def test_oov_zero(file: Path) -> None:
    assert embed(file, "sea", "unicorn", oov="zero").tolist() == [[1, 0, 0], [0, 0, 0]]


def test_oov_split_finds_the_two_words_of_which_the_rarer_is_most_frequent(file: Path) -> None:
    """tv|monitor, not tvm|onitor: the file has the most frequent words first."""
    assert embed(file, "TvMonitor", "tvmonitor", oov="split").tolist() == [[1.5, 0, 1.5], [1.5, 0, 1.5]]
    assert embed(file, "sea tvmonitor", oov="split")[0].tolist() == pytest.approx([4 / 3, 0, 1])


def test_oov_split_does_not_hide_what_cannot_be_split(file: Path) -> None:
    with pytest.raises(InputError, match=r"1 of 2 classes are out of vocabulary \(qilin\); set oov=mean\|zero where"):
        embed(file, "sealion", "qilin", oov="split")


@pytest.mark.parametrize("oov", ["error", "split", "mean", "zero"])
def test_where_no_class_is_known_there_is_nothing_to_go_on(file: Path, oov: Oov) -> None:
    with pytest.raises(InputError, match="choose other word vectors"):
        embed(file, "qilin", "__", oov=oov)


def test_an_unknown_oov_is_an_error(file: Path) -> None:
    with pytest.raises(InputError, match=r"class_embedding.oov=guess .* error, split, mean, zero"):
        embed(file, "sea", oov="guess")  # type: ignore[arg-type]


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.bin: no such file; set class_embedding\.path"):
        embed(tmp_path / "none.bin", "sea")


def test_a_bad_file_leaves_no_cache_behind(file: Path) -> None:
    file.write_text("sea 1 2\nlion 3\n")
    with pytest.raises(InputError, match="line 2"):
        embed(file, "sea")
    assert not [path for path in (file.parent / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_changed_file_is_read_again(file: Path) -> None:
    embed(file, "sea")
    file.write_text("sea 9 9\n")
    os.utime(file, ns=(1, 1))
    assert embed(file, "sea").tolist() == [[9, 9]]


def test_the_second_opening_reads_no_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = embed(file, "sea lion")
    monkeypatch.setattr("zsl.class_embeddings.lexicon.read", None)
    assert np.array_equal(embed(file, "sea lion"), first)
    lexicon = open_lexicon(file, file.parent / "cache")
    assert all(isinstance(array, np.memmap) for array in (lexicon.vectors, lexicon.text, lexicon.starts, lexicon.rows))


@given(st.lists(st.text(min_size=1).filter(lambda w: w.isprintable()), min_size=1, max_size=30, unique=True), st.text())
def test_binary_search_finds_what_a_dictionary_finds(words: list[str], other: str) -> None:
    """Words of any script are found: the vocabulary is sorted by UTF-8 bytes."""
    encoded = sorted((word.encode(), row) for row, word in enumerate(words))
    lexicon = Lexicon(
        np.zeros((len(words), 1), dtype=np.float32),
        np.frombuffer(b"".join(word for word, _ in encoded), dtype=np.uint8),
        np.cumsum([0, *(len(word) for word, _ in encoded)]),
        np.array([row for _, row in encoded]),
        None,
    )
    table = {word: row for row, word in enumerate(words)}
    for word in (*words, other, *(word[:-1] for word in words), *(word + "a" for word in words)):
        if not any("\ud800" <= letter <= "\udfff" for letter in word):
            assert lexicon.rank(word) == table.get(word)


def test_a_fasttext_model_embeds_every_word(tmp_path: Path) -> None:
    """Known words have their vectors, other words the mean of their n-grams, as in gensim."""
    path = Path(datapath("lee_fasttext_new.bin"))
    expected = load_facebook_vectors(str(path))
    classes = ClassDescriptions(("the night", "nightingale", "quokka"))
    phi = WordVectors(path=path, cache=tmp_path).fit(classes)(classes)
    assert np.allclose(phi[0], (expected["the"] + expected["night"]) / 2, rtol=1e-5)
    assert np.allclose(phi[1:], expected[["nightingale", "quokka"]], rtol=1e-5)


@needs_glove
def test_the_packaged_glove_has_the_genuine_vectors(cache: Path) -> None:
    """gensim's excerpt of glove.6B.50d has its first 76 vectors (under other words, but for the first)."""
    lexicon = open_lexicon(None, cache)
    lines = Path(datapath("test_glove.txt")).read_text(encoding="utf-8").splitlines()
    assert lexicon.vectors.shape == (400000, 50)
    assert np.array_equal(lexicon.vectors[: len(lines)], np.array([line.split(" ")[1:] for line in lines], "f4"))
    assert [lexicon.rank(word) for word in ("the", ",", ".", "of", "to", "and", "sandberger")] == [*range(6), 399999]


@needs_glove
def test_the_second_opening_of_glove_reads_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_lexicon(None, cache)
    monkeypatch.setattr("zsl.class_embeddings.lexicon._read_packaged", None)
    assert isinstance(open_lexicon(None, cache).vectors, np.memmap)


@needs_glove
@pytest.mark.parametrize(
    ("folder", "unknown", "unsplit"),
    [
        ("CUB", {"110.Geococcyx", "103.Sayornis"}, {"103.Sayornis"}),
        ("AWA1", set(), set()),
        ("SPLITS_ONLY/SUN", {"barndoor", "oilrig", "thriftshop", "videostore"}, set()),
        ("SPLITS_ONLY/APY", {"diningtable", "pottedplant", "tvmonitor"}, set()),
    ],
)
def test_names_of_the_benchmarks_in_glove(
    folder: str, unknown: set[str], unsplit: set[str], data_root: Path, cache: Path
) -> None:
    """Return the classes out of vocabulary, whose embedding is zero."""
    path = data_root / folder / "att_splits.mat"
    if not path.exists():
        pytest.skip(f"no {path}")
    names = tuple(str(cell[0][0]) for cell in scipy.io.loadmat(path)["allclasses_names"])
    classes = ClassDescriptions(names)
    phi = WordVectors(oov="zero", cache=cache).fit(classes)(classes)
    assert {name for name, row in zip(names, phi, strict=True) if not row.any()} == unknown
    split = WordVectors(oov="split", cache=cache)
    if unsplit:
        with pytest.raises(InputError, match=rf"{len(unsplit)} of .* \({', '.join(unsplit)}\)"):
            split.fit(classes)(classes)
    else:
        assert split.fit(classes)(classes).any(axis=1).all()


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zsl.class_embeddings.lexicon.GLOVE_PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r"pip install 'zsl\[glove\]'"):
        WordVectors(cache=tmp_path).fit(ClassDescriptions(("sea",)))
