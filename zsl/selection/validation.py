"""What a point of a search space is worth on held-out images: train there, correct, measure."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pytorch_lightning import Callback

from zsl.data.protocol import LoadedImages, Stage
from zsl.errors import DivergedError, EnoughError, InputError, PrunedError
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.scoring import score_opened
from zsl.methods.method import ZSLModel
from zsl.selection.epochs import BestEpoch, Finish, Hopeful, Measured, Objective, SharedSteps, finalize
from zsl.selection.space import Hyperparameters, of_correction, of_method
from zsl.selection.trials import Trial

Train = Callable[[Hyperparameters, Sequence[Callback]], ZSLModel]
"""hyperparameters and callbacks -> a method trained with them on the stage at hand"""
Begin = Callable[[Hyperparameters], ZSLModel]
"""hyperparameters -> the method, not trained, for the stage at hand"""
Solve = Callable[[Iterable[Hyperparameters]], Iterator[ZSLModel] | None]
"""points of a space -> a method trained with each in turn, where they share their decompositions"""


@dataclass(frozen=True)
class Validation:
    """Trains with any hyperparameters on one stage, and measures on its held-out images.

    Args:
        objective: by which the epoch is chosen, with gradients.
        patience: epochs without an improvement after which training ends.
        every: epochs from one measurement to the next.
        solve: where it has models for all points, they are taken from there.
        begin: what is trained; with it, points of a grid may have gradient steps in common.
        finish: what is done before a measurement.

    Raises:
        InputError: ``patience`` or ``every`` is below 1.
    """

    stage: Stage
    train: Train
    correction: Correction
    objective: Objective = "T1"
    patience: int = 10
    every: int = 1
    solve: Solve | None = None
    finish: Finish = finalize
    begin: Begin | None = None

    def __post_init__(self) -> None:
        for key, value in (("patience", self.patience), ("every", self.every)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"selection.{key}={value}: must be a whole number of at least 1")

    def trials(self, points: Iterable[tuple[Hyperparameters, Hopeful | None]]) -> Iterator[Trial]:
        """A trial for every point, in order; points are taken when they are needed, a few at once where a method
        solves for a few at once.

        Keys such as ``correction.k`` are hyperparameters of the correction; what it leaves open is chosen on the
        held-out images. A trial that diverges, or that is left without hope, says so.
        """
        images = self.stage.held_out.load()
        points, taken = iter(points), deque[Hyperparameters]()

        def methods() -> Iterator[Hyperparameters]:
            for point, _ in points:
                taken.append(point)
                yield of_method(point)

        solved = self.solve(methods()) if self.solve else None
        if solved is None:
            yield from (self._trained(point, hopeful, images) for point, hopeful in points)
            return
        for model in solved:
            point = taken.popleft()
            tried = replaced(self.correction, of_correction(point))
            yield Measured.of(score_opened(model, images), tried).trial(point, tried)

    def grid(self, points: Sequence[Hyperparameters]) -> Iterator[Trial]:
        """The same, where all points are known: those that follow each other and that gradient steps do not tell apart,
        as of two heads or of two corrections, have these in common.
        """
        begun = self.begin(of_method(points[0])) if self.begin and points else None
        if begun is None or not begun.epochs:
            yield from self.trials((point, None) for point in points)
            return

        def steps(point: Hyperparameters) -> Hyperparameters:
            after = begun.afterwards
            return {key: value for key, value in of_method(point).items() if key.split(".")[0] not in after}

        images = self.stage.held_out.load()
        for _, group in itertools.groupby(points, steps):
            alike = list(group)
            yield from self._sharing(alike, images) if alike[1:] else [self._trained(alike[0], None, images)]

    def _sharing(self, points: Sequence[Hyperparameters], images: LoadedImages) -> Iterator[Trial]:
        assert self.begin is not None
        corrections = [replaced(self.correction, of_correction(point)) for point in points]
        watches = [self._watch(images, correction) for correction in corrections]
        shared = SharedSteps(watches, [partial(self.begin, of_method(point)) for point in points])
        try:
            self.train(of_method(points[0]), [shared])
        except DivergedError as error:
            shared.diverged |= {place: error for place, watch in enumerate(watches) if not watch.tired}
        except EnoughError:
            pass
        for place, (point, correction, watch) in enumerate(zip(points, corrections, watches, strict=True)):
            if place in shared.diverged:
                yield Trial(point, diverged=str(shared.diverged[place]))
            else:
                assert watch.best is not None
                yield watch.best.trial({**point, "epochs": watch.epochs}, correction)

    def _watch(self, images: LoadedImages, correction: Correction, hopeful: Hopeful | None = None) -> BestEpoch:
        return BestEpoch(images, self.objective, self.patience, correction, self.every, self.finish, hopeful)

    def _trained(self, point: Hyperparameters, hopeful: Hopeful | None, images: LoadedImages) -> Trial:
        tried = replaced(self.correction, of_correction(point))
        watch = self._watch(images, tried, hopeful)
        pruned = None
        try:
            model = self.train(of_method(point), [watch])
        except DivergedError as error:
            return Trial(point, diverged=str(error))
        except PrunedError:
            pruned = watch.measured_at
        if watch.best is None:
            return Measured.of(score_opened(model, images), tried).trial(point, tried)
        return watch.best.trial({**point, "epochs": watch.epochs}, tried, pruned)


def replaced(correction: Correction, hyperparameters: Hyperparameters) -> Correction:
    """The same correction with these hyperparameters in place of its own."""
    return type(correction)(**{**vars(correction), **hyperparameters})
