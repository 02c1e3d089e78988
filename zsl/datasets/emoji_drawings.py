"""Icons as packages hold them (a body of SVG and its box) -> pictures on white."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Any

from PIL import Image

from zsl.errors import InputError
from zsl.features.rows import Picture

SIDE = 224
"""pixels of the rendered square"""
RENDERER = "resvg 0.5 on white"
"""goes into the digest of a picture: another way of rendering makes other pictures"""


def svg(icons: Mapping[str, Any], name: str) -> str:
    """The drawing ``name`` of an icon set as a document of its own, ``SIDE`` pixels wide and high.

    A box that is not square keeps its shape and is centred. The set's ``width`` and ``height`` (16 where they are not
    given) hold for icons without their own.

    Raises:
        InputError: the set has no such drawing.
    """
    try:
        icon = icons["icons"][name]
        body = icon["body"]
    except (KeyError, TypeError) as error:
        raise InputError(f"emoji: drawing {name!r} is not in the package {icons.get('prefix', '?')}") from error
    left, top, width, height = (icon.get(k, icons.get(k, d)) for k, d in _BOX.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{SIDE}" '
        f'height="{SIDE}" viewBox="{left} {top} {width} {height}">{body}</svg>'
    )


_BOX = {"left": 0, "top": 0, "width": 16, "height": 16}


def picture(document: str) -> Picture:
    """The drawing as a picture; it is rendered when it is opened."""
    return Picture(hashlib.sha256(f"{RENDERER}\n{document}".encode()).hexdigest(), lambda: render(document))


def render(document: str) -> Image.Image:
    """A square RGB image of ``SIDE`` pixels; the same on every machine, for no font of the machine is used.

    Raises:
        InputError: resvg-py is not installed, or the document is not SVG.
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
