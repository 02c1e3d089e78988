"""Rendering of icons."""

from __future__ import annotations

import numpy as np
import pytest

from zsl.datasets.emoji_drawings import SIDE, picture, render, svg
from zsl.errors import InputError

pytest.importorskip("resvg_py", reason="pip install 'zsl[emoji]'")

RED_LEFT = '<path fill="#f00" d="M0 0h5v10H0z"/>'


def pixels(icons: dict[str, object], name: str = "pen") -> np.ndarray:
    return np.asarray(render(svg(icons, name)))


def test_the_box_fills_the_square_and_the_rest_is_white() -> None:
    seen = pixels({"icons": {"pen": {"body": RED_LEFT}}, "width": 10, "height": 10})
    assert seen.shape == (SIDE, SIDE, 3)
    assert (seen[:, : SIDE // 2] == (255, 0, 0)).all()
    assert (seen[:, SIDE // 2 :] == 255).all()


def test_an_icons_own_box_comes_before_the_sets() -> None:
    icon = {"body": RED_LEFT, "width": 5, "height": 5}
    assert (pixels({"icons": {"pen": icon}, "width": 10, "height": 10}) == (255, 0, 0)).all()


def test_a_corner_moves_the_box() -> None:
    assert (pixels({"icons": {"pen": {"body": RED_LEFT, "left": 5, "width": 5, "height": 5}}}) == 255).all()


def test_a_box_that_is_not_square_is_centred() -> None:
    seen = pixels({"icons": {"pen": {"body": RED_LEFT, "width": 5, "height": 10}}})
    quarter = SIDE // 4
    assert (seen[:, quarter:-quarter] == (255, 0, 0)).all()
    assert (seen[:, :quarter] == 255).all()
    assert (seen[:, -quarter:] == 255).all()


def test_links_inside_a_drawing_work() -> None:
    body = '<defs><path id="a" fill="#f00" d="M0 0h16v16H0z"/></defs><use xlink:href="#a"/>'
    assert (pixels({"icons": {"pen": {"body": body}}}) == (255, 0, 0)).all()


def test_text_is_not_drawn_for_fonts_differ_between_machines() -> None:
    assert (pixels({"icons": {"pen": {"body": '<text x="1" y="12" font-size="12">A</text>'}}}) == 255).all()


@pytest.mark.parametrize("icons", [{"icons": {}}, {"icons": {"pen": {}}}, {}, {"icons": {"pen": 3}}, {"icons": []}])
def test_a_drawing_that_is_not_there_is_named(icons: dict[str, object]) -> None:
    with pytest.raises(InputError, match="drawing 'pen' is not in"):
        svg(icons, "pen")


def test_what_is_not_svg_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="cannot be rendered") as caught:
        render(svg({"icons": {"pen": {"body": "<path"}}}, "pen"))
    assert "\n" not in str(caught.value)


def test_the_digest_tells_drawings_apart_and_is_the_same_tomorrow() -> None:
    one, same, other = picture("<svg a/>"), picture("<svg a/>"), picture("<svg b/>")
    assert one.digest == same.digest != other.digest
