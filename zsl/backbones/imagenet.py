"""Names of the 1,000 classes of ImageNet-1k."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def imagenet1k() -> tuple[str, ...]:
    """Return the names in the order of the classes, as Radford et al. (2021) wrote them for prompts."""
    lines = (files("zsl.backbones") / "imagenet1k.txt").read_text("utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))
