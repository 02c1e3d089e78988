"""Loading of saved models, as data, in any process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from zsl.data.dataset import ClassDescriptions
from zsl.data.label_space import LabelSpace
from zsl.data.scaling import FITTED, EmbeddingScale, FeatureScale, Scaling
from zsl.errors import InputError
from zsl.evaluation.evaluate import Calibration
from zsl.features.cache import user_cache
from zsl.hyperparameters import require_choice
from zsl.methods.method import Dimensions, ZSLModel
from zsl.outputs.names import MODEL, RESULT
from zsl.prediction.components import Plugged, built, no_plugin
from zsl.prediction.described import Described
from zsl.prediction.model_files import DESCRIPTION, read
from zsl.prediction.predictor import Predictor


def load(folder: str | Path, own: Iterable[type] = (), plugged: Plugged = no_plugin) -> Predictor:
    """Read a saved model; neither its data set nor its configuration is needed.

    The folder may be anybody's: what it names is built only if the package offers it, or ``own`` classes of yours, or
    plug-ins.

    Args:
        folder: what :meth:`Predictor.save` wrote, or the folder of a run with ``save.model=true``.
        own: your own classes (method, class embedding, backbone) that the model may consist of.
        plugged: finds what plug-ins offer.

    Raises:
        InputError: there is no model in the folder, it is damaged, or it names what is not offered.
    """
    place = Path(folder)
    if not (place / DESCRIPTION).is_file():
        if (place / MODEL / DESCRIPTION).is_file():
            place /= MODEL
        elif (place / RESULT).is_file():
            raise InputError(f"{folder}: the run saved no model; run it again with save.model=true")
    content, tensors = read(place)
    try:
        build = partial(built, place=str(place / DESCRIPTION), own=tuple(own), plugged=plugged)
        return _assembled(content, tensors, build)
    except InputError as error:
        where = "" if str(error).startswith(str(place)) else f"{place}: is not a model that zsl saved: "
        raise InputError(f"{where}{error}") from error
    except Exception as error:  # a file that somebody has edited can raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{place}: is not a model that zsl saved ({reason}); save it again") from error


def _assembled(content: dict[str, Any], tensors: dict[str, Tensor], build: Callable[[Any, str], Any]) -> Predictor:
    node = dict(content["method"])
    kind = build({**node, "_partial_": True}, "method")
    dims = Dimensions(**content["dims"])
    weights = {name.removeprefix("method."): v for name, v in tensors.items() if name.startswith("method.")}
    with torch.random.fork_rng():
        _require_sizes(kind, dims, weights)
        method = kind(dims)
    method.load_state_dict(weights)
    names = tuple(content["names"])
    matrices = {
        name.removeprefix("matrices."): value.numpy() for name, value in tensors.items() if name.startswith("matrices.")
    }
    texts = {key: tuple(_of_classes(values, str, names)) for key, values in content["texts"].items()}
    numbers, total = _of_classes(content["numbers"], int, names), content["total"]
    if len(set(numbers)) < len(numbers) or not all(0 <= number < total for number in numbers):
        raise ValueError("its numbers of classes are not those of a data set")
    descriptions = ClassDescriptions(names, matrices, texts, tuple(numbers), total)
    embedding = content["class_embedding"]
    calibration, backbone = content["calibration"], content["backbone"]
    require_choice(content["class_embedding_scale"], "class_embedding_scale", get_args(EmbeddingScale))
    for matrix in matrices.values():
        _of_classes(list(matrix), np.ndarray, names)
    if tensors["classes.embeddings"].shape[1] != dims.embedding or tensors["phi"].shape != (len(names), dims.embedding):
        raise ValueError("its class embeddings have other sizes than its method")
    return Predictor(
        method=method.eval(),
        node=node,
        dims=dims,
        classes=LabelSpace(names, tensors["classes.embeddings"], tensors["classes.seen"]),
        scaling=_scaling(content["scaling"], tensors, dims.features),
        described=Described(
            descriptions,
            tensors["phi"].numpy(),
            content["class_embedding_scale"],
            None if embedding is None else build(_cached(embedding), "class_embedding").fit,
            embedding,
        ),
        calibration=None if calibration is None else Calibration(calibration["gamma"], calibration["temperature"]),
        correction=build(content["correction"], "correction"),
        backbone=None if backbone is None else build(backbone, "backbone"),
        facts=content["facts"],
    )


def _of_classes(values: Any, kind: type, names: Sequence[str]) -> list[Any]:
    """Return values, one a class, all of one type."""
    if not isinstance(values, list) or len(values) != len(names) or not all(type(value) is kind for value in values):
        raise ValueError("its descriptions are of other classes than its names")
    return values


def _scaling(kind: Any, tensors: Mapping[str, Tensor], features: int) -> Scaling:
    require_choice(kind, "scaling", get_args(FeatureScale))
    if kind not in FITTED:
        return Scaling(kind)
    shift, width = tensors["scaling.shift"].numpy(), tensors["scaling.width"].numpy()
    if shift.shape != (features,) or width.shape != (features,):
        raise ValueError("its scaling has another number of features than its method")
    return Scaling(kind, shift, width)


def _require_sizes(kind: Callable[[Dimensions], ZSLModel], dims: Dimensions, weights: Mapping[str, Tensor]) -> None:
    """Refuse weights of other sizes before memory is taken for a method of these dimensions."""
    try:
        with torch.device("meta"):
            expected = kind(dims).state_dict()
    except RuntimeError:  # a method that looks at the values of its weights
        return
    if {name: it.shape for name, it in weights.items()} != {name: it.shape for name, it in expected.items()}:
        raise ValueError("its weights have other sizes than its method")


def _cached(node: Any) -> Any:
    """Return a node whose caches lie where the user's own do, and not where the file says."""
    if not isinstance(node, dict):
        return node
    cache = str(user_cache())
    return {key: cache if key == "cache" else _cached(value) for key, value in node.items()}
