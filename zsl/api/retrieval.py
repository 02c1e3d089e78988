"""``zsl.retrieve``: images that find texts, texts that find images, and images that find images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray as Array

from zsl.config.corrections import correction_of
from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.corrections.none import Uncorrected
from zsl.evaluation.retrieval import Search
from zsl.evaluation.retrieval import retrieve as search_all
from zsl.prediction.arrays import array_of, features_of


def retrieve(
    images: Any,
    texts: Any = None,
    *,
    image_groups: Any = None,
    text_groups: Any = None,
    correction: str | Correction = "none",
    at: Sequence[int] = (1, 5, 10),
    k: int = 10,
) -> dict[str, dict[str, float | int]]:
    """Return the metrics of every direction of retrieval by cosine: R@k, mAP, median rank and hubness.

    Directions are image→text and text→image where there are texts, and image→image where groups of images are given
    and some group has two images. The metrics are those of :meth:`~zsl.evaluation.retrieval.Retrieval.metrics`; with a
    transductive correction all queries are read together, and the numbers are not those of a single query.

    Args:
        images: embeddings, one row an image.
        texts: embeddings, one row a text, as long as those of images.
        image_groups: group of every image, numbers or names; by default every image is a group of its own, its row.
        text_groups: group of every text: the row of its image, or a group of ``image_groups``; by default text i
            belongs to image i. Several texts may have the same group.
        correction: of hubness: a name that ``correction=NAME`` chooses in runs, such as ``"csls"``, or ``CSLS(k=5)``.
        at: the k of R@k.
        k: of the k-occurrence N_k.

    Raises:
        InputError: arrays do not fit together, an embedding is zero, or the correction cannot be used here.
    """
    chosen = correction_of(correction, {}) if isinstance(correction, str) else correction
    _require_of_batch(chosen)
    x = normalised("images", images)
    asked = groups_of("image_groups", np.arange(len(x)) if image_groups is None else image_groups, len(x))
    found = {}
    if texts is not None:
        t = normalised("texts", texts)
        if t.shape[1] != x.shape[1]:
            raise InputError(f"texts: rows of {t.shape[1]} numbers, those of images have {x.shape[1]}; use one model")
        if text_groups is None and len(t) != len(x):
            raise InputError(f"text_groups: {len(t)} texts and {len(x)} images; give the image of every text")
        owned = groups_of("text_groups", asked if text_groups is None else text_groups, len(t))
        if owned.dtype.kind != asked.dtype.kind:
            raise InputError("text_groups: names on one side and numbers on the other; give the same groups for both")
        if image_groups is None and not np.isin(owned, asked).all():
            stranger = owned[~np.isin(owned, asked)][0]
            raise InputError(f"text_groups: {stranger} is no row of an image; count rows from 0 to {len(x) - 1}")
        a, b = numbered(asked, owned)
        found["image→text"] = search_all(Search(x, t, a, b), chosen, min(k, len(t))).metrics(at)
        found["text→image"] = search_all(Search(t, x, b, a), chosen, min(k, len(x))).metrics(at)
    if len(np.unique(asked)) < len(asked):
        (a,) = numbered(asked)
        found["image→image"] = search_all(Search(x, x, a, a, same=True), chosen, min(k, len(x) - 1)).metrics(at)
    if not found:
        raise InputError("texts: there are none, and no two images share a group; give texts or image_groups")
    return found


def normalised(name: str, rows: Any) -> Float64[Array, "n d"]:
    """Return embeddings divided by their lengths, in float64.

    Raises:
        InputError: the value is no matrix of finite numbers, or a row is zero.
    """
    x = features_of(name, rows).astype(np.float64)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    if not length.all():
        raise InputError(f"{name}: row {int((length[:, 0] == 0).argmax())} is zero and has no direction; leave it out")
    return np.asarray(x / length)


def groups_of(name: str, given: Any, n: int) -> Array:
    """Return groups, numbers or names, one a row.

    Raises:
        InputError: there is not one whole number or name for every row.
    """
    groups = array_of(name, given)
    if groups.shape != (n,) or groups.dtype.kind not in "iuU":
        raise InputError(
            f"{name}: {groups.dtype} of shape {groups.shape} for {n} rows; give one whole number or name a row"
        )
    return groups.astype(np.int64) if groups.dtype.kind == "u" else groups


def numbered(*groups: Array) -> list[Int64[Array, " n"]]:
    """Return groups as numbers from 0, equal ones alike in all arrays."""
    _, number = np.unique(np.concatenate(groups), return_inverse=True)
    return np.split(number.astype(np.int64), np.cumsum([len(group) for group in groups])[:-1])


def _require_of_batch(correction: Correction) -> None:
    if not correction.transductive and not isinstance(correction, Uncorrected):
        raise InputError(
            f"correction: {type(correction).__name__} is about seen classes, of which retrieval has none; use csls, "
            "nicdm, inverted_softmax, mutual_proximity or globally_corrected_retrieval"
        )
