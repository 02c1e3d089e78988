"""Figures as image files: the same figure gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from warnings import catch_warnings, filterwarnings

import matplotlib as mpl
from matplotlib.figure import Figure

UNDATED: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""format -> what to leave out of the file"""


@contextmanager
def style() -> Iterator[None]:
    """Small letters, and text that stays text, none of it read as a formula; a figure is drawn and written inside."""
    svg = {"svg.hashsalt": "zsl", "svg.fonttype": "none"}
    text = {"font.size": 8, "text.usetex": False, "text.parse_math": False}
    with mpl.rc_context({**svg, **text}), catch_warnings():  # type: ignore[dict-item]
        filterwarnings("ignore", "Glyph .* missing from")
        yield


def image(page: Figure, form: str) -> bytes:
    """The figure as a file of the format ``form``, one of `UNDATED`."""
    content = io.BytesIO()
    page.savefig(content, format=form, dpi=150, metadata=UNDATED[form])
    return content.getvalue()
