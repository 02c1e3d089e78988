"""A law, and what happens where one does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Law: TypeAlias = Callable[[T], None]
"""a function that raises an error where its subject does not fulfil it; its docstring begins with "Require that" """


def require(holds: bool, found: str) -> None:
    """Refuse a subject that does not fulfil a law.

    Args:
        holds: whether it does.
        found: what was found instead, for the message.

    Raises:
        AssertionError: ``holds`` is false.
    """
    if not holds:
        raise AssertionError(found)


def sentence(law: Callable[..., None]) -> str:
    """Return the law that a function holds its subject to, as its docstring states it in the first line."""
    return (law.__doc__ or "").partition("\n")[0].removeprefix("Require that ").rstrip(".")


def hold(law: Law[T], subject: T) -> None:
    """Hold a subject to one law.

    Raises:
        AssertionError: the subject does not fulfil it; the message names the subject, the law, and what was found.
    """
    try:
        law(subject)
    except Exception as error:
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        raise AssertionError(f"{subject}: this law does not hold: {sentence(law)}. {kind}{error}") from error


def hold_all(laws: Iterable[Law[T]], subject: T) -> None:
    """Hold a subject to several laws, in their order.

    Raises:
        AssertionError: one is not fulfilled.
    """
    for law in laws:
        hold(law, subject)
