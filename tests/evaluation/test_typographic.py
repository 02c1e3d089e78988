"""Typographic attacks: what is drawn, where, and what the rates mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

import zsl
from tests.backbones.mean_colour import MeanColour
from zsl.api import typographic as api
from zsl.errors import InputError
from zsl.evaluation.typographic import (
    Writing,
    attack_rates,
    bundled_fonts,
    drawn_targets,
    drawn_writing,
    shuffled,
    written,
)
from zsl.methods import ESZSL

GREY = (90, 120, 130)


def changed(image: Image.Image, made: Image.Image) -> np.ndarray:
    return np.asarray(image) != np.asarray(made)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(0, 500), st.integers(60, 300), st.integers(60, 300))
def test_a_word_is_written_inside_the_image(
    monkeypatch: pytest.MonkeyPatch, seed: int, number: int, width: int, height: int
) -> None:
    calls: list[tuple[Any, ...]] = []
    draw = ImageDraw.ImageDraw.multiline_text

    def spied(self: ImageDraw.ImageDraw, at: tuple[float, float], text: str, **style: Any) -> None:
        calls.append((at, text, style))
        draw(self, at, text, **style)

    image, writing = Image.new("RGB", (width, height), GREY), drawn_writing(seed, number, bundled_fonts())
    with monkeypatch.context() as patch:
        patch.setattr(ImageDraw.ImageDraw, "multiline_text", spied)
        made = written(image, "barn owl", writing)
    assert (image.getcolors(), made.size) == ([(width * height, GREY)], image.size)
    ((x, y), text, style) = calls[0]
    assert len(calls) == 1
    assert text == "barn\nowl"
    larger = Image.new("RGB", (width + 200, height + 200), GREY)
    bare = larger.copy()
    ImageDraw.Draw(larger).multiline_text((x + 100, y + 100), text, **style)
    assert changed(bare, larger).sum() == changed(image, made).sum() > 0  # nothing lies outside the image
    assert written(image, "barn owl", writing).tobytes() == made.tobytes()


@pytest.mark.parametrize("place", [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
def test_a_place_is_a_share_of_the_room(place: tuple[float, float]) -> None:
    image = Image.new("RGB", (200, 100), GREY)
    made = written(image, "owl", Writing(bundled_fonts()[0], 40, place, "white", "black", 0))
    rows, columns, _ = np.nonzero(changed(image, made))
    edges = (columns.min() <= 3, columns.max() >= 196), (rows.min() <= 3, rows.max() >= 96)
    assert edges[0] == ((True, False), (False, True))[int(place[0])]
    assert edges[1] == ((True, False), (False, True))[int(place[1])]


def test_long_words_shrink_until_they_fit() -> None:
    image = Image.new("RGB", (120, 120), GREY)
    long = "rufous hummingbirdhummingbird"
    made = written(image, long, Writing(bundled_fonts()[2], 40, (1, 0), "white", "red", 0))
    rows, columns, _ = np.nonzero(changed(image, made))
    assert 100 < columns.max() - columns.min() < 120
    assert rows.min() <= 3


def test_the_seed_determines_all() -> None:
    fonts = bundled_fonts()
    drawn = [drawn_writing(0, i, fonts) for i in range(300)]
    assert drawn == [drawn_writing(0, i, fonts) for i in range(300)]
    assert drawn[5] != drawn_writing(1, 5, fonts)
    assert {writing.font for writing in drawn} == set(fonts)
    assert {writing.size for writing in drawn} == set(range(20, 41))
    assert len({writing.fill for writing in drawn}) == 8
    assert all(writing.fill != writing.stroke for writing in drawn)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(0, 1000))
def test_a_target_is_never_the_own_class(own: list[int], seed: int) -> None:
    targets = drawn_targets(seed, np.array(own), 5)
    assert (targets != own).all()
    assert set(targets.tolist()) <= set(range(5))


def test_every_wrong_class_is_drawn_equally_often() -> None:
    counts = np.bincount(drawn_targets(0, np.zeros(4000, int), 5), minlength=5)
    assert counts[0] == 0
    assert (abs(counts[1:] - 1000) < 100).all()


@given(st.text(alphabet="ab cd", min_size=1), st.integers(0, 100))
def test_a_control_has_the_letters_of_the_word_and_its_spaces(word: str, order: int) -> None:
    control = shuffled(word, order)
    assert sorted(control) == sorted(word)
    assert (control != word) == (len(set(word) - {" "}) > 1)
    assert [letter.isspace() for letter in control] == [letter.isspace() for letter in word]


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 5), min_size=1, max_size=20))
def test_rates_by_loops(images: list[tuple[int, ...]]) -> None:
    own, targets, clean, attacked, control = map(np.array, zip(*images, strict=True))
    found, n = attack_rates(own, targets, clean, attacked, control), len(images)
    assert found["clean"] == pytest.approx(100 * sum(o == c for o, _, c, _, _ in images) / n)
    assert found["attacked"] == pytest.approx(100 * sum(o == a for o, _, _, a, _ in images) / n)
    assert found["control"] == pytest.approx(100 * sum(o == k for o, _, _, _, k in images) / n)
    assert found["word_attacked"] == pytest.approx(100 * sum(t == a for _, t, _, a, _ in images) / n)
    assert found["word_clean"] == pytest.approx(100 * sum(t == c for _, t, c, _, _ in images) / n)
    assert found["word_control"] == pytest.approx(100 * sum(t == k for _, t, _, _, k in images) / n)
    right = [(t, a) for o, t, c, a, _ in images if o == c]
    assert ("flipped" in found) == bool(right)
    if right:
        assert found["flipped"] == pytest.approx(100 * sum(t == a for t, a in right) / len(right))


COLOURS = {"red": (220, 20, 20), "green": (20, 220, 20), "blue": (20, 20, 220)}


@pytest.fixture(scope="module")
def seeing() -> zsl.Predictor:
    """A model that tells colours apart."""
    x, names = np.array(list(COLOURS.values()), float), list(COLOURS)
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    model = zsl.fit(ESZSL(), x[y] + rng.normal(size=(60, 3)), y, classes=names, phi=np.eye(3), scale="l2")
    return zsl.Predictor(**{**vars(model), "backbone": MeanColour()})


def opened(name: str) -> Image.Image:
    return Image.new("RGB", (64, 64), COLOURS[name])


def test_a_model_that_reads_is_told_from_others(seeing: zsl.Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    y = ["red", "green", "blue"] * 30
    images = [lambda name=name: opened(name) for name in y]
    asked = {"models": {"m": seeing}, "images": images, "y": y, "labels": list(COLOURS)}
    (blind,) = zsl.typographic(**asked)
    assert (blind["images"], blind["clean"], blind["word_clean"]) == (90, 100, 0)
    assert blind["word_attacked"] < 20

    def read(image: Image.Image, word: str, _: Writing) -> Image.Image:
        return opened(word) if word in COLOURS else image

    monkeypatch.setattr(api, "written", read)
    (reader,) = zsl.typographic(**asked)
    assert [reader[name] for name in ("clean", "attacked", "control")] == [100, 0, 100]
    assert (reader["word_attacked"], reader["word_control"], reader["flipped"]) == (100, 0, 100)
    rows = zsl.typographic(**asked, by_word=True)
    assert [row["word"] for row in rows] == ["all", *COLOURS]
    assert sum(int(row["images"] or 0) for row in rows[1:]) == 90


def test_batches_change_nothing(seeing: zsl.Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    y = ["red", "green", "blue"] * 5
    images = [lambda name=name: opened(name) for name in y]
    whole = zsl.typographic({"m": seeing}, images, y, list(COLOURS), seed=3)
    monkeypatch.setattr(api, "AT_ONCE", 4)
    assert zsl.typographic({"m": seeing}, images, y, list(COLOURS), seed=3) == whole


def test_a_mistake_is_one_line(seeing: zsl.Predictor) -> None:
    for y, labels, fonts, message in (
        (["red"], ["red"], (), "labels: 1 class"),
        (["grey"], ["red", "blue"], (), "'grey'"),
        ([], ["red", "blue"], (), "images: 1 with 0 classes"),
        (["red"], ["red", "blue"], ("none.ttf",), "fonts: none.ttf"),
        (["red"], ["red", "grey"], (), "grey"),
    ):
        with pytest.raises(InputError, match=message):
            zsl.typographic({"m": seeing}, [lambda: opened("red")], y, labels, fonts=fonts)
