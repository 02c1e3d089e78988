"""Zero-shot learning from Python: fit on arrays, ask, evaluate, save, and run configured experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Shaped
from numpy import ndarray as Array
from torch import Tensor

from zsl.class_embeddings.embedding import ClassEmbedding
from zsl.config.experiment import Experiment
from zsl.config.saved_models import load
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import embed
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.scaling import EmbeddingScale, FeatureScale, fit_scaling, scale_embeddings
from zsl.data.training_set import Setting, TrainingSet
from zsl.errors import InputError
from zsl.evaluation.evaluate import Evaluation, ScoredImages
from zsl.evaluation.evaluate import evaluate as evaluate_scores
from zsl.methods.method import Dimensions
from zsl.methods.recipe import Kind, Recipe
from zsl.outputs.result import Result, gather
from zsl.prediction.components import of_object, of_recipe
from zsl.prediction.predictor import Described, Predictor
from zsl.runs.run import run
from zsl.training.fit import fit as fit_method
from zsl.training.fit import initialised
from zsl.training.loop import Loop

__all__ = ["ConfiguredExperiment", "Results", "evaluate", "experiment", "fit", "load", "results"]


def fit(
    method: Recipe | Kind,
    x: Float[Array, "n d"] | Tensor,
    y: Sequence[str] | Shaped[Array, " n"] | Tensor,
    *,
    classes: Sequence[str],
    phi: Float[Array, "classes k"] | Tensor | None = None,
    class_embedding: ClassEmbedding | None = None,
    texts: Sequence[str] | None = None,
    scale: FeatureScale = "none",
    phi_scale: EmbeddingScale = "none",
    unlabelled: Float[Array, "m d"] | Tensor | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> Predictor:
    """Fit a method on arrays.

    Args:
        method: with hyperparameters, such as ``ESZSL(gamma=1, lamb=1)``.
        x: features of images of seen classes.
        y: the class of every image: names, or positions in ``classes``.
        classes: names of all classes, seen and unseen; those without an image are unseen.
        phi: φ(y), one row a class in the order of ``classes``; or None where a ``class_embedding`` makes it.
        class_embedding: makes φ from names or ``texts``, now and of new classes later.
        texts: a description of every class, for a class embedding of sentences.
        scale: of features, fitted on ``x``.
        phi_scale: of φ, fitted on the seen classes.
        unlabelled: features of images of unseen classes, for transductive methods.
        seed: of the random state.
        device: ``"cpu"`` or ``"gpu"``.

    Raises:
        InputError: arrays do not fit together, or a hyperparameter is out of range.
    """
    recipe = Recipe(method.kind) if isinstance(method, Kind) else method
    names = tuple(classes)
    features, labels = _features("x", x), _labels(y, names)
    if len(features) != len(labels):
        raise InputError(f"x, y: {len(features)} rows of features and {len(labels)} labels; give one label a row")
    seen = np.bincount(labels, minlength=len(names)) > 0
    descriptions = ClassDescriptions(names, {}, {} if texts is None else {"text": tuple(texts)})
    every = _phi(phi, class_embedding, descriptions, seen)
    scaled = scale_embeddings(phi_scale, every, seen).astype(np.float32)
    space = LabelSpace(names, torch.from_numpy(scaled), torch.from_numpy(seen))
    scaling = fit_scaling(scale, features)
    train = TrainingSet(Examples(torch.from_numpy(scaling(features)), torch.from_numpy(labels)), space)
    dims = Dimensions(features.shape[1], every.shape[1], int(seen.sum()), int((~seen).sum()))
    model = initialised(lambda: recipe(dims), seed)
    if model.setting is Setting.TRANSDUCTIVE:
        if unlabelled is None:
            raise InputError(
                f"unlabelled: {recipe.kind.__name__} learns from images of unseen classes; give their features"
            )
        train = TrainingSet(train.examples, space, torch.from_numpy(scaling(_features("unlabelled", unlabelled))))
    given = train.of_seen_classes() if model.setting is Setting.INDUCTIVE else train
    model = fit_method(model, given, Loop(accelerator=device, progress_bar=False), seed)
    described = Described(descriptions, every, phi_scale)
    if class_embedding is not None:
        described = replace(described, embedding=class_embedding.fit, node=of_object(class_embedding))
    facts = {"setting": model.setting.value, "seed": seed}
    return Predictor(model, of_recipe(recipe), dims, space, scaling, described, facts=facts)


def evaluate(
    predictor: Predictor, x: Float[Array, "n d"] | Tensor, y: Sequence[str] | Shaped[Array, " n"] | Tensor
) -> Evaluation:
    """Evaluate a predictor on test images: T1, u, s, H, AUSUC and all other metrics, as a run does.

    Which classes are seen is known from the predictor. ``metrics`` holds the numbers by name.

    Args:
        predictor: trained.
        x: features of test images of seen and of unseen classes, or of unseen classes alone.
        y: the class of every image: names, or positions in ``predictor.classes.names``.

    Raises:
        InputError: arrays do not fit together, or no image is of an unseen class.
    """
    space = predictor.classes
    labels, seen = _labels(y, space.names), space.seen.numpy()
    features = _features("x", x)
    if len(features) != len(labels):
        raise InputError(f"x, y: {len(features)} rows of features and {len(labels)} labels; give one label a row")
    unseen = ~seen[labels]
    if not unseen.any():
        raise InputError("y: no image is of an unseen class; zero-shot metrics are about these")
    ids = space.unseen_ids.numpy()
    position = np.full(len(seen), -1)
    position[ids] = np.arange(len(ids))
    names = [space.names[i] for i in ids]
    zsl = ScoredImages(predictor.scores(features[unseen], names), position[labels[unseen]], seen[ids])
    if not seen.any() or unseen.all():
        return evaluate_scores(zsl)
    gzsl = ScoredImages(predictor.scores(features), labels, seen)
    return evaluate_scores(zsl, gzsl, calibration=predictor.calibration)


@dataclass(frozen=True)
class ConfiguredExperiment:
    """An experiment of the command line's configuration: ``zsl.experiment("data=cub", "method=eszsl").run()``."""

    experiment: Experiment

    def run(self, output: str | Path | None = None) -> Result:
        """Run it as ``zsl train`` does, write ``result.json``, and return the result.

        Raises:
            InputError: the data cannot be used, or training diverged.
        """
        return run(self.experiment, None if output is None else Path(output))


def experiment(*overrides: str) -> ConfiguredExperiment:
    """Compose and check an experiment from overrides as ``zsl train`` takes them.

    Raises:
        InputError: the configuration cannot be composed, or a value cannot be used.
    """
    return ConfiguredExperiment(Experiment.compose(overrides))


@dataclass(frozen=True)
class Results:
    """Results of runs, by the path of their ``result.json``."""

    by_path: Mapping[Path, Result] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_path)

    def table(self, metrics: Sequence[str] = (), sort: str | None = None, std: bool = False) -> str:
        """Return a Markdown table: one row for all seeds of a configuration, as ``zsl report`` makes it.

        Raises:
            InputError: no result has one of the metrics.
        """
        from zsl.reporting.layout import arrange
        from zsl.reporting.report import render
        from zsl.reporting.table import rows

        return render(arrange(rows(self.by_path), sort), "markdown", metrics, std)


def results(*folders: str | Path) -> Results:
    """Gather the results of all runs below folders.

    Raises:
        InputError: a folder holds none, or one is damaged.
    """
    return Results(gather([Path(folder) for folder in folders]))


def _features(name: str, x: Float[Array, "n d"] | Tensor) -> Float[Array, "n d"]:
    array = np.asarray(x.detach().cpu().numpy() if isinstance(x, Tensor) else x)
    if array.ndim != 2 or not array.size:
        raise InputError(f"{name}: shape {array.shape}; give a matrix with a row of features for every image")
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise InputError(f"{name}: not all features are finite real numbers; repair the array")
    return array.astype(np.float32)


def _labels(y: Sequence[str] | Shaped[Array, " n"] | Tensor, names: Sequence[str]) -> Int64[Array, " n"]:
    """Return positions in ``names``."""
    array = np.asarray(y.detach().cpu().numpy() if isinstance(y, Tensor) else y)
    if array.ndim != 1:
        raise InputError(f"y: shape {array.shape}; give one label for every image")
    if array.dtype.kind in "iu":
        wrong = array[(array < 0) | (array >= len(names))]
        if len(wrong):
            raise InputError(f"y: label {wrong[0]} is no position among {len(names)} classes; count from 0")
        return array.astype(np.int64)
    place = {name: i for i, name in enumerate(names)}
    if unknown := [label for label in array.tolist() if label not in place]:
        raise InputError(f"y: {unknown[0]!r} is none of the classes; give names of `classes`, or their positions")
    return np.array([place[label] for label in array.tolist()], dtype=np.int64)


def _phi(
    phi: Float[Array, "classes k"] | Tensor | None,
    class_embedding: ClassEmbedding | None,
    descriptions: ClassDescriptions,
    seen: Bool[Array, " classes"],
) -> Float64[Array, "classes k"]:
    if (phi is None) == (class_embedding is None):
        raise InputError("phi, class_embedding: give φ as an array, or what makes it from names; one of the two")
    if class_embedding is not None:
        return embed(class_embedding.fit, descriptions, seen)
    array = np.asarray(phi.detach().cpu().numpy() if isinstance(phi, Tensor) else phi)
    n = len(descriptions.names)
    if array.ndim != 2 or len(array) != n or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise InputError(f"phi: shape {array.shape}, but there are {n} classes; give one row of finite numbers each")
    return array.astype(np.float64)
