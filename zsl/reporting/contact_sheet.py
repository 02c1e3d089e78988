"""Contact sheet: a self-contained HTML page of images with the predictions of a model."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL.Image import Image

from zsl import __version__
from zsl.reporting.html.page import environment

SIDE = 240
"""pixels of the longer side of a thumbnail, at most"""


@dataclass(frozen=True)
class Entry:
    """One image of the sheet.

    Attributes:
        path: path of the image file.
        image: the image, upright, in RGB.
        labels: predicted classes, the best first.
        confidence: confidence of each predicted class, in [0, 1].
        margin: score of the best seen class minus that of the best unseen class, or None.
        truth: name of the folder of the image, where it is one of the candidate classes; otherwise None.
    """

    path: str
    image: Image
    labels: Sequence[str]
    confidence: Sequence[float]
    margin: float | None = None
    truth: str | None = None

    @property
    def wrong(self) -> bool:
        """Whether the true class is known and is not the first prediction."""
        return self.truth is not None and self.labels[0] != self.truth

    @property
    def thumbnail(self) -> str:
        """Image as a data URI, at most :data:`SIDE` pixels long."""
        small = self.image.copy()
        small.thumbnail((SIDE, SIDE))
        content = io.BytesIO()
        small.save(content, "JPEG", quality=82)
        return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()


def contact_sheet(entries: Sequence[Entry], title: str, calibrated: bool) -> str:
    """Return an HTML page of images with their predictions; errors come first, the most confident on top.

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
