"""Validation of points of a search space: training on a stage, and metrics of its held-out images."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pytorch_lightning import Callback

from zsl.data.protocol import HeldOut, Stage
from zsl.errors import DivergedError, EnoughError, InputError, PrunedError
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.scoring import score
from zsl.methods.method import ZSLModel
from zsl.selection.epochs import BestEpoch, Finish, Objective, SharedSteps, ShouldContinue, ValidationScores, finalize
from zsl.selection.space import Hyperparameters, of_correction, of_method
from zsl.selection.trials import Trial

Train = Callable[[Hyperparameters, Sequence[Callback]], ZSLModel]
"""(hyperparameters, callbacks) -> a method trained on the stage"""
Build = Callable[[Hyperparameters], ZSLModel]
"""hyperparameters -> the untrained method for the stage"""
Solve = Callable[[Iterable[Hyperparameters]], Iterator[ZSLModel] | None]
"""points -> the method trained at each point, with shared decompositions; None if it has no such solver"""


@dataclass(frozen=True)
class Validation:
    """Trains with any hyperparameters on one stage, and validates on the held-out images of the stage.

    Args:
        stage: the stage of the protocol.
        train: trains the method.
        correction: correction of the scores; hyperparameters that it leaves open are chosen on the held-out images.
        objective: metric by which the number of epochs is chosen, for gradient training.
        patience: epochs without an improvement after which training stops, or None for all.
        every: epochs from one validation to the next, or None for a tenth of all.
        solve: trains the method at several points at once, where the method can.
        finish: finishes the method before each validation.
        build: builds the untrained method; with it, points of a grid may share their gradient steps.

    Raises:
        InputError: ``patience`` or ``every`` is below 1, or the objective needs images of seen classes, of which the
            stage holds out none.
    """

    stage: Stage
    train: Train
    correction: Correction
    objective: Objective = "T1"
    patience: int | None = 10
    every: int | None = 1
    solve: Solve | None = None
    finish: Finish = finalize
    build: Build | None = None

    def __post_init__(self) -> None:
        for key, value in (("patience", self.patience), ("every", self.every)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InputError(f"selection.{key}={value}: must be a whole number of at least 1")
        if not self.stage.held_out.seen_images:
            self._require_unseen_images_alone()

    def _require_unseen_images_alone(self) -> None:
        """Refuse what is chosen on held-out images of seen classes."""
        opened = [f"correction.{key}=null" for key, value in vars(self.correction).items() if value is None]
        if self.objective != "T1" or opened:
            key, cure = (opened[0], "a number") if opened else (f"selection.objective={self.objective}", "T1")
            raise InputError(
                f"{key}: needs held-out images of train classes, and those have too few images to hold one out; raise "
                f"protocol.seen_holdout, give more images (data.shots), or give {cure}"
            )

    def trials(self, points: Iterable[tuple[Hyperparameters, ShouldContinue | None]]) -> Iterator[Trial]:
        """Yield a trial for every point, in order, and record whether it diverged or was pruned.

        Points are drawn from the iterator when they are needed, several at once where the method solves for several at
        once. Keys such as ``correction.k`` are hyperparameters of the correction; those that it leaves open are chosen
        on the held-out images.
        """
        images = self.stage.held_out.load()
        points, taken = iter(points), deque[Hyperparameters]()

        def methods() -> Iterator[Hyperparameters]:
            for point, _ in points:
                taken.append(point)
                yield of_method(point)

        solved = self.solve(methods()) if self.solve else None
        if solved is None:
            yield from (self._trained(point, should_continue, images) for point, should_continue in points)
            return
        for model in solved:
            point = taken.popleft()
            tried = replaced(self.correction, of_correction(point))
            yield ValidationScores.of(score(model, images), tried).trial(point, tried)

    def grid(self, points: Sequence[Hyperparameters]) -> Iterator[Trial]:
        """Yield a trial for every point of a list, in order, and share gradient steps between points where possible.

        Consecutive points that differ only in what follows the gradient steps, such as the head or the correction, are
        trained once.
        """
        untrained = self.build(of_method(points[0])) if self.build and points else None
        if untrained is None or not untrained.epochs:
            yield from self.trials((point, None) for point in points)
            return

        def steps(point: Hyperparameters) -> Hyperparameters:
            after = untrained.afterwards
            return {key: value for key, value in of_method(point).items() if key.split(".")[0] not in after}

        images = self.stage.held_out.load()
        for _, group in itertools.groupby(points, steps):
            alike = list(group)
            yield from self._sharing(alike, images) if alike[1:] else [self._trained(alike[0], None, images)]

    def _sharing(self, points: Sequence[Hyperparameters], images: HeldOut) -> Iterator[Trial]:
        assert self.build is not None
        corrections = [replaced(self.correction, of_correction(point)) for point in points]
        watches = [self._watch(images, correction) for correction in corrections]
        shared = SharedSteps(watches, [partial(self.build, of_method(point)) for point in points])
        try:
            self.train(of_method(points[0]), [shared])
        except DivergedError as error:
            shared.diverged |= {place: error for place, watch in enumerate(watches) if not watch.out_of_patience}
        except EnoughError:
            pass
        for place, (point, correction, watch) in enumerate(zip(points, corrections, watches, strict=True)):
            if place in shared.diverged:
                yield Trial(point, diverged=str(shared.diverged[place]))
            else:
                assert watch.best is not None
                yield watch.best.trial({**point, "epochs": watch.epochs}, correction, reached=watch.reached)

    def _watch(
        self, images: HeldOut, correction: Correction, should_continue: ShouldContinue | None = None
    ) -> BestEpoch:
        options = self.patience, correction, self.every, self.finish, should_continue
        return BestEpoch(images, self.objective, *options, scores_alone=True)

    def _trained(self, point: Hyperparameters, should_continue: ShouldContinue | None, images: HeldOut) -> Trial:
        tried = replaced(self.correction, of_correction(point))
        watch = self._watch(images, tried, should_continue)
        pruned = None
        try:
            model = self.train(of_method(point), [watch])
        except DivergedError as error:
            return Trial(point, diverged=str(error))
        except PrunedError:
            pruned = watch.measured_at
        except EnoughError:
            pass
        if watch.best is None:
            return ValidationScores.of(score(model, images), tried).trial(point, tried)
        return watch.best.trial({**point, "epochs": watch.epochs}, tried, pruned, watch.reached)


def replaced(correction: Correction, hyperparameters: Hyperparameters) -> Correction:
    """Return a correction with some of its hyperparameters replaced."""
    return type(correction)(**{**vars(correction), **hyperparameters})
