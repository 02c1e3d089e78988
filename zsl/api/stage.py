"""Stages of the protocol on a data set: a method is fitted on one part and scored on the other."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.api.fitting import Method, fitted
from zsl.api.scores import Scores, evaluate, score
from zsl.data import protocol
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import EmbeddedDataset
from zsl.data.training_set import Setting, TrainingSet
from zsl.evaluation.evaluate import Evaluation
from zsl.methods.method import Dimensions
from zsl.methods.recipe import recipe_of
from zsl.prediction.described import Described
from zsl.prediction.predictor import Predictor


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage of the protocol: what a method learns from, and the held-out images that it is asked about.

    Attributes:
        of: the stage as runs use it.
        source: its data set with the class embedding.
    """

    of: protocol.Stage
    source: EmbeddedDataset

    def __repr__(self) -> str:
        train, held_out = self.of.training(Setting.INDUCTIVE), self.of.held_out
        seen, n = held_out.seen_images, len(self.classes)
        return (
            f"{self.of.name}: learns from {len(train.examples)} images of {len(train.classes)} classes, is asked about "
            f"{seen} images of seen and {len(held_out.rows) - seen} of unseen classes, among {n} classes"
        )

    @property
    def classes(self) -> LabelSpace:
        """All classes of the stage, φ scaled as methods get it."""
        return self.of.classes

    @property
    def seen(self) -> Examples:
        """Held-out images of seen classes, features scaled as methods get them; labels are positions in ``classes``."""
        return self.of.held_out.seen()

    @property
    def unseen(self) -> Examples:
        """Held-out images of unseen classes, as ``seen``."""
        return self.of.held_out.unseen()

    def training(self, setting: Setting = Setting.INDUCTIVE) -> TrainingSet:
        """Return what a method of this setting may learn from, features and φ scaled."""
        return self.of.training(setting)

    def fit(self, method: Method, *, seed: int = 0, device: str = "cpu") -> Predictor:
        """Fit a method on what its setting may see of this stage.

        Args:
            method: with hyperparameters, such as ``ESZSL(gamma=1, lamb=1)``.
            seed: of the random state.
            device: ``"cpu"`` or ``"gpu"``.

        Raises:
            InputError: a hyperparameter is out of range, or training diverged.
        """
        place = {name: i for i, name in enumerate(self.source.dataset.classes.names)}
        known = self.source.descriptions.part([place[name] for name in self.classes.names])
        described = Described(known, self.of.phi, self.source.embedding_scale)
        dims, scaling = Dimensions(*self.of.dims), self.of.held_out.scaling
        return fitted(recipe_of(method), dims, self.training, self.classes, scaling, described, seed, device)

    def scores(self, predictor: Predictor) -> Scores:
        """Return the scores of all held-out images for all classes; images of seen classes come first.

        Raises:
            InputError: the predictor was fitted on other features or other classes.
        """
        return score(predictor, *self._held_out(), self.classes.names)

    def scores_of_unseen(self, predictor: Predictor) -> Scores:
        """Return the scores of the held-out images of unseen classes, for the unseen classes alone.

        Raises:
            InputError: the predictor was fitted on other features or other classes.
        """
        names = self.classes.take(self.classes.unseen_ids).names
        (x, y), first = self._held_out(), self.of.held_out.seen_images
        return score(predictor, x[first:], y[first:], names)

    def evaluate(self, predictor: Predictor) -> Evaluation:
        """Return every metric of a predictor on the held-out images, as a run does.

        Raises:
            InputError: the predictor was fitted on other features or other classes.
        """
        return evaluate(predictor, *self._held_out())

    def _held_out(self) -> tuple[Float32[Array, "n d"], list[str]]:
        data, rows = self.source.dataset, self.of.held_out.rows
        return data.features[rows], [data.classes.names[label] for label in data.labels[rows]]
