"""A page of photographs with the answers of a model: one self-contained HTML file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL.Image import Image

from zsl import __version__
from zsl.reporting.html.page import environment

SIDE = 240
"""pixels of the longer side of a thumbnail"""


@dataclass(frozen=True)
class Entry:
    """One photograph of the sheet.

    Attributes:
        path: of the image file.
        image: upright, in RGB.
        labels: answers, the best first.
        confidence: of each answer, in [0, 1].
        margin: best seen minus best unseen class, or None.
        truth: name of the folder that the image lies in, where it is one of the classes asked about; otherwise None.
    """

    path: str
    image: Image
    labels: Sequence[str]
    confidence: Sequence[float]
    margin: float | None = None
    truth: str | None = None

    @property
    def wrong(self) -> bool:
        """Tell whether the truth is known and is not the first answer."""
        return self.truth is not None and self.labels[0] != self.truth

    @property
    def thumbnail(self) -> str:
        """The image as a data URI, at most :data:`SIDE` pixels long."""
        small = self.image.copy()
        small.thumbnail((SIDE, SIDE))
        content = io.BytesIO()
        small.save(content, "JPEG", quality=82)
        return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()


def contact_sheet(entries: Sequence[Entry], title: str, calibrated: bool) -> str:
    """Return the page: every image with its answers; of labelled images the mistakes first, the most confident on top.

    Raises:
        InputError: Jinja is not installed.
    """
    mistakes = sorted((entry for entry in entries if entry.wrong), key=lambda entry: -entry.confidence[0])
    others = [entry for entry in entries if not entry.wrong]
    known = sum(entry.truth is not None for entry in entries)
    page: str = (
        environment()
        .get_template("contact_sheet.html")
        .render(
            title=title,
            mistakes=mistakes,
            others=others,
            known=known,
            calibrated=calibrated,
            version=__version__,
        )
    )
    return page
