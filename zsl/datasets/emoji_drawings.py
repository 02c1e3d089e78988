"""Rendering of icons from packages (SVG bodies with view boxes) as pictures on white."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Any

from PIL import Image

from zsl.errors import InputError
from zsl.features.rows import Picture

SIDE = 224
"""side of the rendered square in pixels"""
RENDERER = "resvg 0.5 on white"
"""part of the digest of a picture, because another renderer makes other pixels"""


def svg(icons: Mapping[str, Any], name: str) -> str:
    """Return the drawing ``name`` of an icon set as an SVG document, ``SIDE`` pixels wide and high.

    A view box that is not square keeps its aspect ratio and is centred. Icons without ``width`` and ``height`` have
    those of the set (16 if not given).

    Raises:
        InputError: the set has no such drawing.
    """
    try:
        icon = icons["icons"][name]
        body = icon["body"]
    except (KeyError, TypeError) as error:
        raise InputError(
            f"emoji: drawing {name!r} is not in the package {icons.get('prefix', '?')}; correct the table"
        ) from error
    left, top, width, height = (icon.get(k, icons.get(k, d)) for k, d in _BOX.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{SIDE}" '
        f'height="{SIDE}" viewBox="{left} {top} {width} {height}">{body}</svg>'
    )


_BOX = {"left": 0, "top": 0, "width": 16, "height": 16}


def picture(document: str) -> Picture:
    """Return a drawing as a picture that is rendered when opened."""
    return Picture(hashlib.sha256(f"{RENDERER}\n{document}".encode()).hexdigest(), lambda: render(document))


def render(document: str) -> Image.Image:
    """Render a document as a square RGB image of ``SIDE`` pixels; system fonts are not used, so that it is portable.

    Raises:
        InputError: resvg-py is not installed, or the document is not valid SVG.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise InputError("emoji: rendering needs resvg-py; pip install 'zsl[emoji]'") from error
    try:
        png = resvg_py.svg_to_bytes(svg_string=document, background="white", skip_system_fonts=True)
    except ValueError as error:
        raise InputError(f"emoji: a drawing cannot be rendered ({error})") from error
    return Image.open(io.BytesIO(bytes(png))).convert("RGB")
