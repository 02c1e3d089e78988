"""Files of word vectors: read alike in every format, or refused in one line."""

from __future__ import annotations

import gzip
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.models.fasttext import load_facebook_vectors
from gensim.test.utils import datapath

from zsl.class_embeddings.vector_file import read
from zsl.errors import InputError

WORDS = ["sea", "lion", "red_panda", "Ångström"]
VECTORS = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)


@pytest.fixture
def keyed() -> KeyedVectors:
    vectors = KeyedVectors(5)
    vectors.add_vectors(WORDS, VECTORS)
    return vectors


def check(path: Path) -> None:
    table = read(path)
    assert list(table.words) == WORDS
    assert np.array_equal(table.vectors, VECTORS)
    assert table.vectors.dtype == np.float32


def lines() -> list[str]:
    return [f"{word} {' '.join(map(repr, row.tolist()))}" for word, row in zip(WORDS, VECTORS, strict=True)]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_word2vec_files_as_gensim_writes_them(tmp_path: Path, keyed: KeyedVectors, binary: bool, packed: bool) -> None:
    """The format is recognised by the first bytes, whatever the name of the file."""
    path = tmp_path / ("vectors.dat.gz" if packed else "vectors.dat")
    keyed.save_word2vec_format(str(path), binary=binary)
    assert path.read_bytes().startswith(b"\x1f\x8b") == packed
    check(path)


@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
def test_glove_text_has_no_first_line(tmp_path: Path, end: str) -> None:
    (tmp_path / "glove.txt").write_bytes("".join(line + end for line in lines()).encode())
    check(tmp_path / "glove.txt")


def test_words_may_hold_spaces_as_in_glove_840b(tmp_path: Path) -> None:
    (tmp_path / "glove.txt").write_text("sea 1 2\n. . . 3 4\nat name@domain.com 5 6\n")
    assert read(tmp_path / "glove.txt").words == ["sea", ". . .", "at name@domain.com"]


def test_of_a_word_that_stands_twice_the_first_vector_counts(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("3 2\nsea 1 2\nsea 3 4\nlion 5 6\n")
    table = read(tmp_path / "v.txt")
    assert table.words == ["sea", "lion"]
    assert table.vectors.tolist() == [[1, 2], [5, 6]]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("toy-model.vec", {}),
        ("crime-and-punishment.vec", {}),
        ("word2vec_pre_kv_c", {}),
        ("euclidean_vectors.bin", {"binary": True}),
        ("poincare_vectors.bin", {"binary": True}),
        ("test_glove.txt", {"no_header": True}),
    ],
)
def test_gensims_own_files_are_read_as_gensim_reads_them(name: str, options: dict[str, bool]) -> None:
    expected = KeyedVectors.load_word2vec_format(datapath(name), **options)
    table = read(Path(datapath(name)))
    assert table.words == expected.index_to_key
    assert np.array_equal(table.vectors, expected.vectors)


@pytest.mark.parametrize("name", ["toy-model.bin", "lee_fasttext_new.bin", "crime-and-punishment.bin"])
def test_fasttext_models_embed_words_they_have_never_met(name: str) -> None:
    expected = load_facebook_vectors(datapath(name))
    table = read(Path(datapath(name)))
    assert table.words == expected.index_to_key
    assert np.array_equal(table.vectors, expected.vectors)
    assert table.subwords is not None
    for word in ("nightingale", "Überraschung", "яблоко"):
        assert np.allclose(table.subwords.vector(word), expected.get_vector(word), rtol=1e-5, atol=1e-7)


def model(cut: int | None = None, patch: tuple[int, bytes] | None = None) -> Callable[[Path], None]:
    """Return a fastText model, truncated or with changed bytes."""

    def write(path: Path) -> None:
        data = bytearray(Path(datapath("toy-model.bin")).read_bytes())
        if patch:
            data[patch[0] : patch[0] + len(patch[1])] = patch[1]
        path.write_bytes(data[:cut])

    return write


def text(content: str | bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content) and None


def binary(first: bytes) -> Callable[[Path], None]:
    """Return word2vec's binary format of three words with two numbers each, under another first line."""
    words = (word + b" " + struct.pack("<2f", 1.5, n + 0.25) + b"\n" for n, word in enumerate((b"sea", b"bee", b"ox")))
    return text(first + b"".join(words))


def native(path: Path) -> None:
    vectors = KeyedVectors(2)
    vectors.add_vectors(["sea"], np.ones((1, 2), dtype=np.float32))
    vectors.save(str(path))


def old_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(KeyedVectors(2), protocol=0))


def packed_model(path: Path) -> None:
    path.write_bytes(gzip.compress(Path(datapath("toy-model.bin")).read_bytes()))


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (text(""), "has no words"),
        (text("0 5\n"), "has no words"),
        (text("3 2\nsea 1 2\nlion 3 4\n"), "says 3 words, the file has 2"),
        (text("1 2\nsea 1 2\nlion 3 4\n"), "says 1 words, the file has 2"),
        (text("2 3\nsea 1 2\nlion 3 4\n"), "line 2 is not a word and 3 numbers"),
        (text("2 0\nsea\nlion\n"), "line 2 is not a word"),
        (text("sea 1 2\nlion 3\n"), "line 2 is not a word and 2 numbers"),
        (text("sea 1 2\nlion 3 x\n"), "line 2 is not a word and 2 numbers"),
        (text("sea 1 2\n 3 4\n"), "line 2 is not a word and 2 numbers"),
        (text("sea 1 2\nlion 3 nan\n"), "vector of 'lion' is not finite"),
        (text("sea 1 2\nlion 3 1e99\n"), "vector of 'lion' is not finite"),
        (text("Dear reader, these are no vectors.\n"), "line 1 is not a word"),
        (text(bytes(range(250, 0, -1)) * 20), "line 1 is not a word"),
        (text(b"2 3\nsea " + struct.pack("<3f", 1, 2, 3) + b"lion " + struct.pack("<2f", 4, 5)), "cannot be read"),
        (text(b"99999999 300\nsea " + struct.pack("<300f", *range(300))), "which the file cannot hold"),
        (text(b"1 2\nsea " + struct.pack("<2f", 1, np.inf) + b"\n"), "vector of 'sea' is not finite"),
        (binary(b"1 2\n"), "1 words × 2 numbers, the file has more"),
        (binary(b"2 1\n"), "2 words × 1 numbers, the file has more"),
        (text(gzip.compress(b"sea 1 2\nlion 3 4\n" * 99)[:-12]), "cannot be read"),
        (text(gzip.compress(b"1 2\nsea " + struct.pack("<2f", 1, 2))), r"use \.gz for gzipped files only"),
        (native, "save_word2vec_format"),
        (old_pickle, "save_word2vec_format"),
        (text(gzip.compress(pickle.dumps({"sea": 1}))), "save_word2vec_format"),
        (packed_model, "decompress it first"),
        (model(cut=40), "cannot be read"),
        (model(cut=200), "vocabulary is truncated"),
        (model(cut=1500), "matrix is truncated"),
        (model(patch=(8, struct.pack("<i", -5))), "cannot be read"),
        (model(patch=(8, struct.pack("<i", 6))), "cannot be read"),
        (model(patch=(64, struct.pack("<i", 2**30))), "vocabulary is truncated"),
    ],
)
def test_a_bad_file_is_an_error_of_one_line(tmp_path: Path, write: Callable[[Path], None], reason: str) -> None:
    path = tmp_path / "vectors"
    write(path)
    with pytest.raises(InputError, match=reason) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    """A pickle that would make a folder when loaded is not loaded."""

    class Trap:
        def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
            return Path.mkdir, (tmp_path / "sprung",)  # type: ignore[return-value]

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / "vectors.kv").write_bytes(pickle.dumps(Trap(), protocol=protocol))
        with pytest.raises(InputError):
            read(tmp_path / "vectors.kv")
    assert not (tmp_path / "sprung").exists()


def test_reading_leaves_nothing_behind(tmp_path: Path) -> None:
    shutil.copy(datapath("toy-model.bin"), tmp_path)
    read(tmp_path / "toy-model.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["toy-model.bin"]
