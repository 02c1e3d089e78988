"""The losses of a gradient step, as Lightning passes them to callbacks."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def losses(outputs: Any) -> dict[str, Tensor]:
    """Return the losses of a step by name, on their device; a loss alone is ``loss``."""
    found = outputs if isinstance(outputs, dict) else {"loss": outputs}
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}
