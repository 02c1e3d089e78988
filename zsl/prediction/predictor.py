"""A trained model that can be asked: a method with all that stands between it and an array or a photograph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from numpy import ndarray as Array
from scipy.special import expit, softmax
from torch import Tensor

from zsl.data.class_names import normalised, require_names
from zsl.data.label_space import LabelSpace
from zsl.data.scaling import Scaling
from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.corrections.none import Uncorrected
from zsl.evaluation.evaluate import Calibration
from zsl.evaluation.gzsl import stacked
from zsl.evaluation.scored_images import ScoreStream
from zsl.evaluation.scoring import ModelScores
from zsl.evaluation.statistics import best_classes
from zsl.methods.method import Dimensions, ZSLModel
from zsl.prediction.arrays import embeddings_of, features_of
from zsl.prediction.components import of_object
from zsl.prediction.described import Described
from zsl.prediction.model_files import write

if TYPE_CHECKING:
    from PIL.Image import Image

    from zsl.backbones.backbone import Backbone

Labels = Sequence[str] | Mapping[str, str | Float[Array, " k"] | None] | LabelSpace
"""names of classes; or names with φ, with a text for the class embedding, or with None; or a label space"""


@dataclass(frozen=True)
class Answers:
    """The best classes of every image, the best first.

    Attributes:
        labels: names, shape (n, top_k).
        confidence: softmax of calibrated scores over all classes that were asked about, or their sigmoid where that is
            how the method makes probabilities, shape (n, top_k).
        margin: calibrated score of the best seen class minus that of the best unseen class, shape (n,); NaN where
            the classes that were asked about are all seen or all unseen.
    """

    labels: Array
    confidence: Float64[Array, "n top_k"]
    margin: Float64[Array, " n"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Predictor:
    """A trained method with all that stands between it and an array of features, or a photograph.

    Attributes:
        method: trained.
        node: the method as data, with every hyperparameter.
        dims: sizes that the method was built for.
        classes: the label space of the data it was trained for, φ scaled as in training.
        scaling: of features.
        described: how the classes are described.
        calibration: γ and temperature that were chosen on validation classes; None where nothing was chosen.
        correction: of scores, image by image.
        backbone: encodes images; None where the model takes features alone.
        facts: what is known of its training, such as data set, fingerprints and versions.
    """

    method: ZSLModel
    node: Mapping[str, Any]
    dims: Dimensions
    classes: LabelSpace
    scaling: Scaling
    described: Described
    calibration: Calibration | None = None
    correction: Correction = field(default_factory=Uncorrected)
    backbone: Backbone | None = None
    facts: Mapping[str, Any] | None = None

    def label_space(self, labels: Labels | None = None) -> LabelSpace:
        """Return the label space of these classes; of all classes of training where none are given.

        Known names are found however they are spelled (``002.Barn_Swallow``, ``barn swallow``). Other names are
        embedded by the class embedding of the model, unless their φ is given.

        Raises:
            InputError: no label is given, one is no name or stands twice, or a new one cannot be embedded.
        """
        if labels is None:
            return self.classes
        if isinstance(labels, LabelSpace):
            k = self.dims.embedding
            embeddings = embeddings_of("labels: φ of the label space", labels.embeddings, len(labels), k)
            return replace(labels, embeddings=torch.from_numpy(embeddings).to(self.classes.embeddings.dtype))
        if isinstance(labels, str) or not isinstance(labels, Iterable):
            raise InputError(f"labels: {labels!r} is no list; give names of classes, such as ['zebra', 'okapi']")
        names = list(labels)
        if other := [name for name in names if not isinstance(name, str)]:
            raise InputError(f"labels: {other[0]!r} is no name; give names of classes, such as ['zebra', 'okapi']")
        if not names:
            raise InputError("labels: no class is asked about; give at least one, or leave labels out for all")
        require_names(names, "labels")
        pairs = labels.items() if isinstance(labels, Mapping) else ()
        given: dict[str, Any] = {name: value for name, value in pairs if value is not None}
        place = {name: i for i, name in enumerate(self.classes.names)}
        alike = {normalised(name): name for name in reversed(self.classes.names)}
        known = {name: name if name in place else alike.get(normalised(name)) for name in names if name not in given}
        fresh = [name for name in names if known.get(name) is None]
        ids = [place[found] for name in names if (found := known.get(name)) is not None]
        if not fresh:
            return self.classes.take(ids)
        new = torch.from_numpy(self.described.embedded({name: given.get(name) for name in fresh}, self.classes))
        phi = torch.cat([self.classes.embeddings[ids], new])
        seen = torch.cat([self.classes.seen[ids], torch.zeros(len(fresh), dtype=torch.bool)])
        space = LabelSpace((*(self.classes.names[i] for i in ids), *fresh), phi, seen)
        order = {name: i for i, name in enumerate(space.names)}
        return space.take([order[known.get(name) or name] for name in names])

    def features(self, images: Sequence[Image]) -> Float32[Array, "n d"]:
        """Encode images by the backbone; features are not scaled yet.

        Raises:
            InputError: the model takes features alone, or the backbone lacks a package.
        """
        return self.encoder(list(images))

    @property
    def encoder(self) -> Backbone:
        """Return the backbone, after a comparison of its weights and preprocessing with those of the training.

        Raises:
            InputError: the model takes features alone, or the checkpoint of the backbone is another one now.
        """
        if self.backbone is None:
            raise InputError("predict: this model was trained on features without a backbone; give arrays of features")
        now = f"{self.backbone.name}; {self.backbone.transform}"
        if (self.facts or {}).get("backbone", now) != now:
            raise InputError(
                "predict: the checkpoint of the backbone is another one than in training; put the old one in its place"
            )
        return self.backbone

    def scores(self, x: Float[Array, "n d"] | Tensor, labels: Labels | None = None) -> Float64[Array, "n classes"]:
        """Return F(x, y) of features for every class that is asked about, corrected but not calibrated.

        Args:
            x: features as the backbone makes them, not scaled; an array or a tensor.
            labels: classes to ask about, all classes of training where none are given.

        Raises:
            InputError: the features have another length, are not finite or too large, or a label cannot be embedded.
        """
        return np.concatenate(list(self._blocks(x, labels)))

    def _blocks(
        self, x: Float[Array, "n d"] | Tensor, labels: Labels | None
    ) -> Iterator[Float64[Array, "rows classes"]]:
        for block in self.stream(x, labels=labels).matrices():
            if not np.isfinite(block).all():
                raise InputError("scores: not all are finite numbers; features or φ are too large for it; scale them")
            yield block

    def stream(
        self, x: Float[Array, "n d"] | Tensor, y: Int64[Array, " n"] | None = None, labels: Labels | None = None
    ) -> ScoreStream:
        """Return the same scores as a stream that makes them block by block, with the true classes, for evaluation.

        Args:
            x: features as the backbone makes them, not scaled.
            y: positions of the images' own classes among ``labels``; 0 where they are not known.
            labels: classes to ask about, all classes of training where none are given.

        Raises:
            InputError: as of :meth:`scores`.
        """
        features = features_of("features", x, self.dims.features)
        own = np.zeros(len(features), np.int64) if y is None else y

        def read(start: int, stop: int) -> Float32[Tensor, "rows d"]:
            return torch.from_numpy(self.scaling(features[start:stop]))

        return self.correction.corrected(ModelScores(self.method, self.label_space(labels), own, read))

    def predict(self, x: Float[Array, "n d"] | Tensor, labels: Labels | None = None, top_k: int = 1) -> Answers:
        """Return the ``top_k`` best classes of every row of features, with confidence and margin.

        Scores are calibrated first: (F(x, y) - γ [y seen]) / T, with γ where both kinds of classes are asked about.

        Raises:
            InputError: ``top_k`` is below 1, or as of :meth:`scores`.
        """
        space = self.label_space(labels)
        parts = [self.answers(block, space, top_k) for block in self._blocks(x, space)]
        return Answers(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Answers)))

    def answers(self, scores: Float64[Array, "n classes"], space: LabelSpace, top_k: int = 1) -> Answers:
        """Return the answers that scores of these classes give.

        Raises:
            InputError: ``top_k`` is below 1.
        """
        if isinstance(top_k, bool) or not isinstance(top_k, int | np.integer) or top_k < 1:
            raise InputError(f"top_k={top_k}: give a whole number of at least 1")
        seen = space.seen.numpy()
        both = bool(seen.any() and (~seen).any())
        if self.calibration is not None:
            scores = stacked(scores, seen, self.calibration.gamma) if both else scores
            scores = scores / self.calibration.temperature
        best = best_classes(torch.from_numpy(scores), top_k)[1].numpy()
        sigmoid = self.method.probabilities == "sigmoid" and isinstance(self.correction, Uncorrected)
        confidence = np.take_along_axis(expit(scores) if sigmoid else softmax(scores, axis=1), best, axis=1)
        margin = np.full(len(scores), np.nan)
        if both:
            margin = scores[:, seen].max(axis=1) - scores[:, ~seen].max(axis=1)
        return Answers(np.array(space.names, dtype=object)[best], confidence, margin)

    def save(self, folder: str | Path) -> None:
        """Write the model into a folder of its own: ``model.json`` and ``tensors.safetensors``.

        Raises:
            InputError: the folder cannot be written, or a part is no data, such as a function.
        """
        described, scaling = self.described, self.scaling
        known = described.descriptions
        tensors = {f"method.{name}": value for name, value in self.method.state_dict().items()}
        tensors |= {"classes.embeddings": self.classes.embeddings, "classes.seen": self.classes.seen}
        arrays = {"phi": described.phi, "scaling.shift": scaling.shift, "scaling.width": scaling.width}
        arrays |= {f"matrices.{name}": matrix for name, matrix in known.matrices.items()}
        tensors |= {name: torch.from_numpy(np.array(value)) for name, value in arrays.items() if value is not None}
        description = {
            "method": dict(self.node),
            "dims": asdict(self.dims),
            "names": list(self.classes.names),
            "scaling": scaling.kind,
            "class_embedding": None if described.node is None else dict(described.node),
            "class_embedding_scale": described.scale,
            "texts": {key: list(texts) for key, texts in known.texts.items()},
            "numbers": list(known.numbers),
            "total": known.total,
            "calibration": None if self.calibration is None else vars(self.calibration),
            "correction": of_object(self.correction),
            "backbone": None if self.backbone is None else of_object(self.backbone),
            "facts": dict(self.facts or {}),
        }
        write(Path(folder), description, tensors)

    def to(self, device: str | torch.device) -> Predictor:
        """Return the predictor with its method on another device, such as ``"cuda"``.

        Raises:
            InputError: there is no such device.
        """
        try:
            return replace(self, method=self.method.to(device))
        except (AssertionError, RuntimeError) as error:  # of PyTorch, where a device is missing or unknown
            raise InputError(f"device {device!r}: is not at hand; use 'cpu'") from error
