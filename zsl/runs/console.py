"""What ``zsl train`` shows in a terminal: results on standard output, what the library reports on standard error."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

from zsl.errors import printable
from zsl.files.redaction import without_secrets
from zsl.outputs.chance import at_chance, levels
from zsl.outputs.result import Result
from zsl.outputs.statistics import over_seeds

SHOWN = ("T1", "u", "s", "H", "AUSUC", "u_calibrated", "s_calibrated", "H_calibrated")


def show(result: Result, output: Path, before: str = "", after: str = "") -> None:
    """A result in one line, and where it lies in another."""
    guess, marked = levels([result]), at_chance([result], over_seeds([result.metrics]))
    figures = "  ".join(
        (f"{name} {value:.3f}" if "AUSUC" in name else f"{name} {value:.1f}")
        + (f" (chance is {guess[name.rstrip('†')]:.1f})" if name in marked and name.rstrip("†") in guess else "")
        for name, value in result.metrics.items()
        if name.rstrip("†") in SHOWN
    )
    corrected = "" if result.correction == "none" else f" + {result.correction}"
    say(
        before,
        (result.method, "bold"),
        f"{corrected} on {result.data_title} ({result.class_embedding}, {result.setting}, {result.protocol}, "
        f"selection: {result.selection.policy}, seed {result.seed}): {figures}\n{output}/result.json{after}",
    )


def say(*parts: str | tuple[str, str]) -> None:
    """Show a line on standard output: text as it is, never read as markup, and text with a style."""
    shown = (part if isinstance(part, tuple) else (part, "") for part in parts)
    text = Text.assemble(*((_lines(words), style) for words, style in shown))
    Console().print(text, highlight=False, soft_wrap=True)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


class _Printable(logging.Formatter):
    """What a message quotes of files and folders does not move the cursor, and holds no secret."""

    def format(self, record: logging.LogRecord) -> str:
        return _lines(without_secrets(super().format(record)))


def show_log() -> None:
    """What the library reports goes to standard error."""
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|lightning_utilities")
    handler = RichHandler(console=Console(stderr=True), show_time=False, show_path=False)
    handler.setFormatter(_Printable("%(message)s"))
    root = logging.getLogger("zsl")
    if not root.handlers:
        root.addHandler(handler)
        root.setLevel(logging.INFO)
