"""Names of the 1,000 classes of ImageNet-1k."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def imagenet1k() -> tuple[str, ...]:
    """Return the names in the order of the classes, as Radford et al. (2021) wrote them for prompts."""
    return _lines("imagenet1k.txt")


@cache
def imagenet1k_wnids() -> tuple[str, ...]:
    """Return the classes' numbers in WordNet 3.0, such as ``n01440764``, in the order of the classes."""
    return _lines("imagenet1k_wnids.txt")


def _lines(file: str) -> tuple[str, ...]:
    lines = (files("zsl.backbones") / file).read_text("utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))
