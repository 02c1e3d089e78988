"""Synthesis of features of any classes with a trained generator, written as the files of a data set."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from numpy import ndarray as Array
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from zsl.config.build import load_source, stage_of
from zsl.config.checking import plain
from zsl.config.saved_models import load
from zsl.config.settings import ClassEmbeddingKeys, DataKeys, ProtocolKeys
from zsl.config.stored import CHANGEABLE, announcement, stored
from zsl.data.protocol import Stage
from zsl.errors import InputError
from zsl.files import matlab
from zsl.files.atomic import write_bytes
from zsl.methods.generative.feature_generator import AT_ONCE
from zsl.outputs import result as results
from zsl.outputs.names import MODEL

FEATURES, SPLITS = "synthetic.mat", "att_splits.mat"
TESTED = 5
"""one in this many features of a seen class is for testing"""
MOST = 1_000_000
"""most features of each class"""
HELD = 2**32
"""bytes of an array from which on it is too large for a MATLAB 5 file"""


@runtime_checkable
class Generative(Protocol):
    """A method that makes features."""

    def synthesize_features(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Return a synthetic feature for the class of every row of ``phi``."""


@dataclass(frozen=True)
class Synthetic:
    """Synthetic features (n, d), with labels (n) into the label space of ``stage``."""

    stage: Stage
    x: Float32[Array, "n d"]
    labels: Int64[Array, " n"]


def synthesize(run: Path, output: Path, per_class: int, seed: int, overrides: Sequence[str] = ()) -> Synthetic:
    """Write synthetic features of every class of a data set to ``output``: ``synthetic.mat`` and ``att_splits.mat``.

    The data set is that of the run, unless ``overrides`` give another data set or class embedding. The run may come
    from an untrusted person: only targets that :mod:`zsl.config.offered` allows are built. Files that its configuration
    names are read; the cache is the user's own.

    In the split file, every fifth feature of a seen class is for testing (the last one, if ``per_class`` < 5), the
    other features of seen classes are for training, and the features of unseen classes are for testing.

    Args:
        run: folder of a run of a generator with ``save.model=true``.
        output: folder of the two files.
        per_class: features of each class.
        seed: seed of the noise.
        overrides: overrides of ``data``, ``class_embedding`` or ``paths.cache``.

    Raises:
        InputError: there is no trained generator in ``run``, a file cannot hold so many features, its configuration has
            a target that is not allowed, the class embedding has another dimension, or a file cannot be written.
    """
    if not 2 <= per_class <= MOST:
        raise InputError(f"--per-class {per_class}: give a whole number from 2, to train and to test on, to {MOST}")
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed {seed}: give a whole number from 0 to {2**63 - 1}")
    result = results.read(run / results.NAME)
    before, cfg = stored(result, run / results.NAME, overrides)
    nodes = {part: OmegaConf.to_container(before[part], resolve=False) for part in CHANGEABLE}
    sys.stderr.write(announcement(nodes, run / results.NAME))
    predictor = load(run / MODEL, [pkgutil.resolve_name(target) for target in _own_methods(overrides)])
    told = {"seed": result.seed, "fingerprints": dict(result.fingerprints)}
    if {key: (predictor.facts or {}).get(key) for key in told} != told:
        raise InputError(f"{run}: {MODEL} and {results.NAME} are of two runs; train again")
    model, known = predictor.method, predictor.dims.embedding
    if not isinstance(model, Generative):
        raise InputError(f"{result.method} generates no features; give the run of a generator (zsl list methods)")
    stage = _stage(cfg, result.protocol)
    if stage.dims[1] != known:
        raise InputError(
            f"class_embedding: has {stage.dims[1]} dimensions, but the generator was trained with {known}; give one of "
            f"{known}"
        )
    classes = stage.classes
    torch.manual_seed(seed)
    labels = torch.arange(len(classes)).repeat_interleave(per_class)
    if (size := 4 * len(labels) * predictor.dims.features) >= HELD:
        raise InputError(
            f"--per-class {per_class}: makes {size / 1e9:.1f} GB of features, and a MATLAB 5 file holds "
            f"{HELD / 1e9:.1f} GB; give a smaller number"
        )
    x = np.empty((len(labels), predictor.dims.features), np.float32)
    with torch.inference_mode():
        for rows, some in zip(torch.split(torch.from_numpy(x), AT_ONCE), torch.split(labels, AT_ONCE), strict=True):
            rows.copy_(model.synthesize_features(classes.embeddings[some]))
    number = np.arange(1, len(labels) + 1)
    is_seen = classes.seen.numpy()[labels.numpy()]
    every = min(TESTED, per_class)
    tested = np.arange(len(labels)) % per_class % every == every - 1
    splits: dict[str, Any] = {
        "att": stage.phi.T,
        "allclasses_names": np.array([[name] for name in classes.names], dtype=object),
        "trainval_loc": number[is_seen & ~tested][:, None],
        "test_seen_loc": number[is_seen & tested][:, None],
        "test_unseen_loc": number[~is_seen][:, None],
    }
    features = {"features": x.T, "labels": labels.numpy()[:, None] + 1}
    write_bytes(output / FEATURES, matlab.encode(features))
    write_bytes(output / SPLITS, matlab.encode(splits))
    return Synthetic(stage, x, labels.numpy())


def _stage(cfg: DictConfig, name: str) -> Stage:
    source = load_source(plain(cfg, "data", DataKeys), plain(cfg, "class_embedding", ClassEmbeddingKeys))
    return stage_of(source, name, plain(cfg, "protocol", ProtocolKeys)["seen_holdout"])


def _own_methods(overrides: Sequence[str]) -> list[str]:
    """Return the user's own classes that overrides name as the method."""
    pairs = (word.partition("=") for word in overrides)
    return [value for key, _, value in pairs if key == "method._target_"]
