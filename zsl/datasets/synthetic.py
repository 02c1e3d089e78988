"""Synthetic data with the true sizes of the benchmarks and a known Bayes rule (``data=synthetic``).

The model, for C classes, k attributes and d features; z, V, e, A, v, w are standard normal:

    a_y = σ(2 z_y V/√10 + e_y/2 - 1)    attributes in [0, 1] (logistic function), V 10 × k: low rank and noise
    φ(y) = a_y/‖a_y‖₂                   ``att``, as in the benchmarks; ``original_att`` is a_y, to two decimals
    μ_y = A φ(y)                        A (d × k) scaled so that the mean square distance between two classes is 1
    m_y = μ_y + δ [y unseen] t          t = A v scaled to length 1
    x | y ~ N(m_y, Σ)                   Σ = σ² I + h² b bᵀ,  b = A w scaled to length 1

so all parameters are in units of the typical distance between two classes. σ is ``noise``. δ is ``domain_shift``: a
mapping learned on seen classes has an error of δ on unseen classes. h is ``hubness``: the images of all classes spread
along b, one of the directions in which classes differ, so that a nearest-class-mean rule assigns most of them to the
few classes with extreme means along b.

With equal priors the Bayes rule is the linear discriminant argmax_y m_yᵀ Σ⁻¹ x - ½ m_yᵀ Σ⁻¹ m_y, where
σ² Σ⁻¹ = I - h²/(σ² + h²) b bᵀ, which gives the direction b less weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Interval
from jaxtyping import Float, Float32, Float64, Int64
from numpy import ndarray as Array

from zsl.data.dataset import Card, ClassDescriptions, Dataset
from zsl.data.fingerprint import fingerprints
from zsl.data.scaling import unit_rows
from zsl.datasets.benchmark_shapes import layout, shape_of
from zsl.errors import InputError

RANK = 10
LARGEST = 1e6
"""the largest value of a parameter; beyond it, differences between features would be lost in float32 rounding"""
Knob = Annotated[float, Interval(ge=0, le=LARGEST)]
CHUNK = 1024


@dataclass(frozen=True)
class World:
    """Parameters of the model: attributes, class means, direction b, h and σ."""

    attributes: Float64[Array, "classes k"]
    """a_y"""
    means: Float64[Array, "classes d"]
    """m_y"""
    direction: Float64[Array, " d"]
    """b"""
    hubness: float
    """h"""
    noise: float
    """σ"""

    def bayes_scores(self, x: Float[Array, "n d"]) -> Float64[Array, "n classes"]:
        """Return log p(x | y) up to a term common to all classes: softmax gives p(y | x) at equal priors.

        Without noise, return the limit of σ² log p(x | y).
        """
        m, b = self.means, self.direction
        share = self.hubness**2 / (self.noise**2 + self.hubness**2) if self.hubness else 0.0
        discounted = m - share * np.outer(m @ b, b)
        scores = np.asarray(x, dtype=np.float64) @ discounted.T - (m * discounted).sum(axis=1) / 2
        return np.asarray(scores / (self.noise**2 or 1.0))


def world(
    shape: str = "toy", world_seed: int = 0, domain_shift: float = 0.0, hubness: float = 0.0, noise: float = 0.2
) -> World:
    """Return the model from which ``load`` draws its images, given the same arguments.

    Raises:
        InputError: the shape is unknown, the seed is not a whole number of at least 0, or a parameter is not within
            0 and 1e6.
    """
    for key, value in (("domain_shift", domain_shift), ("hubness", hubness), ("noise", noise)):
        if not 0 <= value <= LARGEST:
            raise InputError(f"data.{key}={value}: choose a number from 0 to {LARGEST:g}")
    size, streams = shape_of(shape), _streams(world_seed)
    unseen = size.roles(streams["roles"])[2]
    C, k, d = sum(group.classes for group in size.groups), size.attributes, size.features
    z, V, e, A, v, w = (streams["world"].standard_normal(s) for s in ((C, RANK), (RANK, k), (C, k), (d, k), k, k))
    a = np.round(1 / (1 + np.exp(1 - e / 2 - 2 * np.einsum("cr,rk->ck", z, V) / np.sqrt(RANK))), 2)
    m = np.einsum("ck,dk->cd", unit_rows(a), A)
    m /= np.sqrt(2 * m.var(axis=0, ddof=1).sum())
    t, b = (unit_rows(np.einsum("dk,k->d", A, u)[None])[0] for u in (v, w))
    m[unseen] += domain_shift * t
    return World(a, m, b, float(hubness), float(noise))


def load(
    name: str = "synthetic",
    shape: str = "toy",
    world_seed: Annotated[int, Ge(0)] = 0,
    domain_shift: Knob = 0.0,
    hubness: Knob = 0.0,
    noise: Knob = 0.2,
    imbalance: Annotated[float, Interval(ge=0, le=1)] = 1.0,
) -> Dataset:
    """Draw a data set; equal arguments give bit-identical data.

    Each parameter acts independently: all data sets of one ``world_seed`` share attributes and standard normal draws,
    and (for equal ``imbalance``) labels and splits. With ``imbalance`` 1 the numbers of images per class vary about as
    in the real data set; with 0 they are equal.

    Raises:
        InputError: the shape is unknown, the seed is not a whole number of at least 0, a parameter is not within 0 and
            1e6, or ``imbalance`` is not within 0 and 1.
    """
    truth = world(shape, world_seed, domain_shift, hubness, noise)
    size, streams = shape_of(shape), _streams(world_seed)
    labels, splits = layout(size, size.roles(streams["roles"]), imbalance, streams["layout"])
    features = _images(truth, labels, streams["images"], streams["spread"])
    knobs = f"domain_shift {domain_shift:g}, hubness {hubness:g}, noise {noise:g}, imbalance {imbalance:g}"
    return Dataset(
        name,
        features,
        labels,
        ClassDescriptions(
            tuple(f"class{i:03d}" for i in range(len(truth.means))),
            {"att": unit_rows(truth.attributes), "original_att": truth.attributes},
        ),
        splits,
        Card(f"synthetic {shape}", ("none needed: drawn at random",), (f"world_seed {world_seed}, {knobs}",)),
        fingerprints(features, labels, splits),
    )


def _images(
    truth: World, labels: Int64[Array, " n"], white: np.random.Generator, spread: np.random.Generator
) -> Float32[Array, "n d"]:
    """Draw x_i = m_{y_i} + σ ε_i + h ζ_i b, chunk by chunk in place."""
    means, b = truth.means.astype(np.float32), truth.direction.astype(np.float32)
    along = truth.hubness * spread.standard_normal((len(labels), 1), dtype=np.float32)
    x = np.empty((len(labels), means.shape[1]), dtype=np.float32)
    for start in range(0, len(x), CHUNK):
        rows = slice(start, start + CHUNK)
        white.standard_normal(out=x[rows], dtype=np.float32)
        x[rows] *= truth.noise
        x[rows] += means[labels[rows]]
        if truth.hubness:
            x[rows] += along[rows] * b
    return x


def _streams(world_seed: int) -> dict[str, np.random.Generator]:
    """Return independent generators, so that no draw depends on the number of other draws."""
    if not isinstance(world_seed, int) or world_seed < 0:
        raise InputError(f"data.world_seed={world_seed}: choose a whole number of at least 0")
    names = ("roles", "world", "layout", "images", "spread")
    return dict(zip(names, np.random.default_rng(world_seed).spawn(len(names)), strict=True))
