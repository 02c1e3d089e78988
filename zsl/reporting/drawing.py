"""Reproducible image files of figures: equal figures give identical bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from warnings import catch_warnings, filterwarnings

import matplotlib as mpl
from matplotlib.figure import Figure

UNDATED: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""format -> metadata that leave out the date"""


@contextmanager
def style() -> Iterator[None]:
    """Set the style in which a figure is drawn and saved: small font, text as text, no text parsed as a formula."""
    svg = {"svg.hashsalt": "zsl", "svg.fonttype": "none"}
    text = {"font.size": 8, "text.usetex": False, "text.parse_math": False}
    with mpl.rc_context({**svg, **text}), catch_warnings():  # type: ignore[dict-item]
        filterwarnings("ignore", "Glyph .* missing from")
        yield


def image(page: Figure, form: str) -> bytes:
    """Return the figure as an image file of the format ``form``, one of `UNDATED`."""
    content = io.BytesIO()
    page.savefig(content, format=form, dpi=150, metadata=UNDATED[form])
    return content.getvalue()
