"""``zsl.fit``: a method fitted on arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Shaped
from numpy import ndarray as Array
from torch import Tensor

from zsl.class_embeddings.embedding import ClassEmbedding
from zsl.config.build import build_class_embedding
from zsl.config.checking import plain, require_seed
from zsl.config.compose import compose
from zsl.config.settings import ClassEmbeddingKeys
from zsl.data.class_names import require_names
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import embed
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.scaling import EmbeddingScale, FeatureScale, Scaling, fit_scaling, scale_embeddings
from zsl.data.training_set import Setting, TrainingSet
from zsl.errors import InputError
from zsl.hyperparameters import require_choice
from zsl.methods.method import Dimensions, ZSLModel
from zsl.methods.recipe import Kind, Recipe, recipe_of
from zsl.prediction.arrays import embeddings_of, features_of, labels_of, require_one_each
from zsl.prediction.components import of_object, of_recipe
from zsl.prediction.described import Described
from zsl.prediction.predictor import Predictor
from zsl.training.fit import fit as fit_method
from zsl.training.fit import initialised
from zsl.training.loop import Loop

Method = Recipe | Kind | type[ZSLModel]
"""a method of ``zsl.methods``, with hyperparameters or with its defaults, or a class of the user's own"""


def fit(
    method: Method,
    x: Float[Array, "n d"] | Tensor,
    y: Sequence[str] | Shaped[Array, " n"] | Tensor,
    *,
    classes: Sequence[str],
    phi: Float[Array, "classes k"] | Tensor | None = None,
    class_embedding: ClassEmbedding | str | None = None,
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
        class_embedding: makes φ from names or ``texts``, now and of new classes later: a name that
            ``zsl.choices("class_embedding")`` lists, such as ``"glove"``, or an object.
        texts: a description of every class, for a class embedding of sentences.
        scale: of features, fitted on ``x``.
        phi_scale: of φ, fitted on the seen classes.
        unlabelled: features of images of unseen classes, for transductive methods.
        seed: of the random state.
        device: ``"cpu"`` or ``"gpu"``.

    Raises:
        InputError: arrays do not fit together, a hyperparameter is out of range, or the method has a budget of time.
    """
    require_choice(scale, "scale", get_args(FeatureScale))
    require_choice(phi_scale, "phi_scale", get_args(EmbeddingScale))
    recipe, names = recipe_of(method), _names("classes", classes)
    features, labels = features_of("x", x), labels_of("y", y, names)
    require_one_each(features, labels)
    seen = np.bincount(labels, minlength=len(names)) > 0
    written = {} if texts is None else {"text": _names("texts", texts, len(names))}
    descriptions = ClassDescriptions(names, {}, written)
    embedding = _class_embedding(class_embedding)
    every = _phi(phi, embedding, descriptions, seen)
    scaled = scale_embeddings(phi_scale, every, seen).astype(np.float32)
    space = LabelSpace(names, torch.from_numpy(scaled), torch.from_numpy(seen))
    scaling = fit_scaling(scale, features)
    train = TrainingSet(Examples(torch.from_numpy(scaling(features)), torch.from_numpy(labels)), space)

    def training(setting: Setting) -> TrainingSet:
        if setting is Setting.INDUCTIVE:
            return train.of_seen_classes()
        if seen.all():
            raise InputError(f"classes: {recipe.kind.__name__} learns from descriptions of unseen classes; name some")
        if setting is Setting.UNSEEN_SEMANTICS:
            return train
        if unlabelled is None:
            raise InputError(
                f"unlabelled: {recipe.kind.__name__} learns from images of unseen classes; give their features"
            )
        images = scaling(features_of("unlabelled", unlabelled, features.shape[1]))
        return replace(train, unlabelled=torch.from_numpy(images))

    described = Described(descriptions, every, phi_scale)
    if embedding is not None:
        described = replace(described, embedding=embedding.fit, node=of_object(embedding))
    dims = Dimensions(features.shape[1], every.shape[1], int(seen.sum()), int((~seen).sum()))
    return fitted(recipe, dims, training, space, scaling, described, seed, device)


def fitted(
    recipe: Recipe,
    dims: Dimensions,
    training: Callable[[Setting], TrainingSet],
    space: LabelSpace,
    scaling: Scaling,
    described: Described,
    seed: int,
    device: str,
) -> Predictor:
    """Build a method, train it on what its setting may see, and return its predictor.

    Args:
        recipe: the method.
        dims: sizes of the training set.
        training: setting -> training set, its features and φ scaled.
        space: all classes.
        scaling: of features.
        described: how the classes are described.
        seed: of the random state.
        device: ``"cpu"`` or ``"gpu"``.

    Raises:
        InputError: a hyperparameter is out of range, the method has a budget of time, or training diverged.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise InputError(f"seed={seed!r}: give a whole number from 0 to {2**32 - 1}")
    require_choice(device, "device", ("cpu", "gpu"))
    seed, loop = require_seed("seed", int(seed)), Loop(accelerator=device, progress_bar=False)
    model = initialised(lambda: recipe(dims), seed)
    if model.budget is not None:
        raise InputError(
            f"budget={model.budget}: the number of epochs, and every result, would depend on the speed of the machine; "
            "give epochs in its place"
        )
    model = fit_method(model, training(model.setting), loop, seed)
    if not all(value.isfinite().all() for value in model.state_dict().values()):
        name = recipe.kind.__name__
        raise InputError(f"{name}: its weights are not finite numbers after training; scale the features, scale='l2'")
    facts = {"setting": model.setting.value, "seed": seed}
    return Predictor(model, of_recipe(recipe), dims, space, scaling, described, facts=facts)


def class_embedding_named(name: str) -> ClassEmbedding:
    """Return the class embedding that ``class_embedding=NAME`` chooses on the command line.

    Raises:
        InputError: there is no such class embedding.
    """
    return build_class_embedding(plain(compose([f"class_embedding={name}"]), "class_embedding", ClassEmbeddingKeys))


def _class_embedding(given: ClassEmbedding | str | None) -> ClassEmbedding | None:
    if isinstance(given, str):
        return class_embedding_named(given)
    if given is not None and not isinstance(given, ClassEmbedding):
        raise InputError(f"class_embedding: a {type(given).__name__} is none; give a name such as 'glove'")
    return given


def _names(what: str, given: Sequence[str], count: int | None = None) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"{what}: {given!r} is no list; give one text for every class")
    names = tuple(given)
    if other := [name for name in names if not isinstance(name, str)]:
        raise InputError(f"{what}: {other[0]!r} is no text; give one text for every class")
    if count is None:
        if not names:
            raise InputError(f"{what}: there is none; give the names of all classes, seen and unseen")
        require_names(names, what)
    elif len(names) != count:
        raise InputError(f"{what}: {len(names)} for {count} classes; give one for every class")
    return tuple(str(name) for name in names)


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
    return embeddings_of("phi", phi, len(descriptions.names))
