"""Terminal output of ``zsl train``: results on standard output, log messages on standard error."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

from rich.console import Console, ConsoleRenderable
from rich.logging import RichHandler
from rich.text import Text

from zsl.errors import printable
from zsl.files.redaction import without_secrets
from zsl.outputs.chance import at_chance, levels
from zsl.outputs.result import Result
from zsl.outputs.statistics import over_seeds

SHOWN = ("T1", "u", "s", "H", "AUSUC", "u_calibrated", "s_calibrated", "H_calibrated")


def print_result(result: Result, output: Path, before: str = "", after: str = "") -> None:
    """Print a result on one line, and the path of its file on the next."""
    guess, marked = levels([result]), at_chance([result], over_seeds([result.metrics]))
    figures = "  ".join(
        (f"{name} {value:.3f}" if "AUSUC" in name else f"{name} {value:.1f}")
        + (f" (chance is {guess[name.rstrip('†')]:.1f})" if name in marked and name.rstrip("†") in guess else "")
        for name, value in result.metrics.items()
        if name.rstrip("†") in SHOWN
    )
    corrected = "" if result.correction == "none" else f" + {result.correction}"
    print_line(
        before,
        (result.method, "bold"),
        f"{corrected} on {result.data_title} ({result.class_embedding}, {result.setting}, {result.protocol}, "
        f"selection: {result.selection.policy}, seed {result.seed}): {figures}\n{output}/result.json{after}",
    )


def print_line(*parts: str | tuple[str, str]) -> None:
    """Print a line on standard output: text, never interpreted as markup, or (text, style) pairs."""
    shown = (part if isinstance(part, tuple) else (part, "") for part in parts)
    text = Text.assemble(*((_lines(words), style) for words, style in shown))
    Console().print(text, highlight=False, soft_wrap=True)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


class _Printable(logging.Formatter):
    """Formatter that escapes control characters and withholds secrets in log messages."""

    def format(self, record: logging.LogRecord) -> str:
        return _lines(without_secrets(super().format(record)))


class _Unwrapped(RichHandler):
    """Log handler that breaks no line, so that paths and commands can be copied."""

    def render(self, *, record: logging.LogRecord, message_renderable: ConsoleRenderable, **_: object) -> Text:
        """Return level and message as one text."""
        assert isinstance(message_renderable, Text)
        return Text.assemble(self.get_level_text(record), " ", message_renderable)


def show_log() -> None:
    """Send the log messages of the package to standard error."""
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|lightning_utilities")
    handler = _Unwrapped(console=Console(stderr=True, soft_wrap=True))
    handler.setFormatter(_Printable("%(message)s"))
    root = logging.getLogger("zsl")
    if not root.handlers:
        root.addHandler(handler)
        root.setLevel(logging.INFO)
