"""The contract of a correction: scores in, scores out, so that it composes with every method."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.scored_images import ScoreStream
from zsl.files.claimed_size import machine_memory

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
LARGE = 1 << 30
"""bytes from which on the memory that scores take is logged"""
COLUMNS, BESIDE = 64, 9
"""columns that are ranked together, and matrices of their size that this takes beside the scores"""
Correct = Callable[[Float64[Array, "rows classes"], int], Float64[Array, "rows classes"]]
"""(scores of consecutive images, number of the first one) -> corrected scores"""


@dataclass(frozen=True)
class Blocks:
    """Scores of all images, made block by block; every iteration is one pass, and makes them again."""

    shape: tuple[int, int]
    """images and classes"""
    make: Callable[[], Iterator[Float64[Array, "rows classes"]]]

    def __iter__(self) -> Iterator[Float64[Array, "rows classes"]]:
        return self.make()


class Correction(ABC):
    """A function of the scores (images × classes, greater is better) and the seen mask; never of labels.

    Scores may be of any kind: cosines, logits, negative distances. A correction of F and of aF + b, a > 0, orders the
    classes of every image alike, unless a hyperparameter that was given says what scores mean.

    What comes out has units of its own, so γ, temperature and objective are chosen on corrected validation scores.
    """

    transductive: ClassVar[bool]
    """whether an image's scores depend on the other images of the batch; if so, no table may call the run inductive"""

    @abstractmethod
    def fitted(self, blocks: Blocks, seen: Bool[Array, " classes"]) -> Correct:
        """Return what corrects blocks of scores, after reading what it depends on from all images.

        Args:
            blocks: scores of all images; each iteration is one pass over them.
            seen: whether a class had images in training.

        Raises:
            InputError: the scores cannot be corrected with these hyperparameters.
        """

    def __call__(
        self, scores: Float64[Array, "n classes"], seen: Bool[Array, " classes"], /
    ) -> Float64[Array, "n classes"]:
        """Return the corrected scores of a batch of images.

        Raises:
            InputError: the scores cannot be corrected with these hyperparameters.
        """
        return self.fitted(Blocks(scores.shape, lambda: iter([scores])), seen)(scores, 0)

    def corrected(self, scores: ScoreStream) -> ScoreStream:
        """Return the corrected scores of all images, made block by block, after a pass or two over all of them."""
        return CorrectedScores(scores, self)

    def require_chosen(self) -> None:  # noqa: B027
        """Check that nothing is left to be chosen on validation images; most corrections leave nothing.

        Raises:
            InputError: a hyperparameter is not chosen yet.
        """

    def chosen_on(self, validation: ScoreStream) -> Correction:  # noqa: ARG002
        """Return the correction with every open hyperparameter chosen on validation images."""
        return self


@dataclass(frozen=True)
class CorrectedScores(ScoreStream):
    """Scores after a correction, which reads the scores of all images first, once; they are no logits of a sigmoid."""

    scores: ScoreStream
    correction: Correction

    @property
    def labels(self) -> Int64[Array, " n"]:  # type: ignore[override]
        """Columns of the images' own classes."""
        return self.scores.labels

    @property
    def seen(self) -> Bool[Array, " classes"]:  # type: ignore[override]
        """Mask of the seen classes."""
        return self.scores.seen

    @cached_property
    def correct(self) -> Correct:
        """Return what corrects a block."""
        shape = len(self.scores.labels), len(self.scores.seen)
        return self.correction.fitted(Blocks(shape, self.scores.matrices), self.seen)

    def blocks(self) -> Iterator[Float64[Tensor, "rows classes"]]:
        """Yield corrected scores, in main memory."""
        import torch

        correct, start = self.correct, 0
        for block in self.scores.matrices():
            yield torch.from_numpy(correct(block, start))
            start += len(block)


def all_scores(name: str, blocks: Blocks) -> Float64[Array, "n classes"]:
    """Return all scores in memory, for a correction that ranks the images of a class.

    The memory that they take, with what :func:`in_columns` needs beside, is logged before they are made, where it is
    more than :data:`LARGE` bytes.

    Raises:
        InputError: they take more than the memory of the machine.
    """
    n, classes = blocks.shape
    size = 8 * n * (classes + BESIDE * min(COLUMNS, classes))
    if size > LARGE:
        log.warning("correction %s: ranks all images of a class, and takes %.1f GB of memory", name, size / 1e9)
    if size > (machine_memory() or size):
        raise InputError(
            f"correction={name}: takes {size / 1e9:.0f} GB for {blocks.shape[0]} images and {blocks.shape[1]} classes, "
            "more than this machine has; use correction=csls, or fewer classes"
        )
    scores, start = np.empty(blocks.shape), 0
    for block in blocks:
        scores[start : start + len(block)] = block
        start += len(block)
    return scores


def in_columns(
    scores: Float64[Array, "n classes"], of: Callable[[Float64[Array, "n some"]], Float64[Array, "n some"]]
) -> Float64[Array, "n classes"]:
    """Put what a function makes of some columns in their place, and return the matrix: it is never there twice."""
    for start in range(0, scores.shape[1], COLUMNS):
        scores[:, start : start + COLUMNS] = of(scores[:, start : start + COLUMNS])
    return scores


def require(holds: bool, must: str, **value: object) -> None:
    """Refuse a hyperparameter by name: ``require(k >= 1, "a whole number of at least 1", k=k)``.

    Raises:
        InputError: ``holds`` is false.
    """
    if not holds:
        ((name, given),) = value.items()
        raise InputError(f"correction.{name}={given}: must be {must}")


def require_count(**value: object) -> None:
    """Refuse a hyperparameter that is not a whole number of at least 1, by name.

    Raises:
        InputError: the value is another.
    """
    ((_, given),) = value.items()
    count = isinstance(given, int) and not isinstance(given, bool) and given >= 1
    require(count, "a whole number of at least 1", **value)


def is_finite(given: object) -> bool:
    """Return whether a hyperparameter is a finite number; booleans are not numbers."""
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
