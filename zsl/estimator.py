"""A scikit-learn estimator around every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Shaped
from numpy import ndarray as Array
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from zsl.api.fitting import fit
from zsl.data.scaling import EmbeddingScale, FeatureScale
from zsl.errors import InputError
from zsl.methods import ESZSL
from zsl.methods.recipe import Kind, Recipe
from zsl.prediction.arrays import array_of
from zsl.prediction.predictor import Predictor


class ZeroShotClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify images of classes that had no training image, by their class embeddings.

    Args:
        method: of ``zsl.methods``, with hyperparameters; by default ``ESZSL()``.
        scale: of features, fitted on training images.
        embedding_scale: of class embeddings, fitted on the seen classes.
        seed: of the random state.

    Attributes:
        classes_: all classes, seen and unseen, sorted.
        predictor_: the trained model, which can be saved.
    """

    def __init__(
        self,
        method: Recipe | Kind | None = None,
        *,
        scale: FeatureScale = "none",
        embedding_scale: EmbeddingScale = "none",
        seed: int = 0,
    ) -> None:
        self.method = method
        self.scale = scale
        self.embedding_scale = embedding_scale
        self.seed = seed

    def fit(
        self,
        X: Float[Array, "n d"],
        y: Shaped[Array, " n"],
        class_embeddings: Mapping[Any, Sequence[float]] | None = None,
    ) -> ZeroShotClassifier:
        """Fit the method.

        Args:
            X: features of images of seen classes.
            y: their classes.
            class_embeddings: class -> φ, of seen and of unseen classes. Without it every class has a φ of its own
                direction (one-hot), which tells the seen classes apart and nothing else.

        Raises:
            InputError: a class of ``y`` has no embedding, or arrays do not fit together.
        """
        X, y = self._checked(X, y)
        check_classification_targets(y)
        seen = unique_labels(y)
        if class_embeddings is None:
            class_embeddings = dict(zip(seen.tolist(), np.eye(len(seen)).tolist(), strict=True))
        if not isinstance(class_embeddings, Mapping):
            raise InputError("class_embeddings: is no mapping; give a dict from every class to its φ")
        missing = [label for label in seen.tolist() if label not in class_embeddings]
        if missing:
            raise InputError(f"class_embeddings: class {missing[0]!r} of y has none; give φ of every class")
        try:
            self.classes_ = np.array(sorted(class_embeddings))
        except TypeError as error:
            raise InputError("class_embeddings: classes are of several types; give names alone, or numbers") from error
        place = {label: i for i, label in enumerate(self.classes_.tolist())}
        phi = array_of("class_embeddings", [class_embeddings[label] for label in self.classes_.tolist()])
        self.predictor_: Predictor = fit(
            self.method if self.method is not None else ESZSL(),
            X,
            np.array([place[label] for label in y.tolist()], dtype=np.int64),
            classes=[str(i) for i in range(len(self.classes_))],
            phi=phi,
            scale=self.scale,
            phi_scale=self.embedding_scale,
            seed=self.seed,
        )
        return self

    def decision_function(self, X: Float[Array, "n d"]) -> Float64[Array, "n *classes"]:
        """Return F(x, y) for every class of ``classes_``; of two classes the second score minus the first."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict_proba(self, X: Float[Array, "n d"]) -> Float64[Array, "n classes"]:
        """Return softmax of the scores over all classes; rows sum to 1."""
        return np.asarray(softmax(self._scores(X), axis=1))

    def predict(self, X: Float[Array, "n d"]) -> Shaped[Array, " n"]:
        """Return the class with the highest score for every image, seen or unseen."""
        best = self._scores(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _scores(self, X: Float[Array, "n d"]) -> Float64[Array, "n classes"]:
        check_is_fitted(self)
        return self.predictor_.scores(self._checked(X, reset=False))

    def _checked(self, *arrays: Any, **options: Any) -> Any:
        """Return arrays as scikit-learn checks them, and say what is wrong in one line."""
        try:
            return validate_data(self, *arrays, **options)
        except ValueError as error:
            raise InputError(" ".join(str(error).split())) from error
